#include "agent/runtime/ChildRuns.h"

#include <utility>

#include "agent/engine/Names.h"
#include "agent/engine/Path.h"
#include "agent/runtime/FlowLifecycle.h"
#include "agent/runtime/Steps.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::RunId;
using base::Status;
using engine::RunEnd;
using engine::StepKey;
using engine::StepStarted;

namespace {

/// Why the step of the parent fails, in words that lead to the child.
engine::Failure failureOfChild(const engine::RunState& child) {
  const engine::RunFinished& end = *child.finished;
  engine::Failure failure;
  const bool failed = end.end == RunEnd::kFailed;
  failure.code = base::errorText(failed ? ErrorCode::kChildFailed : ErrorCode::kChildEnded);
  failure.message = "run " + child.id.str() + " of flow " + child.created.slug + " " +
                    (failed ? "failed" : "was " + std::string(engine::runEndName(end.end)));
  if (end.end == RunEnd::kCancelled && !child.supersededBy.empty())
    failure.message += ", superseded by " + child.supersededBy.str();
  if (!failed || !end.failure) return failure;
  if (!end.failedStep.empty()) failure.message += " in step " + end.failedStep;
  failure.message += ": " + end.failure->message + " [" + end.failure->code + "]";
  failure.kind = end.failure->kind;
  return failure;
}

std::string triggerOf(const RunId& run, const StepKey& key) {
  json::Value trigger;
  trigger.set("type", "flow").set("run", run.str()).set("step", key.path);
  return json::print(trigger);
}

/// `release` as it was written: a number or a text.
std::string releaseOf(const json::Value& spec) {
  const json::Value* release = spec.find("release");
  if (!release) return "live";
  return release->isString() ? release->asString() : json::print(*release);
}

}  // namespace

Status ChildRuns::enter(LiveRun& run, const flow::Step& step, const json::Value& spec,
                        const StepKey& key) {
  auto rendered = steps_.render(run, step, spec, key);
  if (!rendered) {
    engine::StepFinished finished;
    finished.key = key;
    return steps_.fail(run, step, std::move(finished), failureOf(rendered.error()));
  }
  StepStarted started;
  started.key = key;
  started.effect = step.effect;
  started.renderedJson = std::move(*rendered);
  started.idempotencyKey = engine::idempotencyKey(core_.settings().epoch, run.state.id, key);
  started.bootId = core_.world().clock.bootId();
  return begin(run, std::move(started));
}

Status ChildRuns::begin(LiveRun& run, StepStarted started) {
  started.awaited = false;
  // Only a run that ends comes here then, and it ends without what would take room.
  const bool full = core_.world().journal.fullMode();
  auto child = full ? Result<RunId>(diskIsFull()) : start(run, started);
  if (child) {
    started.child = std::move(*child);
    return core_.record(run, std::move(started));
  }
  if (!full && endsTransaction(child.error().code)) return std::move(child).error();
  StepResult refused;
  refused.ok = false;
  refused.failure = failureOf(child.error());
  // What is full now may have room for another attempt.
  const ErrorCode code = child.error().code;
  if (full || code == ErrorCode::kQueueFull || code == ErrorCode::kFlowBusy)
    refused.failure->kind = flow::FailureClass::kUnavailable;
  const StepKey key = started.key;
  started.child = {};
  started.awaited = false;
  BELAY_TRY(core_.record(run, std::move(started)));
  return steps_.finishAttempt(run, key, std::move(refused));
}

Result<RunId> ChildRuns::start(LiveRun& run, StepStarted& started) {
  const engine::RunCreated& above = run.state.created;
  if (above.depth >= kChildDepthMax) {
    return Error{ErrorCode::kChildDepth, "run " + run.state.id.str() + " has " +
                                             std::to_string(above.depth) +
                                             " runs above it, and may start none of its own"};
  }
  BELAY_ASSIGN(const json::Value spec, json::parse(started.renderedJson));
  const std::string slug = spec.text("slug");
  const std::string which = releaseOf(spec);
  if (which == "draft" && above.source != "draft") {
    return Error{ErrorCode::kFlowNotLive,
                 "the draft of flow " + slug + " is only for runs of drafts, and this run is of " +
                     above.source,
                 {"belay flow release " + slug, "belay flow promote " + slug}};
  }
  StartRequest request;
  if (const json::Value* input = spec.find("input")) request.input = *input;
  if (!request.input.isNull() && !request.input.isObject())
    return Error{ErrorCode::kInputInvalid, "the input of flow " + slug + " must be an object"};
  if (standIn_) {
    if (auto id = standIn_->begin(run.state, started, slug)) return std::move(*id);
  }
  BELAY_ASSIGN(FlowVersion version, versionToRun(core_.world().journal, slug, which));
  request.digest = std::move(version.digest);
  request.source = std::move(version.source);
  request.triggerJson = triggerOf(run.state.id, started.key);
  request.by = above.startedBy;
  request.requester = above.requester;
  request.parent = engine::ParentStep{run.state.id, started.key};
  request.depth = above.depth + 1;
  BELAY_ASSIGN(Started child, starter_.start(request));
  if (child.skipped)
    return Error{ErrorCode::kFlowBusy, "flow " + slug + " was not started: " + whySkipped(child)};
  // Nothing but a cancel ends a step of the flow's own list from without.
  started.awaited = run.code || !engine::scopeOf(started.key.path).empty();
  return std::move(child.run);
}

Status ChildRuns::ended(LiveRun& child) {
  const engine::ParentStep& above = child.state.created.parent;
  if (above.run.empty()) return {};
  auto found = core_.runs().get(above.run);
  // It is in the log, or gone; the child has ended all the same.
  if (!found) return endsTransaction(found.error().code) ? Status{found.error()} : Status{};
  LiveRun& run = **found;
  const engine::ActiveStep* active = run.state.findActive(above.key.path);
  if (!active || active->started.child != child.state.id) return {};
  const StepKey key = active->started.key;
  const RunEnd end = child.state.finished->end;
  StepResult result;
  result.ok = end == RunEnd::kSucceeded;
  result.durationMs = steps_.elapsedMs(run, key);
  result.outputJson = child.state.finished->outputJson;
  if (!result.ok) result.failure = failureOfChild(child.state);
  result.stands = !result.ok && !child.state.finished->uncompensated.empty();
  const bool bothStop = end == RunEnd::kStopped && run.state.stopsAt(key.path);
  if (!bothStop && !run.state.isGivenUp(key.path))
    return steps_.finishAttempt(run, key, std::move(result));
  // Both were asked to stop, which makes neither a run that failed; and of a step that was given up
  // nobody asks how it ended.
  engine::StepFinished finished;
  finished.key = key;
  finished.outcome = engine::StepOutcome::kFailed;
  finished.failure = std::move(result.failure);
  finished.stands = result.stands;
  finished.durationMs = result.durationMs;
  return core_.record(run, std::move(finished));
}

}  // namespace belay::runtime
