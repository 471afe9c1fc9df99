#include "agent/api/RunHistory.h"

#include <array>
#include <utility>

#include "agent/engine/Path.h"
#include "agent/flow/Family.h"
#include "common/json/Json.h"

namespace belay::api {

using Status = VisitRecord::Status;

std::string_view visitStatusName(Status status) {
  constexpr std::array<std::string_view, 8> kNames{"running",   "waiting", "backoff", "ambiguous",
                                                   "succeeded", "failed",  "skipped", "ended"};
  return kNames.at(static_cast<std::size_t>(status));
}

void RunHistory::add(std::int64_t atMs, const engine::EventBody& body) {
  std::visit([this, atMs](const auto& e) { on(atMs, e); }, body);
}

const VisitRecord* RunHistory::latest(std::string_view path) const {
  for (auto it = visits_.rbegin(); it != visits_.rend(); ++it) {
    if (it->path == path) return &*it;
  }
  return nullptr;
}

VisitRecord& RunHistory::visitOf(std::int64_t atMs, const engine::StepKey& key) {
  const auto known = numbers_.find({key.path, key.visit});
  if (known != numbers_.end()) return visits_[known->second - dropped_];
  if (visits_.size() >= visitsMax_) {
    numbers_.erase({visits_.front().path, visits_.front().visit});
    visits_.pop_front();
    ++dropped_;
  }
  numbers_[{key.path, key.visit}] = dropped_ + visits_.size();
  VisitRecord& made = visits_.emplace_back();
  made.path = key.path;
  made.visit = key.visit;
  made.startedMs = atMs;
  if (const auto call = calls_.find(key.path); call != calls_.end()) made.callJson = call->second;
  return made;
}

void RunHistory::control(std::int64_t atMs, std::string what, const std::string& by,
                         std::string step) {
  controls_.push_back(ControlRecord{atMs, std::move(what), by, std::move(step)});
}

void RunHistory::endActive(std::int64_t atMs, std::string_view prefix) {
  for (VisitRecord& visit : visits_) {
    if (!visit.active() || !visit.path.starts_with(prefix)) continue;
    visit.status = Status::kEnded;
    visit.finishedMs = atMs;
    visit.durationMs = atMs - visit.startedMs;
  }
}

void RunHistory::on(std::int64_t, const engine::RunCreated& e) {
  created_ = e;
  stateJson_ = e.stateJson;
}

void RunHistory::on(std::int64_t atMs, const engine::StepStarted& e) {
  VisitRecord& visit = visitOf(atMs, e.key);
  visit.status = e.child.empty() ? Status::kRunning : Status::kWaiting;
  visit.heldBy.clear();
  visit.started = e;
  visit.attempts.push_back(AttemptRecord{e.key.attempt, atMs, 0, std::nullopt, 0});
}

void RunHistory::on(std::int64_t atMs, const engine::StepFinished& e) {
  VisitRecord& visit = visitOf(atMs, e.key);
  // What the loop performs itself has no start of its own.
  if (visit.attempts.empty() && !visit.wait) visit.startedMs = atMs - e.durationMs;
  visit.finishedMs = atMs;
  visit.durationMs = atMs - visit.startedMs;
  visit.finished = e;
  switch (e.outcome) {
    case engine::StepOutcome::kSucceeded:
      visit.status = Status::kSucceeded;
      break;
    case engine::StepOutcome::kFailed:
      visit.status = Status::kFailed;
      break;
    case engine::StepOutcome::kSkipped:
      visit.status = Status::kSkipped;
      break;
  }
  if (!visit.attempts.empty()) {
    visit.attempts.back().endedMs = atMs;
    visit.attempts.back().failure = e.failure;
  }
  if (!e.stateJson.empty()) stateJson_ = e.stateJson;
  calls_.erase(e.key.path);
  // A child that failed ends the others.
  if (visit.block) endActive(atMs, engine::childrenOf(e.key));
}

void RunHistory::on(std::int64_t atMs, const engine::StepHeld& e) {
  VisitRecord& visit = visitOf(atMs, e.attempt.key);
  visit.status = Status::kBackoff;
  visit.heldBy = e.bucket;
  visit.heldUntilMs = atMs + e.delayMs;
  visit.started = e.attempt;
}

void RunHistory::on(std::int64_t atMs, const engine::AttemptFailed& e) {
  VisitRecord& visit = visitOf(atMs, e.key);
  visit.status = Status::kBackoff;
  if (visit.attempts.empty()) return;
  visit.attempts.back().endedMs = atMs;
  visit.attempts.back().failure = e.failure;
  visit.attempts.back().delayMs = e.delayMs;
}

void RunHistory::on(std::int64_t atMs, const engine::WaitOpened& e) {
  VisitRecord& visit = visitOf(atMs, e.key);
  visit.status = Status::kWaiting;
  visit.wait = WaitRecord{e, atMs, std::nullopt, 0};
}

void RunHistory::on(std::int64_t atMs, const engine::WaitResolved& e) {
  VisitRecord& visit = visitOf(atMs, e.key);
  if (!visit.wait) return;
  visit.wait->resolved = e;
  visit.wait->resolvedMs = atMs;
}

void RunHistory::on(std::int64_t atMs, const engine::StepAmbiguous& e) {
  VisitRecord& visit = visitOf(atMs, e.key);
  visit.status = Status::kAmbiguous;
  visit.ambiguousReason = e.reason;
  visit.resolution.reset();
}

void RunHistory::on(std::int64_t atMs, const engine::AmbiguityResolved& e) {
  VisitRecord& visit = visitOf(atMs, e.key);
  visit.resolution = e;
  if (e.resolution == engine::Resolution::kRetry) visit.status = Status::kBackoff;
}

void RunHistory::on(std::int64_t atMs, const engine::RunPaused& e) {
  paused_ = true;
  control(atMs, "paused", e.by);
}

void RunHistory::on(std::int64_t atMs, const engine::RunResumed& e) {
  paused_ = false;
  control(atMs, "resumed", e.by);
}

void RunHistory::on(std::int64_t atMs, const engine::RunStopRequested& e) {
  control(atMs, "stop requested", e.by);
}

void RunHistory::on(std::int64_t atMs, const engine::RunCancelRequested& e) {
  control(atMs, e.supersededBy.empty() ? "cancel requested" : "superseded", e.by);
  controls_.back().other = e.supersededBy.str();
}

void RunHistory::on(std::int64_t atMs, const engine::RunFinished& e) {
  finished_ = e;
  endActive(atMs);
}

void RunHistory::on(std::int64_t atMs, const engine::RunRetried& e) {
  finished_.reset();
  control(atMs, "retried", e.by, e.step);
}

void RunHistory::on(std::int64_t atMs, const engine::BlockStarted& e) {
  VisitRecord& visit = visitOf(atMs, e.key);
  visit.block = e;
  visit.block->itemsJson.clear();
}

void RunHistory::on(std::int64_t atMs, const engine::CodeAdvanced& e) {
  constexpr std::size_t kLogsMax = 1000;
  if (!e.stateJson.empty()) stateJson_ = e.stateJson;
  for (const engine::CodeCall& call : e.calls) calls_[call.key.path] = call.definitionJson;
  for (const std::string& text : e.logs) logs_.push_back({atMs, text});
  while (logs_.size() > kLogsMax) logs_.pop_front();
  for (const std::string& beginning : e.cancelled) endActive(atMs, beginning);
}

void RunHistory::on(std::int64_t atMs, const engine::RunAdmitted&) {
  control(atMs, "admitted", "");
}

VisitKind kindOf(const VisitRecord& visit, const flow::Flow* flow) {
  VisitKind kind;
  if (!visit.callJson.empty()) {
    const auto call = json::parse(visit.callJson);
    if (!call || !call->isObject()) return kind;
    kind.title = call->text("title");
    for (const json::Member& member : call->asObject()) {
      if (const flow::FamilyRow* row = flow::findFamily(member.first)) kind.family = row->family;
    }
    return kind;
  }
  const flow::Step* step = flow ? flow->find(engine::stepIdOf(visit.path)) : nullptr;
  if (!step) return kind;
  kind.family = step->family;
  kind.title = step->title;
  return kind;
}

// The steps of the round tell of it.
void RunHistory::on(std::int64_t, const engine::RoundStarted&) {}

}  // namespace belay::api
