#include "agent/runtime/Core.h"

#include <algorithm>
#include <utility>

namespace belay::runtime {

using base::Status;

namespace {

const base::RunId& runOf(const StartAttempt& order) { return order.attempt.run; }
const base::RunId& runOf(const CancelAttempt& order) { return order.run; }

}  // namespace

base::Result<crypto::P256PublicKey> World::noHostKey() {
  return base::Error{base::ErrorCode::kNotInitialised, "there is no key of a host here"};
}

Core::Core(World world, RuntimeSettings settings)
    : world_(world),
      settings_(std::move(settings)),
      flows_(world_.journal, settings_.flowsCached),
      runs_(world_.journal, flows_, world_.log),
      census_(world_.journal),
      guard_({world_.journal, world_.clock, world_.random, world_.log}) {}

Status Core::record(LiveRun& run, engine::EventBody body) {
  const std::string_view name = engine::eventName(body);
  const std::string text = engine::encodeBody(body);
  if (const auto* resolved = std::get_if<engine::WaitResolved>(&body); resolved && run.unverified) {
    run.unverified->settle(*resolved);
  }
  const bool seals = std::holds_alternative<engine::RunFinished>(body);
  engine::Event event{wallMs(), std::move(body)};
  BELAY_ASSIGN(std::vector<engine::Effect> effects, engine::apply(run.state, event));
  if (const auto* finished = std::get_if<engine::StepFinished>(&event.body); finished && run.code)
    run.code->feed.add(event.atMs, *finished);
  BELAY_TRY(world_.journal.appendEvent(run.head, name, event.atMs, text));
  if (seals) BELAY_TRY(world_.journal.sealRun(run.head, event.atMs));
  for (engine::Effect& effect : effects) {
    // Timers stand in the journal: they are put there with the event that asks for them, and never
    // owed.
    if (const auto* retry = std::get_if<engine::ArmRetry>(&effect)) {
      BELAY_TRY(arm(run, "retry:" + retry->key.path, retry->delayMs));
    } else if (const auto* round = std::get_if<engine::ArmRound>(&effect)) {
      BELAY_TRY(arm(run, "round:" + round->key.path, round->delayMs));
    } else if (const auto* control = std::get_if<engine::ControlChild>(&effect)) {
      // Together with what was asked of the parent, so that no crash can come between.
      BELAY_TRY(this->control(run, *control));
    } else {
      owe(run.state.id, std::move(effect));
    }
  }
  if (!run.dirty) touched_.push_back(run.state.id);
  run.dirty = true;
  return {};
}

Status Core::endGivenUp(LiveRun& parent, const base::RunId& child, const base::Error& why) {
  const auto& active = parent.state.active;
  const auto step = std::find_if(active.begin(), active.end(), [&](const auto& each) {
    return each.started.child == child && parent.state.isGivenUp(each.started.key.path);
  });
  if (step == active.end()) return {};
  engine::StepFinished finished;
  finished.key = step->started.key;
  finished.outcome = engine::StepOutcome::kFailed;
  finished.failure = failureOf(why);
  finished.stands = why.code != base::ErrorCode::kRunNotFound;
  return record(parent, std::move(finished));
}

Status Core::control(LiveRun& parent, const engine::ControlChild& what) {
  using Verb = engine::ControlChild::Verb;
  const auto found = runs_.get(what.child);
  // A child that cannot be read is in the log, and must not keep its parent from being ended.
  if (!found) {
    if (endsTransaction(found.error().code)) return found.error();
    return what.verb == Verb::kStopNow ? endGivenUp(parent, what.child, found.error()) : Status{};
  }
  LiveRun& child = **found;
  const engine::RunState& state = child.state;
  if (state.finished) return {};
  const std::string by = "run:" + parent.state.id.str();
  switch (what.verb) {
    case Verb::kPause:
      return state.paused || state.stopping ? Status{} : record(child, engine::RunPaused{by});
    case Verb::kResume:
      // Whom somebody else had paused stays so.
      return state.paused && state.pausedBy == by ? record(child, engine::RunResumed{by})
                                                  : Status{};
    case Verb::kStop:
      return state.stopping ? Status{} : record(child, engine::stopOf(state, by));
    case Verb::kStopNow:
      return state.stopsNow ? Status{} : record(child, engine::stopOf(state, by, true));
    case Verb::kCancel:
      return record(child, engine::RunCancelRequested{by});
  }
  return {};
}

Status Core::arm(const LiveRun& run, std::string key, std::int64_t delayMs) {
  journal::TimerRow timer;
  timer.runNumber = run.head.number;
  timer.key = std::move(key);
  timer.bootId = world_.clock.bootId();
  timer.dueBootMs = world_.clock.sinceBoot().count() + delayMs;
  timer.dueWallMs = wallMs() + delayMs;
  return world_.journal.putTimer(timer);
}

Status Core::trusts(LiveRun& run) {
  if (const auto decisions = std::exchange(run.unverified, nullptr)) {
    const Status verified =
        decisions->verify(run.state, {world_.decisionKeys, world_.journal},
                          [&run](const std::string& path) { return stepOf(run, path); });
    if (!verified) {
      world_.log.error("run.decision_refused", verified.error(), {{"run", run.state.id.str()}});
      run.distrust = verified.error();
    }
  }
  return run.distrust ? Status{*run.distrust} : Status{};
}

Status Core::create(LiveRun& run) {
  if (activeRuns_) ++*activeRuns_;
  BELAY_TRY(world_.journal.addRun(run.row, run.head));
  census_.created(run.row);
  return {};
}

base::Result<std::uint64_t> Core::activeRuns() {
  if (!activeRuns_) {
    BELAY_ASSIGN(const std::uint64_t counted, world_.journal.countActive());
    activeRuns_ = static_cast<std::int64_t>(counted);
  }
  return static_cast<std::uint64_t>(*activeRuns_);
}

bool Core::canAdvance() {
  if (!world_.journal.fullMode()) return hasOwed();
  return std::any_of(owed_.begin(), owed_.end(),
                     [this](const Owed& owed) { return isEnding(owed.run); });
}

bool Core::isEnding(const base::RunId& id) {
  const auto run = runs_.get(id);
  if (!run) return false;
  const engine::RunState& state = (*run)->state;
  return state.stopping || state.cancelling || state.finished;
}

std::optional<Owed> Core::takeOwed() {
  const bool full = world_.journal.fullMode();
  std::optional<Owed> taken;
  // Once around, so that the order stays.
  for (std::size_t left = full ? owed_.size() : std::min<std::size_t>(owed_.size(), 1); left > 0;
       --left) {
    Owed next = std::move(owed_.front());
    owed_.pop_front();
    if (!taken && (!full || isEnding(next.run)))
      taken = std::move(next);
    else
      owed_.push_back(std::move(next));
  }
  return taken;
}

void Core::owe(const base::RunId& run, engine::Effect effect, bool recovering) {
  owed_.push_back(Owed{run, std::move(effect), recovering});
}

std::vector<Order> Core::takeOrders() { return std::exchange(orders_, {}); }

Status Core::flush() {
  for (const base::RunId& id : std::exchange(touched_, {})) {
    changed_.push_back(id);
    LiveRun* run = runs_.find(id);
    if (!run) continue;
    run->dirty = false;
    std::erase_if(resting_, [&id](const Resting& each) { return each.run == id; });
    const engine::RunStatus before = run->row.status;
    if (project(run->state, run->row)) BELAY_TRY(world_.journal.updateRun(run->head, run->row));
    const engine::RunStatus status = run->row.status;
    census_.changed(run->row, before);
    if (activeRuns_)
      *activeRuns_ += (engine::isFinal(before) ? 1 : 0) - (engine::isFinal(status) ? 1 : 0);
    if (engine::isFinal(status)) noteEnd(*run);
    const bool rests =
        status == engine::RunStatus::kWaiting || status == engine::RunStatus::kQueued;
    if (engine::isFinal(status) || rests) release(*run);
  }
  return {};
}

// A run that waits for children stays as long as one of them moves: to load it again for the end of
// each would read a long history over and over.
void Core::release(const LiveRun& run) {
  const auto moves = [this](const engine::ActiveStep& step) {
    return step.phase == engine::StepPhase::kChild && runs_.find(step.started.child) &&
           !isResting(step.started.child);
  };
  const auto& active = run.state.active;
  if (std::any_of(active.begin(), active.end(), moves)) return;
  const base::RunId above = run.state.created.parent.run;
  if (!rests(run)) runs_.drop(run.state.id);
  const LiveRun* parent = above.empty() ? nullptr : runs_.find(above);
  if (parent && !parent->dirty && parent->row.status == engine::RunStatus::kWaiting)
    release(*parent);
}

bool Core::isResting(const base::RunId& run) const {
  return std::any_of(resting_.begin(), resting_.end(),
                     [&run](const Resting& each) { return each.run == run; });
}

bool Core::rests(const LiveRun& run) {
  const bool waits = run.row.status == engine::RunStatus::kWaiting;
  if (!waits || !run.code || !run.code->program) return false;
  if (isResting(run.state.id)) return true;
  resting_.push_back({run.state.id, run.code->program->memoryBytes()});
  const auto total = [this] {
    std::size_t bytes = 0;
    for (const Resting& each : resting_) bytes += each.bytes;
    return bytes;
  };
  while (!resting_.empty() && total() > settings_.restingBytes) {
    const base::RunId longest = resting_.front().run;
    resting_.erase(resting_.begin());
    if (longest == run.state.id) return false;
    const LiveRun* other = runs_.find(longest);
    if (other && !other->dirty) runs_.drop(longest);
  }
  return true;
}

void Core::noteEnd(const LiveRun& run) {
  const engine::RunState& state = run.state;
  if (!state.created.lane && !state.queued && !census_.tracks(run.row.slug)) return;
  ended_.push_back({run.head.number, run.row.slug, releaseOf(run.row.source), state.queued});
}

std::vector<EndedRun> Core::takeEnded() { return std::exchange(ended_, {}); }

std::vector<base::RunId> Core::takeChanged() {
  std::vector<base::RunId> changed = std::exchange(changed_, {});
  // A run that is queued and admitted at once changed twice.
  std::sort(changed.begin(), changed.end());
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  return changed;
}

std::vector<base::RunId> Core::forget() {
  activeRuns_.reset();
  census_.forget();
  ended_.clear();
  changed_.clear();
  std::vector<base::RunId> interrupted = std::exchange(touched_, {});
  for (const Owed& owed : owed_) interrupted.push_back(owed.run);
  for (const Order& order : orders_) {
    std::visit([&interrupted](const auto& o) { interrupted.push_back(runOf(o)); }, order);
  }
  owed_.clear();
  orders_.clear();
  runs_.clear();
  resting_.clear();
  return interrupted;
}

engine::Failure failureOf(const base::Error& error) {
  engine::Failure failure;
  failure.code = base::errorText(error.code);
  failure.message = error.message;
  failure.nothingLeft = true;
  return failure;
}

}  // namespace belay::runtime
