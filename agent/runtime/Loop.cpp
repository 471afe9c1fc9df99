#include "agent/runtime/Loop.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Status;

Loop::Loop(Runtime& runtime, LoopSettings settings, log::Log& log, std::function<void()> wake)
    : runtime_(runtime),
      settings_(settings),
      log_(log),
      wake_(std::move(wake)),
      inbox_(settings.inboxMax),
      // Bounded by the attempts that are in flight, which the performers bound.
      results_(std::numeric_limits<std::size_t>::max()),
      calls_(std::numeric_limits<std::size_t>::max()),
      parts_{&runtime.gates()} {}

bool Loop::post(Task task) {
  if (!inbox_.tryPush(std::move(task))) return false;
  wake_();
  return true;
}

ResultSink Loop::resultSink() {
  return [this](const base::RunId& run, const engine::StepKey& key, StepResult result) {
    results_.tryPush({run, key, std::move(result)});
    wake_();
  };
}

void Loop::call(std::function<void()> call) {
  calls_.tryPush(std::move(call));
  wake_();
}

void Loop::onCommit(std::function<void(const std::vector<base::RunId>&)> listener) {
  committed_ = std::move(listener);
}

Status Loop::takeTasks() {
  if (tasks_.empty()) {
    tasks_ = inbox_.takeAll();
    // The last is taken first below.
    std::reverse(tasks_.begin(), tasks_.end());
  }
  // On a full disk each request stands or falls alone: a cancel must not be rolled back with its
  // neighbour.
  std::size_t most = runtime_.journal().fullMode() ? 1 : settings_.tasksPerRound;
  for (; most > 0 && !tasks_.empty(); --most) {
    taskRound_.push_back(std::move(tasks_.back()));
    tasks_.pop_back();
    BELAY_TRY(taskRound_.back()(runtime_, acks_));
  }
  return {};
}

Status Loop::takeResults() {
  for (Result& result : results_.takeAll()) taken_.push_back(std::move(result));
  const bool full = runtime_.journal().fullMode();
  for (Result& each : taken_) {
    if (full && !runtime_.isEnding(each.run)) continue;
    each.worked = true;
    const Status status = runtime_.finishAttempt(each.run, each.key, each.result);
    if (status.ok()) continue;
    if (endsTransaction(status.error().code)) return status;
    log_.error("attempt.result_refused", status.error());
  }
  return {};
}

Status Loop::work() {
  BELAY_TRY(takeTasks());
  const bool held = runtime_.clock().sinceBoot().count() < heldUntilBootMs_;
  if (held) return {};
  BELAY_ASSIGN(const bool quarantined, runtime_.guard().quarantined());
  // What jobs came to is a fact; what would follow from it waits.
  if (quarantined) return takeResults();
  if (runtime_.hasInterrupted()) BELAY_TRY(runtime_.takeUpAgain());
  BELAY_TRY(takeResults());
  // On a full disk nothing goes on but what was asked to end: the reserve is for that.
  if (!runtime_.journal().fullMode()) {
    auto more = runtime_.fireTimers(settings_.timersPerRound);
    if (!more) return std::move(more).error();
  }
  for (LoopPart* const part : parts_) BELAY_TRY(part->work());
  return runtime_.advance(settings_.effectsPerRound);
}

Status Loop::commit() {
  BELAY_TRY(runtime_.flush());
  if (runtime_.journal().inTransaction()) BELAY_TRY(runtime_.journal().commit());
  std::erase_if(taken_, [](const Result& result) { return result.worked; });
  taskRound_.clear();
  triedAgain_ = false;
  for (const Ack& ack : std::exchange(acks_, {})) ack(Status{});
  runtime_.carryOutOrders();
  const std::vector<base::RunId> changed = runtime_.takeChanged();
  if (committed_ && !changed.empty()) committed_(changed);
  // After the acknowledgements: a WAL over its bound is checkpointed though the loop is never idle.
  return runtime_.journal().inTransaction() ? Status{} : runtime_.journal().upkeep(false);
}

Status Loop::giveUp(const Error& error, bool secondTry) {
  if (error.code != ErrorCode::kDiskFull) return error;
  log_.error("journal.disk_full", error);
  runtime_.journal().rollback();
  // A large output found no room: else its result would come again, and take with it each time
  // what came in the same round.
  runtime_.journal().enterFullMode(error);
  runtime_.forget();
  for (Result& result : taken_) result.worked = false;
  for (LoopPart* const part : parts_) part->forget();
  std::vector<Ack> acks = std::exchange(acks_, {});
  std::vector<Task> round = std::exchange(taskRound_, {});
  triedAgain_ = secondTry;
  if (secondTry) {
    // The reserve has been released for just these: each is tried once more, alone.
    while (!round.empty()) {
      tasks_.push_back(std::move(round.back()));
      round.pop_back();
    }
  } else {
    for (const Ack& ack : acks) ack(error);
  }
  heldUntilBootMs_ = runtime_.clock().sinceBoot().count() + settings_.diskFullRetryMs;
  return {};
}

base::Result<NextStep> Loop::next() {
  NextStep next;
  const bool held = runtime_.clock().sinceBoot().count() < heldUntilBootMs_;
  // Tasks that came while earlier ones were being worked off have used up their wake-up.
  BELAY_ASSIGN(const bool quarantined, runtime_.guard().quarantined());
  const bool aside = !taken_.empty() && !runtime_.journal().fullMode();
  next.now = !tasks_.empty() || inbox_.size() != 0 || (!held && aside) ||
             (!held && !quarantined && runtime_.canAdvance());
  if (held) {
    next.bootMs = heldUntilBootMs_;
    return next;
  }
  if (quarantined) return next;
  if (runtime_.journal().fullMode()) {
    next.bootMs = runtime_.clock().sinceBoot().count() + settings_.diskFullRetryMs;
  } else {
    BELAY_ASSIGN(const journal::NextDue due, runtime_.journal().nextDue());
    next.bootMs = due.bootMs;
    next.wallMs = due.wallMs;
  }
  addParts(next);
  return next;
}

void Loop::addParts(NextStep& next) const {
  const auto sooner = [](std::optional<std::int64_t>& have, std::optional<std::int64_t> wanted) {
    if (wanted) have = have ? std::min(*have, *wanted) : *wanted;
  };
  for (const LoopPart* const part : parts_) {
    const NextStep wanted = part->next();
    next.now |= wanted.now;
    sooner(next.bootMs, wanted.bootMs);
    sooner(next.wallMs, wanted.wallMs);
  }
}

base::Result<NextStep> Loop::step() {
  for (const std::function<void()>& call : calls_.takeAll()) call();
  const bool wasFull = runtime_.journal().fullMode();
  Status done = work();
  if (done) done = commit();
  if (!done) BELAY_TRY(giveUp(done.error(), !wasFull && !triedAgain_));
  if (runtime_.journal().fullMode()) {
    const Status taken = runtime_.journal().recoverReserve();
    if (!taken && taken.error().code == ErrorCode::kJournalIo) return taken.error();
  }
  return next();
}

}  // namespace belay::runtime
