#include "agent/runtime/Compensations.h"

#include <utility>

#include "agent/engine/Path.h"
#include "agent/runtime/FlowSecrets.h"
#include "agent/runtime/Steps.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using engine::StepFinished;
using engine::StepKey;

namespace {

/// What is longer becomes a resource: a run may keep thousands of them in memory.
constexpr std::size_t kInlineBytesMax = 4096;

}  // namespace

Status Compensations::attach(LiveRun& run, const flow::Step& step, StepFinished& finished) {
  if (!step.undo || finished.outcome != engine::StepOutcome::kSucceeded) return {};
  if (run.code) {
    finished.undoJson = run.code->at(finished.key.path).undoJson;  // Its secrets: mayBegin().
    return {};
  }
  const flow::Step& undo = run.flow->flow.undos[*step.undo];
  RunScope scope(run, core_.world().outputs, finished.key.path, finished.key.visit, core_.wallMs());
  scope.overlay(finished);
  auto rendered =
      core_.world().evaluator.renderValue(run.flow->module, run.flow->undos[*step.undo], scope);
  if (!rendered) return std::move(rendered).error().in("compensate");
  if (Status named = checkSecrets(run, run.flow->undos[*step.undo], rendered->json); !named)
    return std::move(named).error().in("compensate");
  if (undo.timeout) {
    auto timeoutMs = steps_.durationOf(run, *undo.timeout, scope);
    if (!timeoutMs) return std::move(timeoutMs).error().in("timeout of compensate");
    finished.undoTimeoutMs = *timeoutMs;
  }
  // Where `next` fails after this the step fails, and its effect is taken back all the same.
  if (rendered->json.size() <= kInlineBytesMax) {
    finished.undoJson = std::move(rendered->json);
  } else {
    BELAY_ASSIGN(finished.undoRef,
                 steps_.storeLarge(run, finished.key.path, rendered->json, "undo"));
  }
  return {};
}

Result<std::string> Compensations::renderedOf(const engine::Undo& undo) const {
  return undo.ref.empty() ? undo.renderedJson : core_.world().outputs.load(undo.ref);
}

Status Compensations::start(LiveRun& run) {
  const engine::RunState& state = run.state;
  const bool due = state.compensating && !state.paused && !state.cancelling &&
                   state.active.empty() && !state.undos.empty();
  if (!due) return {};
  const engine::Undo& undo = state.undos.back();
  const StepKey key{engine::undoPath(undo.key.path), undo.key.visit, 1};
  if (run.code) BELAY_TRY(run.code->takeUndo(*run.flow, state));
  const flow::Step& step = stepAt(run, key.path);
  std::int64_t timeoutMs = undo.timeoutMs;
  auto rendered = [&]() -> Result<std::string> {
    BELAY_TRY(core_.trusts(run));
    if (!run.code) return renderedOf(undo);
    BELAY_ASSIGN(timeoutMs, steps_.timeoutOf(run, step, key));
    return steps_.render(run, step, run.code->at(key.path).spec, key);
  }();
  if (rendered) return steps_.startAttempt(run, step, key, std::move(*rendered), timeoutMs);
  StepFinished failed;
  failed.key = key;
  return steps_.fail(run, step, std::move(failed), failureOf(rendered.error()));
}

Status Compensations::mayBegin(const LiveRun& run, const flow::Step& step,
                               const std::string& path) {
  if (!step.undo) return {};
  if (run.code) {
    BELAY_ASSIGN(const flow::CallStep undo, flow::callStep(run.flow->flow, step.id.str(),
                                                           run.code->at(path).undoJson));
    if (Status named = checkSecrets(run, {}, undo.step.spec); !named)
      return std::move(named).error().in("compensate");
  }
  // What is in flight may end well and be kept too.
  const std::size_t most = run.state.undos.size() + run.state.active.size();
  if (most < engine::kUndosMax) return {};
  return Error{ErrorCode::kLimit, "step " + step.id.str() + " has compensate, and a run keeps " +
                                      std::to_string(engine::kUndosMax) + " of them"};
}

}  // namespace belay::runtime
