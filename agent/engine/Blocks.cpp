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

template <typename Map>
void eraseBeginningWith(Map& map, std::string_view prefix) {
  const auto from = map.lower_bound(std::string(prefix));
  auto to = from;
  while (to != map.end() && to->first.starts_with(prefix)) ++to;
  map.erase(from, to);
}

}  // namespace

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
  if (block->failure && (loop || block->started.failFast)) {
    drop(childrenOf(block->started.key));
    block->running = 0;
    return conclude(*block);
  }
  fill(*block);
}

/// All children have ended: finalize begins, or the block ends.
void Blocks::conclude(ActiveBlock& block) {
  if (!block.started.finalize.empty() && block.phase == Phase::kRunning) {
    block.phase = Phase::kFinalizing;
    begin(block, kFinalize, block.started.finalize);
    return;
  }
  block.phase = Phase::kEnded;
  effects_.push_back(EndBlock{block.started.key});
}

void Blocks::endFinalize(ActiveBlock& block, const StepFinished& last) {
  if (last.next.kind == Next::Kind::kFail) noteFailure(block, last);
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

void Blocks::closeEarly(std::string_view prefix) {
  for (const auto& [path, early] : state_.early) {
    if (path.starts_with(prefix) && !early.answer) {
      effects_.push_back(CloseWait{early.opened.key, early.opened.wait});
    }
  }
  eraseBeginningWith(state_.early, prefix);
}

void Blocks::drop(const std::string& prefix) {
  const auto within = [&prefix](const std::string& path) { return path.starts_with(prefix); };
  dropSteps([&within](const ActiveStep& step) { return within(step.started.key.path); });
  std::erase_if(state_.ready, within);
  closeEarly(prefix);
  eraseBeginningWith(state_.blocks, prefix);
  eraseBeginningWith(state_.done, prefix);
  eraseBeginningWith(state_.visits, prefix);
  if (state_.code) eraseBeginningWith(state_.code->calls, prefix);
}

}  // namespace belay::engine
