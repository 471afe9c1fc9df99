#include "agent/runtime/BlockSteps.h"

#include <utility>

#include "agent/engine/Path.h"
#include "agent/runtime/BlockOutputs.h"
#include "agent/runtime/Steps.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using engine::ActiveBlock;
using engine::BlockStarted;
using engine::StepFinished;
using engine::StepKey;

namespace {

constexpr std::size_t kItemsMax = 100'000;

std::string firstOf(const LiveRun& run, std::size_t block) {
  const flow::Flow& flow = run.flow->flow;
  return flow.steps[flow.blocks[block].steps.front()].id.str();
}

const ActiveBlock* findBlock(const LiveRun& run, const StepKey& key) {
  const auto found = run.state.blocks.find(key.path);
  const bool same = found != run.state.blocks.end() && found->second.started.key.visit == key.visit;
  return same ? &found->second : nullptr;
}

/// From where the expressions of a loop look: within the round.
std::string withinRound(const ActiveBlock& block) {
  return engine::childScope(block.started.key, std::to_string(block.next)) + "/";
}

}  // namespace

Status BlockSteps::fail(LiveRun& run, const flow::Step& step, const StepKey& key,
                        const Error& error) {
  if (endsTransaction(error.code)) return error;
  StepFinished finished;
  finished.key = key;
  return steps_.fail(run, step, std::move(finished), failureOf(error));
}

Status BlockSteps::enter(LiveRun& run, const flow::Step& step, const json::Value& spec,
                         const StepKey& key) {
  const flow::Control& control = step.control;
  BlockStarted started;
  started.key = key;
  started.failFast = control.failFast;
  if (control.finalize) started.finalize = firstOf(run, *control.finalize);
  for (const std::size_t block : control.blocks) started.firsts.push_back(firstOf(run, block));
  if (step.family == flow::Family::kForEach)
    return enterForEach(run, step, spec, std::move(started));
  if (step.family == flow::Family::kLoop) return enterLoop(run, step, std::move(started));
  started.kind = engine::BlockKind::kParallel;
  for (const std::size_t block : control.blocks)
    started.names.push_back(run.flow->flow.blocks[block].name);
  started.count = static_cast<std::uint32_t>(started.names.size());
  return core_.record(run, std::move(started));
}

Status BlockSteps::enterForEach(LiveRun& run, const flow::Step& step, const json::Value& spec,
                                BlockStarted started) {
  const StepKey key = started.key;
  auto rendered = steps_.render(run, step, spec, key);
  if (!rendered) return fail(run, step, key, rendered.error());
  auto items = json::parse(*rendered);
  if (!items) return fail(run, step, key, items.error());
  if (!items->isArray()) {
    return fail(
        run, step, key,
        Error{ErrorCode::kInvalidArgument, "items of step " + key.path + " must be a list"});
  }
  const std::size_t count = items->asArray().size();
  if (count > kItemsMax) {
    return fail(run, step, key,
                Error{ErrorCode::kLimit, "step " + key.path + " has " + std::to_string(count) +
                                             " items, and may have " + std::to_string(kItemsMax)});
  }
  started.kind = engine::BlockKind::kForEach;
  started.count = static_cast<std::uint32_t>(count);
  started.maxParallel = step.control.maxParallel;
  if (rendered->size() > core_.settings().inlineBytesMax) {
    auto ref = steps_.storeLarge(run, key.path, *rendered, "items");
    if (!ref && endsTransaction(ref.error().code)) return ref.error();
    if (!ref) return fail(run, step, key, ref.error());
    started.itemsRef = std::move(*ref);
  } else {
    started.itemsJson = std::move(*rendered);
  }
  return core_.record(run, std::move(started));
}

Status BlockSteps::enterLoop(LiveRun& run, const flow::Step& step, BlockStarted started) {
  started.kind = engine::BlockKind::kLoop;
  started.count = step.control.maxRounds;
  if (step.control.whileHolds) {
    RunScope scope(run, core_.world().outputs, started.key.path, started.key.visit, core_.wallMs());
    scope.showIndex(0);
    auto holds = core_.world().evaluator.test(run.flow->module, *step.control.whileHolds, scope);
    if (!holds) return fail(run, step, started.key, std::move(holds).error().in("while"));
    if (!*holds) {
      StepFinished finished;
      finished.key = started.key;
      finished.outputJson = R"({"rounds":0,"last":null})";
      return steps_.succeed(run, step, std::move(finished));
    }
  }
  return core_.record(run, std::move(started));
}

