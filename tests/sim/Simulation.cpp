#include "tests/sim/Simulation.h"

#include <algorithm>
#include <set>
#include <utility>

#include "agent/engine/Engine.h"
#include "agent/engine/Path.h"
#include "agent/flow/Validate.h"
#include "agent/journal/AdmissionTable.h"
#include "agent/runtime/FlowLifecycle.h"
#include "common/json/Json.h"
#include "tests/sim/RandomCode.h"
#include "tests/sim/RandomFlow.h"

namespace belay::sim {

using base::Status;

namespace {

constexpr int kActions = 60;
/// Each round answers something and lets time pass to the next timer: in this many, a run that can
/// go on does.
constexpr int kRoundsToMove = 500;

/// What the history of one run must keep to about approvals, compensations and other runs that it
/// has started; what is wrong.
class Guards {
 public:
  void on(const engine::EventBody& body) {
    if (const auto* opened = std::get_if<engine::WaitOpened>(&body); opened && opened->review)
      approved_[opened->key.path] = false;
    if (const auto* resolved = std::get_if<engine::WaitResolved>(&body))
      if (const auto asked = approved_.find(resolved->key.path); asked != approved_.end())
        asked->second = resolved->answer == engine::WaitAnswer::kApproved;
    if (const auto* started = std::get_if<engine::StepStarted>(&body)) start(*started);
    if (const auto* finished = std::get_if<engine::StepFinished>(&body)) finish(*finished);
    if (const auto* end = std::get_if<engine::RunFinished>(&body)) finish(*end);
    if (const auto* failed = std::get_if<engine::AttemptFailed>(&body))
      awaited_.erase(failed->key.path);
    if (const auto* stop = std::get_if<engine::RunStopRequested>(&body))
      finalizes_ |= stop->finalizes;
    if (std::get_if<engine::RunCancelRequested>(&body)) giveUp();
  }
  const std::string& violation() const { return violation_; }

 private:
  /// An undo that a cancel has ended is not tried again.
  void giveUp() {
    if (trying_ && !kept_.empty()) kept_.pop_back();
    trying_ = finalizes_ = false;
    awaited_.clear();
  }
  void start(const engine::StepStarted& e) {
    if (e.awaited) awaited_.insert(e.key.path);
    if (engine::isUndo(e.key.path)) trying_ = true;
    const auto asked = approved_.find(e.key.path);
    if (asked != approved_.end() && !asked->second)
      violation_ = "step " + e.key.path + " began without its approval";
  }
  void finish(const engine::StepFinished& e) {
    awaited_.erase(e.key.path);
    if (engine::isFinalize(e.key.path)) finalizes_ = false;
    if (engine::isUndo(e.key.path) && !awaited_.empty())
      violation_ = e.key.path + " ran while a run was still awaited at " + *awaited_.begin();
    if (engine::isUndo(e.key.path)) {
      trying_ = false;
      const std::string due = kept_.empty() ? "nothing" : kept_.back();
      if (due != engine::visitName({e.key.path, e.key.visit, 1}))
        violation_ = e.key.path + " ran, and due was " + due;
      if (!kept_.empty()) kept_.pop_back();
    } else if (!e.undoJson.empty()) {
      kept_.push_back(engine::visitName({engine::undoPath(e.key.path), e.key.visit, 1}));
    }
  }
  void finish(const engine::RunFinished& e) {
    const bool undoes = e.end == engine::RunEnd::kFailed || e.end == engine::RunEnd::kStopped;
    if (!awaited_.empty()) violation_ = "the run at " + *awaited_.begin() + " was not awaited";
    if (finalizes_) violation_ = "nothing was finalized";
    if (undoes && !kept_.empty()) violation_ = kept_.back() + " was never tried";
    if (e.end == engine::RunEnd::kSucceeded && !(e.compensated.empty() && e.uncompensated.empty()))
      violation_ = "a run that succeeded has undone something";
  }

