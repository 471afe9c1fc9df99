#include "agent/engine/Blocks.h"

#include <algorithm>
#include <charconv>

#include "agent/engine/Path.h"

namespace belay::engine {

namespace {

using Phase = ActiveBlock::Phase;

/// The number of a child within its block.
std::uint32_t numberOf(const ActiveBlock& block, const std::string& child) {
  std::uint32_t number = 0;
  if (block.started.kind != BlockKind::kParallel) {
    std::from_chars(child.data(), child.data() + child.size(), number);
    return number;
  }
  const auto& names = block.started.names;
  return static_cast<std::uint32_t>(std::find(names.begin(), names.end(), child) - names.begin());
}

/// The first failure is the block's.
void noteFailure(ActiveBlock& block, const StepFinished& last) {
  if (block.failure) return;
  block.failure = last.failure;
  block.failedStep = last.key.path;
}

/// Its branches have not all ended, or it has not yet come to finalize.
bool isToFinalize(const ActiveBlock& block) {
  const bool before = block.phase == Phase::kRunning || block.phase == Phase::kEnding;
  return before && !block.started.finalize.empty();
}

template <typename Map>
void eraseBeginningWith(Map& map, std::string_view prefix) {
  const auto from = map.lower_bound(std::string(prefix));
  auto to = from;
  while (to != map.end() && to->first.starts_with(prefix)) ++to;
  map.erase(from, to);
}

}  // namespace

std::optional<ChildName> outermostEnding(const RunState& state, std::string_view path) {
  std::optional<ChildName> found;
  for (auto name = childOf(scopeOf(path)); name; name = childOf(scopeOf(name->container))) {
    const auto block = state.blocks.find(name->container);
    const bool ends = block != state.blocks.end() && block->second.phase == Phase::kEnding &&
                      block->second.started.key.visit == name->visit;
    if (ends) found = name;
  }
  return found;
}

RunStopRequested stopOf(const RunState& state, std::string by, bool now) {
  const bool finalizes =
      std::any_of(state.blocks.begin(), state.blocks.end(), [](const auto& entry) {
        return isToFinalize(entry.second) || entry.second.phase == Phase::kFinalizing;
      });
  return {std::move(by), now, finalizes};
}

ActiveBlock* Blocks::find(const std::string& path) {
  const auto found = state_.blocks.find(path);
  return found == state_.blocks.end() ? nullptr : &found->second;
}

std::string Blocks::definitionOf(const std::string& path) const {
  if (!state_.code) return {};
  const auto found = state_.code->calls.find(path);
  return found == state_.code->calls.end() ? std::string() : found->second;
}

void Blocks::enter(const std::string& path) {
  state_.ready.push_back(path);
  if (!state_.isHeld()) effects_.push_back(EnterStep{path});
}

void Blocks::start(const BlockStarted& event) {
  ActiveBlock& block = state_.blocks[event.key.path];
  block = ActiveBlock{};
  block.started = event;
  if (event.kind == BlockKind::kLoop) {
    block.children.resize(1);
    block.running = 1;
    begin(block, "0", event.firsts.front());
    return;
  }
  fill(block);
}

void Blocks::begin(ActiveBlock& block, std::string_view child, const std::string& firstStep) {
  enter(pathIn(childScope(block.started.key, child), firstStep));
}

/// Begins as many children as may run at a time.
void Blocks::fill(ActiveBlock& block) {
  const BlockStarted& e = block.started;
  const bool parallel = e.kind == BlockKind::kParallel;
  const std::uint32_t most = parallel ? e.count : e.maxParallel;
  while (block.running < most && block.next < e.count) {
    const std::uint32_t number = block.next++;
    ++block.running;
    block.children.resize(block.next);
    begin(block, parallel ? e.names[number] : std::to_string(number),
          e.firsts[parallel ? number : 0]);
  }
  if (block.running == 0) conclude(block);
}

bool Blocks::advance(const RoundStarted& event) {
  ActiveBlock* block = find(event.key.path);
  if (!block || block->started.key.visit != event.key.visit) return false;
  const bool follows = block->phase == Phase::kRoundEnded && event.round == block->next + 1;
  const bool begins =
      block->phase == Phase::kPausing && event.round == block->next && event.delayMs == 0;
  if (!follows && !begins) return false;
  if (follows) drop(childScope(event.key, std::to_string(block->next)) + "/");
  block->next = event.round;
  if (event.delayMs > 0) {
    block->phase = Phase::kPausing;
    block->pauseAtMs = atMs_;
    block->pauseMs = event.delayMs;
    effects_.push_back(ArmRound{event.key, event.delayMs});
    return true;
  }
  block->phase = Phase::kRunning;
  block->running = 1;
  begin(*block, std::to_string(event.round), block->started.firsts.front());
  return true;
}

void Blocks::endChild(const StepFinished& last) {
  const auto name = childOf(scopeOf(last.key.path));
  ActiveBlock* block = name ? find(name->container) : nullptr;
  if (!block || block->started.key.visit != name->visit) return;
  if (block->phase == Phase::kFinalizing) return endFinalize(*block, last);
  const bool failed = last.next.kind == Next::Kind::kFail;
  const bool loop = block->started.kind == BlockKind::kLoop;
  const std::uint32_t number = loop ? 0 : numberOf(*block, name->child);
  if (number >= block->children.size()) return;
  --block->running;
  ++block->ended;
  if (!failed)
    block->children[number] = {last.outputJson, last.outputRef};
  else
    noteFailure(*block, last);
  if (loop && !failed) {
    // The steps of the round are asked about before they go.
    block->phase = Phase::kRoundEnded;
    effects_.push_back(NextRound{block->started.key});
    return;
  }
  if (!loop) drop(childScope(block->started.key, name->child) + "/");
  if (block->failure && (loop || block->started.failFast)) return giveUp(*block);
  fill(*block);
}

/// What its children have in flight ends; other runs may have to undo something first.
void Blocks::giveUp(ActiveBlock& block) {
  const std::string within = childrenOf(block.started.key);
  drop(within);
  block.running = 0;
  if (awaits(within))
    block.phase = Phase::kEnding;
  else
    conclude(block);
}

bool Blocks::awaits(std::string_view prefix) const {
  return std::any_of(state_.active.begin(), state_.active.end(), [prefix](const ActiveStep& step) {
    return isAwaited(step) && step.started.key.path.starts_with(prefix);
  });
}

void Blocks::endGivenUp(const std::string& path) {
  const auto name = outermostEnding(state_, path);
  ActiveBlock* block = name ? find(name->container) : nullptr;
  if (block && !awaits(childrenOf(block->started.key))) conclude(*block);
}

bool Blocks::finalizeNext() {
  // What stands within another block comes behind it in the map.
  for (auto at = state_.blocks.rbegin(); at != state_.blocks.rend(); ++at) {
    ActiveBlock& block = at->second;
    if (!isToFinalize(block)) continue;
    block.phase = Phase::kFinalizing;
    begin(block, kFinalize, block.started.finalize);
    return true;
  }
  return false;
}

/// All children have ended: finalize begins, or the block ends.
void Blocks::conclude(ActiveBlock& block) {
  const bool stops = state_.stopsAt(block.started.key.path);
  if (isToFinalize(block)) {
    // A run that stops comes to it when nothing is in flight any more.
    if (stops) return;
    block.phase = Phase::kFinalizing;
    begin(block, kFinalize, block.started.finalize);
    return;
  }
  block.phase = Phase::kEnded;
  if (!stops) effects_.push_back(EndBlock{block.started.key});
}

void Blocks::endFinalize(ActiveBlock& block, const StepFinished& last) {
  const bool failed = last.next.kind == Next::Kind::kFail;
  if (failed) noteFailure(block, last);
  // The block itself is no more: what fails there is the run's.
  if (failed && !state_.failure && state_.stopsAt(block.started.key.path)) {
    state_.failure = last.failure;
    state_.failedStep = last.key.path;
  }
  conclude(block);
}

void Blocks::end(const StepKey& container) {
  if (state_.blocks.erase(container.path) == 0) return;
  drop(childrenOf(container));
}

void Blocks::resume() {
  for (const auto& [path, block] : state_.blocks) {
    if (block.phase != Phase::kPausing) continue;
    effects_.push_back(
        ArmRound{block.started.key, delayLeftMs(block.pauseAtMs, block.pauseMs, atMs_)});
  }
}

void Blocks::dropSteps(const std::function<bool(const ActiveStep&)>& isWanted) {
  for (const ActiveStep& step : state_.active) {
    // What holds steps is in flight only through them.
    // What was approved and not started has nothing to end.
    if (!isWanted(step) || step.phase == StepPhase::kBlock || step.phase == StepPhase::kReviewed)
      continue;
    if (step.phase == StepPhase::kChild)
      effects_.push_back(ControlChild{ControlChild::Verb::kCancel, step.started.child});
    else if (step.wait)
      effects_.push_back(CloseWait{step.started.key, step.wait->wait});
    else
      effects_.push_back(CancelStep{step.started.key, definitionOf(step.started.key.path)});
  }
  std::erase_if(state_.active, isWanted);
}

void Blocks::closeEarly(const std::function<bool(std::string_view)>& isWanted) {
  std::erase_if(state_.early, [&](const auto& entry) {
    const EarlyWait& early = entry.second;
    if (!isWanted(entry.first)) return false;
    if (!early.answer) effects_.push_back(CloseWait{early.opened.key, early.opened.wait});
    return true;
  });
}

void Blocks::drop(const std::string& prefix) {
  const auto within = [&prefix](std::string_view path) { return path.starts_with(prefix); };
  for (const ActiveStep& step : state_.active) {
    if (isAwaited(step) && within(step.started.key.path))
      effects_.push_back(ControlChild{ControlChild::Verb::kStopNow, step.started.child});
  }
  dropSteps([&within](const ActiveStep& step) {
    return !isAwaited(step) && within(step.started.key.path);
  });
  std::erase_if(state_.ready, within);
  closeEarly(within);
  eraseBeginningWith(state_.blocks, prefix);
  eraseBeginningWith(state_.done, prefix);
  eraseBeginningWith(state_.visits, prefix);
  if (state_.code) eraseBeginningWith(state_.code->calls, prefix);
}

}  // namespace belay::engine