Status BlockSteps::nextRound(LiveRun& run, const StepKey& key) {
  const ActiveBlock* block = findBlock(run, key);
  if (!block || block->phase != ActiveBlock::Phase::kRoundEnded) return {};
  const flow::Step& step = stepAt(run, key.path);
  RunScope scope(run, core_.world().outputs, withinRound(*block), key.visit, core_.wallMs());
  const bool asksUntil = step.control.untilHolds.has_value();
  if (!asksUntil) scope.showIndex(block->next + 1);
  auto holds = core_.world().evaluator.test(
      run.flow->module, asksUntil ? *step.control.untilHolds : *step.control.whileHolds, scope);
  if (!holds)
    return fail(run, step, key, std::move(holds).error().in(asksUntil ? "until" : "while"));
  if (*holds == asksUntil) return succeed(run, step, *block);
  if (block->ended >= block->started.count) {
    if (!step.control.failAtMax) return succeed(run, step, *block);
    return fail(run, step, key,
                Error{ErrorCode::kStepVisits, "loop " + key.path + " has made " +
                                                  std::to_string(block->ended) +
                                                  " rounds (max), and was not at its end"});
  }
  auto pause = pauseOf(run, step, key, block->next, scope);
  if (!pause) return fail(run, step, key, pause.error());
  return core_.record(run, engine::RoundStarted{key, block->next + 1, *pause});
}

Result<std::int64_t> BlockSteps::pauseOf(LiveRun& run, const flow::Step& step, const StepKey& key,
                                         std::uint32_t round, const RunScope& scope) {
  const flow::Control& control = step.control;
  if (control.interval) {
    auto pauseMs = steps_.durationOf(run, *control.interval, scope, 0);
    if (!pauseMs) return std::move(pauseMs).error().in("interval of step " + key.path);
    return pauseMs;
  }
  // Nothing is random here: a loop has no peer that many runs could meet at once.
  return control.backoff ? engine::backoffDelayMs(*control.backoff, round, 1.0) : std::int64_t{0};
}

Status BlockSteps::succeed(LiveRun& run, const flow::Step& step, const ActiveBlock& block) {
  StepFinished finished;
  finished.key = block.started.key;
  finished.durationMs = steps_.elapsedMs(run, finished.key);
  auto output = gatherOutputs(block, core_.world().outputs);
  if (!output) return fail(run, step, finished.key, output.error());
  finished.outputJson = std::move(*output);
  return steps_.succeed(run, step, std::move(finished));
}

Status BlockSteps::roundDue(LiveRun& run, const std::string& path) {
  const auto found = run.state.blocks.find(path);
  // While paused the timer is spent; resuming arms it anew. A run that ends begins no round, though
  // its blocks stay for what is undone; those of on_failure come after that.
  const bool undoes = run.state.compensating && !run.state.onFailureBegan;
  if (found == run.state.blocks.end() || found->second.phase != ActiveBlock::Phase::kPausing ||
      run.state.paused || run.state.stopsAt(path) || undoes) {
    return {};
  }
  return core_.record(run, engine::RoundStarted{found->second.started.key, found->second.next, 0});
}

Status BlockSteps::end(LiveRun& run, const StepKey& key) {
  const ActiveBlock* block = findBlock(run, key);
  if (!block || block->phase != ActiveBlock::Phase::kEnded) return {};
  const flow::Step& step = stepAt(run, key.path);
  run.items.drop(key.path);
  if (!block->failure) return succeed(run, step, *block);
  StepFinished finished;
  finished.key = key;
  finished.durationMs = steps_.elapsedMs(run, key);
  engine::Failure failure = *block->failure;
  failure.message = block->failedStep + ": " + failure.message;
  return steps_.fail(run, step, std::move(finished), std::move(failure));
}

}  // namespace belay::runtime