  std::map<std::string, bool> approved_;  ///< Of the latest request, by path.
  std::set<std::string> awaited_;         ///< Paths of steps that wait for other runs.
  bool finalizes_ = false;                ///< Stopped, and nothing was finalized since.
  std::vector<std::string> kept_;
  bool trying_ = false;  ///< The last of them.
  std::string violation_;
};

}  // namespace

Simulation::Simulation(std::uint64_t seed)
    : random_(seed), worldRandom_(seed ^ 0x9E3779B97F4A7C15ULL) {
  std::string child;
  for (int i = 0; i < 3; ++i) {
    const std::string slug = "flow-" + std::to_string(i);
    flows_.push_back({slug, "yaml", randomFlow(random_, slug, child)});
    child = slug;
    check(flows_.back(), flow::Format::kYaml);
  }
  flows_.push_back({"code", "js", randomCode(random_, "code", child)});
  check(flows_.back(), flow::Format::kCode);
  ring_ = randomRing(random_);
  for (const RingFlow& flow : ring_) {
    lanes_.onNewRelease(flow.slug, flow.onNewRelease);
    check({flow.slug, "yaml", flow.release(1)}, flow::Format::kYaml);
  }
  if (random_.below(3) == 0) concurrentRunsMax_ = 1 + random_.below(4);
  host_ = std::make_unique<SimHost>(random_, worldRandom_, concurrentRunsMax_);
}

Simulation::~Simulation() = default;

void Simulation::check(const SimFlow& random, flow::Format format) {
  const auto flow = flow::parseFlow(random.text, "sim.flow", format);
  if (!flow) fail("a random flow is not valid: " + flow.error().message + "\n" + random.text);
}

void Simulation::note(const std::string& line) {
  trace_.update(line);
  trace_.update("\n");
}

void Simulation::fail(const std::string& what) {
  if (outcome_.violation.empty()) outcome_.violation = what;
}

void Simulation::boot() {
  if (const Status up = host_->boot(); !up) return fail("boot: " + up.error().message);
  checkAcknowledged();
}

void Simulation::die(Death how) {
  host_->die(how);
  comeBack(how);
}

void Simulation::comeBack(Death how) {
  note(how == Death::kPowerCut ? "power cut" : "kill");
  ++(how == Death::kPowerCut ? outcome_.cuts : outcome_.crashes);
  boot();
}

/// The loop works until it would wait; false when the daemon died in it.
bool Simulation::step() {
  const auto stepped = host_->step();
  if (!stepped) {
    fail("the loop failed: " + stepped.error().message);
    return false;
  }
  if (*stepped == SimHost::Stepped::kDied) {
    comeBack(Death::kPowerCut);
    return false;
  }
  const std::string wrong = lanes_.look(host_->journal(), concurrentRunsMax_);
  if (!wrong.empty()) fail(wrong);
  return true;
}

void Simulation::startRun() {
  const std::string digest = flows_[random_.below(flows_.size())].digest();
  const std::string key = random_.below(3) == 0 ? "key-" + std::to_string(random_.below(5)) : "";
  const std::string lane(1, static_cast<char>('a' + random_.below(2)));
  host_->loop().post([this, key, lane, digest](runtime::Runtime& runtime,
                                               std::vector<runtime::Ack>& acks) -> Status {
    BELAY_TRY(SimHost::putDrafts(runtime.journal(), host_->clock(), flows_));
    runtime::StartRequest request;
    request.digest = digest;
    request.by = "uid:0";
    request.idempotencyKey = key;
    request.input.set("lane", lane);
    const auto started = runtime.start(request);
    // Some flows refuse what is too much.
    if (!started && started.error().code == base::ErrorCode::kFlowBusy) return Status{};
    if (started && started->skipped) return Status{};
    if (!started) {
      fail("start: " + started.error().message);
      return Status{};
    }
    acks.push_back([this, run = started->run](const Status& committed) {
      if (committed.ok() && !host_->isDying()) acknowledgedRuns_.insert(run);
    });
    return Status{};
  });
}

namespace {

/// Another release of the flow, which is live.
Status makeLive(runtime::Runtime& runtime, const RingFlow& flow, std::uint64_t number,
                std::int64_t nowMs) {
  const runtime::Author author{"uid:0", "/ring"};
  journal::Journal& journal = runtime.journal();
  const SimFlow content{flow.slug, "yaml", flow.release(number)};
  const journal::FlowRow row{content.digest(), flow.slug, "yaml", content.text, nowMs};
  BELAY_TRY(runtime::putDraft(journal, row, {"", true}, author));
  BELAY_TRY(runtime::makeRelease(journal, flow.slug, "", {}, author, nowMs));
  BELAY_TRY(runtime::promote(journal, flow.slug, "", author, nowMs));
  runtime.promoted(flow.slug);
  return {};
}

}  // namespace

void Simulation::releaseRing() {
  const RingFlow& flow = ring_[random_.below(ring_.size())];
  host_->loop().post([this, &flow, number = ++releases_](runtime::Runtime& runtime,
                                                         std::vector<runtime::Ack>&) -> Status {
    return makeLive(runtime, flow, number, host_->clock().wallMs());
  });
}

/// Starts what is live of a flow that starts others.
void Simulation::startRing() {
  const std::string slug = ring_[random_.below(ring_.size())].slug;
  const std::string lane(1, static_cast<char>('a' + random_.below(2)));
  const auto left = static_cast<std::int64_t>(random_.below(3));
  const std::uint64_t number = releases_ += ring_.size();
  host_->loop().post(
      [=, this](runtime::Runtime& runtime, std::vector<runtime::Ack>& acks) -> Status {
        for (std::size_t i = 0; i < ring_.size(); ++i) {
          // A crash may have taken the first releases back.
          const auto live = runtime::versionToRun(runtime.journal(), ring_[i].slug, "live");
          if (!live) BELAY_TRY(makeLive(runtime, ring_[i], number - i, host_->clock().wallMs()));
        }
        BELAY_ASSIGN(const auto live, runtime::versionToRun(runtime.journal(), slug, "live"));
        runtime::StartRequest request;
        request.digest = live.digest;
        request.source = live.source;
        request.by = "uid:0";
        request.input.set("lane", lane).set("left", left);
        const auto started = runtime.start(request);
        if (!started) fail("start: " + started.error().message);
        if (!started || started->skipped) return Status{};
        acks.push_back([this, run = started->run](const Status& committed) {
          if (committed.ok() && !host_->isDying()) acknowledgedRuns_.insert(run);
        });
        return Status{};
      });
}

std::optional<journal::WaitRow> Simulation::someWait(flow::WaitKind kind) {
  journal::WaitFilter filter;
  filter.kind = kind;
  const auto rows = host_->journal().waits(filter);
  if (!rows || rows->empty()) return std::nullopt;
  return (*rows)[random_.below(rows->size())];
}

void Simulation::answerSomething() {
  const auto ack = [this](const base::WaitId& wait) {
    return [this, wait](const Status& committed) {
      if (committed.ok() && !host_->isDying()) acknowledgedAnswers_.insert(wait);
    };
  };
  if (random_.below(4) == 0) {
    host_->loop().post([](runtime::Runtime& runtime, std::vector<runtime::Ack>&) -> Status {
      auto emitted = runtime.waits().emit("tick", R"({"n":1})", "uid:0");
      return emitted ? Status{} : Status{emitted.error()};
    });
    return;
  }
  const bool isApproval = random_.below(2) == 0;
  const auto wait = someWait(isApproval ? flow::WaitKind::kApproval : flow::WaitKind::kCallback);
  if (!wait) return;
  const bool approved = random_.below(4) != 0;
  // Asked twice now and then: the second answer must not count.
  for (std::uint64_t i = 0; i <= random_.below(2); ++i) {
    host_->loop().post([=, this](runtime::Runtime& runtime, std::vector<runtime::Ack>& acks) {
      const Status answered =
          isApproval ? host_->decide(runtime, *wait, approved)
                     : runtime.waits().answerCallback(wait->id, R"({"ok":true})", "uid:0");
      if (answered.ok()) acks.push_back(ack(wait->id));
      return onlyIfItEnds(answered);
    });
  }
}

std::vector<journal::RunRow> Simulation::rowsOf(bool ended) {
  auto rows = host_->runs(ended ? SimHost::Runs::kEnded : SimHost::Runs::kOpen);
  if (rows) return std::move(*rows);
  fail("list of runs: " + rows.error().message);
  return {};
}

void Simulation::controlSomething() {
  const bool retries = random_.below(5) == 0;
  const std::vector<journal::RunRow> rows = rowsOf(retries);
  if (rows.empty()) return;
  const base::RunId run = rows[random_.below(rows.size())].id;
  const auto verb = static_cast<runtime::Verb>(random_.below(4));
  // Cancelling everything would leave nothing to simulate.
  if (!retries && verb == runtime::Verb::kCancel && random_.below(3) != 0) return;
  note("control " + run.str() + " " + std::to_string(static_cast<int>(verb)));
  host_->loop().post([=](runtime::Runtime& runtime, std::vector<runtime::Ack>&) {
    const Status done =
        retries ? runtime.retry(run, "", "uid:0") : runtime.control(run, verb, "uid:0");
    return onlyIfItEnds(done);
  });
}

void Simulation::resolveSomething() {
  for (const journal::RunRow& row : rowsOf(false)) {
    if (row.status != engine::RunStatus::kAmbiguous) continue;
    host_->resolve(row.id, static_cast<engine::Resolution>(random_.below(3)));
  }
}

void Simulation::passTime() {
  const std::int64_t next = host_->msToNext();
  test::SimClock& clock = host_->clock();
  if (next > 0 && random_.below(4) != 0)
    clock.advance(std::chrono::milliseconds{next});
  else
    clock.advance(std::chrono::milliseconds{random_.below(600'000)});
  if (random_.below(10) == 0) {
    clock.jumpWall(
        std::chrono::milliseconds{static_cast<std::int64_t>(random_.below(7'200'000)) - 3'600'000});
  }
  host_->peers().deliver();
}

void Simulation::act() {
  switch (random_.below(11)) {
    case 0:
    case 1:
      startRun();
      break;
    case 8:
    case 9:
      startRing();
      break;
    case 10:
      releaseRing();
      break;
    case 2:
    case 3:
      answerSomething();
      break;
    case 4:
      controlSomething();
      break;
    case 5:
      resolveSomething();
      break;
    default:
      passTime();
  }
  if (random_.below(12) == 0) host_->dieAtSync(1 + random_.below(3), Death::kPowerCut);
}

/// Nothing goes wrong any more: every run must come to its end. How long that takes depends on what
/// the flows start; that nothing moves for long does not.
void Simulation::settle() {
  host_->dieAtSync(0, Death::kPowerCut);
  std::map<base::RunId, std::int64_t> before;
  for (int round = 0; outcome_.violation.empty(); ++round) {
    const std::vector<journal::RunRow> open = rowsOf(false);
    if (open.empty()) return;
    if (round % kRoundsToMove == 0) {
      std::map<base::RunId, std::int64_t> now;
      for (const journal::RunRow& row : open) now[row.id] = row.updatedMs;
      if (now == before) break;
      before = std::move(now);
    }
    for (const journal::RunRow& row : open) {
      if (row.status != engine::RunStatus::kPaused) continue;
      host_->loop().post([run = row.id](runtime::Runtime& runtime, std::vector<runtime::Ack>&) {
        return runtime.control(run, runtime::Verb::kResume, "uid:0");
      });
    }
    resolveSomething();
    answerSomething();
    if (!step()) return;
    passTime();
    if (!step()) return;
  }
  for (const journal::RunRow& row : rowsOf(false)) {
    std::string last;
    if (const auto events = host_->journal().events(row.id, 0, 100'000)) {
      for (const journal::EventRow& event : *events)
        last += "\n  " + event.name + " " + event.body.substr(0, 120);
    }
    fail("run " + row.id.str() + " of " + row.slug +
         " does not end: " + std::string(engine::runStatusName(row.status)) + last);
  }
}

void Simulation::checkAcknowledged() {
  for (const base::RunId& run : acknowledgedRuns_) {
    const auto row = host_->journal().run(run);
    if (!row || !row->has_value()) fail("acknowledged run " + run.str() + " is lost");
  }
  for (const base::WaitId& wait : acknowledgedAnswers_) {
    const auto row = host_->journal().wait(wait);
    if (!row || !row->has_value() || (*row)->status == journal::WaitStatus::kOpen) {
      fail("the acknowledged answer of wait " + wait.str() + " is lost");
    }
  }
}

/// A run that a step says it started is there, knows that step, and has ended as the step says; no
/// run has a parent that does not know it.
void Simulation::checkChildren(const engine::RunState& run,
                               const std::vector<journal::EventRow>& events) {
  std::map<std::pair<std::string, std::uint32_t>, base::RunId> latest;  // By path and visit.
  std::size_t started = 0;
  for (const journal::EventRow& event : events) {
    const auto body = engine::decodeBody(event.name, event.body);
    if (const auto* start = std::get_if<engine::StepStarted>(&*body); start) {
      latest[{start->key.path, start->key.visit}] = start->child;
      if (start->child.empty()) continue;
      ++started;
      const auto child = runtime::replay(host_->journal(), start->child);
      const bool known = child && child->created.parent.run == run.id &&
                         child->created.parent.key == start->key &&
                         child->created.depth == run.created.depth + 1;
      if (!known) return fail("run " + start->child.str() + " does not know its parent");
    }
    const auto* end = std::get_if<engine::StepFinished>(&*body);
    const base::RunId child = end ? latest[{end->key.path, end->key.visit}] : base::RunId();
    if (child.empty()) continue;
    const bool succeeded = end->outcome == engine::StepOutcome::kSucceeded;
    if (succeeded != firstEndSucceeded(child))
      return fail("step " + end->key.path + " of run " + run.id.str() + " did not end as its run " +
                  child.str());
  }
  journal::RunFilter filter;
  filter.parent = run.id.str();
  filter.most = 100'000;
  const auto children = host_->journal().runs(filter);
  if (!children || children->size() != started)
    fail("run " + run.id.str() + " has other children than its events say");
}

/// How a run ended first: it may have been retried since.
bool Simulation::firstEndSucceeded(const base::RunId& run) {
  const auto events = host_->journal().events(run, 0, 100'000);
  for (const journal::EventRow& event : *events) {
    if (event.name == "run_finished") return event.body.find(R"("succeeded")") != std::string::npos;
  }
  return false;
}

void Simulation::checkHistories() {
  std::uint64_t increments = 0;
  for (const journal::RunRow& row : rowsOf(true)) {
    ++outcome_.runs;
    const auto events = host_->journal().events(row.id, 0, 100'000);
    if (!events) return fail("events of " + row.id.str() + ": " + events.error().message);
    std::set<std::pair<std::string, std::uint32_t>> finished;
    Guards guards;
    for (const journal::EventRow& event : *events) {
      ++outcome_.events;
      note(row.id.str() + event.name + event.body);
      const auto body = engine::decodeBody(event.name, event.body);
      if (!body) return fail(body.error().message);
      guards.on(*body);
      const auto* end = std::get_if<engine::StepFinished>(&*body);
      if (!end) continue;
      if (!finished.insert({end->key.path, end->key.visit}).second) {
        fail("step " + end->key.path + " of " + row.id.str() + " finished twice in one visit");
      }
      // Of a kv step itself, not of a step that holds some.
      const bool isKv = end->outputJson.starts_with("{\"value\"");
      if (isKv && end->outputJson.find("\"previous\"") != std::string::npos) ++increments;
    }
    if (!guards.violation().empty()) fail("run " + row.id.str() + ": " + guards.violation());
    const auto state = runtime::replay(host_->journal(), row.id);
    if (!state || state->status() != row.status)
      return fail("the row of run " + row.id.str() + " is not what its events say");
    checkChildren(*state, *events);
  }
  const auto places = host_->journal().admissions().lastPlace();
  if (!places || *places != 0) fail("a run that has ended holds a slot");
  const auto total = host_->journal().kv("default", "total", host_->clock().wallMs());
  const std::string counted = total && *total ? (*total)->valueJson : "0";
  if (counted != std::to_string(increments)) {
    fail("the store counts " + counted + " increments, the histories " +
         std::to_string(increments));
  }
  journal::VerifyCursor cursor;
  while (!cursor.done) {
    const auto report = host_->journal().verify(cursor, 10'000);
    if (!report || !report->ok)
      return fail("verify: " + (report ? report->firstBad : report.error().message));
  }
}

Outcome Simulation::run() {
  boot();
  for (int i = 0; i < kActions && outcome_.violation.empty(); ++i) {
    act();
    if (!step() && !outcome_.violation.empty()) break;
    if (random_.below(15) == 0) die(random_.below(2) == 0 ? Death::kPowerCut : Death::kKill);
  }
  if (outcome_.violation.empty()) settle();
  if (outcome_.violation.empty()) checkAcknowledged();
  if (outcome_.violation.empty()) checkHistories();
  fail(host_->peers().violation());
  outcome_.trace = trace_.finish().hex();
  return outcome_;
}

}  // namespace belay::sim
