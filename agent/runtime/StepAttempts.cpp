// What Steps does with the end of an attempt: it is kept, made again, or the end of its visit.

#include <algorithm>
#include <array>
#include <utility>

#include "agent/engine/Path.h"
#include "agent/flow/Family.h"
#include "agent/journal/ResourceTable.h"
#include "agent/runtime/Steps.h"
#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::runtime {

using base::Status;
using engine::StepFinished;
using engine::StepKey;

namespace {

/// As much of a text as search finds it by.
constexpr std::size_t kIndexedBytes = 64u << 10;

/// Messages and reasons quote what peers said, which may be cut or no text at all.
void makeUtf8(std::string& text) {
  if (!base::isUtf8(text)) text = base::visible(text, true);
}

bool isText(std::string_view mediaType) {
  return mediaType.starts_with("text/") || mediaType.find("json") != std::string_view::npos ||
         mediaType.find("xml") != std::string_view::npos ||
         mediaType.find("yaml") != std::string_view::npos;
}

}  // namespace

Status Steps::checkQuota(const LiveRun& run, std::uint64_t more) {
  const std::uint64_t most = core_.settings().flowResourceBytes;
  if (most == 0) return {};
  const std::string& slug = run.state.created.slug;
  BELAY_ASSIGN(const journal::ResourceUsage usage,
               core_.world().journal.resourceTable().usage(slug));
  if (usage.bytes + more <= most) return {};
  return base::Error{
      base::ErrorCode::kResourceQuota,
      "flow " + slug + " keeps " + base::formatBytes(usage.bytes) + " of resources" +
          (more > 0 ? ", and " + base::formatBytes(more) + " more are" : ", which is") +
          " over resources.flow_max = " + base::formatBytes(most),
      {"belay resource list --flow " + slug + " --largest", "belay resource delete REF"}};
}

Status Steps::keepResources(LiveRun& run, const StepKey& key,
                            std::vector<journal::ResourceRow>& rows) {
  if (rows.empty()) return {};
  std::uint64_t bytes = 0;
  for (const journal::ResourceRow& row : rows) bytes += row.size;
  BELAY_TRY(checkQuota(run, bytes));
  const flow::Keeping& keeping = stepAt(run, key.path).keeping;
  for (journal::ResourceRow& row : rows) {
    row.run = run.state.id;
    row.step = key.path;
    row.keep = keeping.keep;
    if (&row == &rows.front()) {
      if (!keeping.fileName.empty()) row.name = keeping.fileName;
      if (!keeping.contentType.empty()) row.mediaType = keeping.contentType;
    }
    if (keeping.index && isText(row.mediaType)) {
      BELAY_ASSIGN(row.indexText, core_.world().outputs.head(row.ref, kIndexedBytes));
    }
    BELAY_TRY(core_.world().journal.addResource(row));
  }
  return {};
}

Status Steps::finishAttempt(LiveRun& run, const StepKey& key, StepResult result) {
  const engine::ActiveStep* active = run.state.findActive(key.path);
  const bool inFlight = active && (active->phase == engine::StepPhase::kStarted ||
                                   active->phase == engine::StepPhase::kChild);
  if (!inFlight || active->started.key != key) return {};
  // Orders it anew, on the way that asks policy and approval.
  if (result.orderAnew) return perform(run, key, false);
  const flow::Step& step = stepAt(run, key.path);
  if (!result.ledgerJson.empty())
    BELAY_TRY(agents_.record(run.state.id, key, result.ledgerJson, core_.wallMs()));
  if (const Status kept = keepResources(run, key, result.resources); !kept) {
    if (endsTransaction(kept.error().code)) return kept;
    // A result that cannot be kept is no success, and a step that nobody ends would run for ever.
    result.ok = result.ambiguous = false;
    result.failure = failureOf(kept.error());
    result.failure->nothingLeft = false;
  }
  makeUtf8(result.reason);
  if (result.failure) {
    makeUtf8(result.failure->code);
    makeUtf8(result.failure->message);
  }
  if (result.ambiguous) return core_.record(run, engine::StepAmbiguous{key, result.reason});

  StepFinished finished;
  finished.key = key;
  finished.outputJson = std::move(result.outputJson);
  finished.durationMs = result.durationMs;
  finished.stands = result.stands;
  if (result.ok) return succeed(run, step, std::move(finished));

  BELAY_CHECK(result.failure.has_value());
  bool again = false;
  BELAY_TRY(tryAgain(run, step, key, result, again));
  return again ? Status{} : fail(run, step, std::move(finished), std::move(*result.failure));
}

Status Steps::tryAgain(LiveRun& run, const flow::Step& step, const StepKey& key, StepResult& result,
                       bool& again) {
  const engine::ActiveStep* active = run.state.findActive(key.path);
  const flow::FailureClass kind = result.failure->kind;
  if (result.retryAfterMs > 0 &&
      (kind == flow::FailureClass::kRateLimited || kind == flow::FailureClass::kUnavailable)) {
    // The peer means all who come by this connection, not only this step.
    BELAY_ASSIGN(const auto limit, connectionLimit(run, step, active->started));
    if (limit) BELAY_TRY(limits_.block(*limit, result.retryAfterMs));
  }
  std::array<std::uint8_t, 4> noise{};
  core_.world().random.fill(noise);
  const double unit = (noise[0] | (noise[1] << 8) | (noise[2] << 16)) / 16777216.0;
  engine::RetryDecision retry =
      engine::decideRetry(step, key, *result.failure, unit, result.retryAfterMs);
  if (result.againMs) retry = {true, *result.againMs};
  // A run that stops makes no further attempt, but for those that clear up.
  again = retry.retry && !run.state.stopsAt(key.path);
  if (!again) return {};
  return core_.record(
      run, engine::AttemptFailed{key, std::move(*result.failure), retry.delayMs, result.stands});
}

Status Steps::retryNow(LiveRun& run, const std::string& path) {
  const engine::ActiveStep* active = run.state.findActive(path);
  // While paused the timer is spent; resuming arms it anew.
  if (!active || active->phase != engine::StepPhase::kBackoff || run.state.paused) return {};
  engine::StepStarted again = active->started;
  const flow::Step& step = stepAt(run, path);
  again.bootId = core_.world().clock.bootId();
  const bool held = !active->heldBy.empty();
  if (!held) ++again.key.attempt;
  std::string question;
  if (step.family == flow::Family::kAgent && !held) {
    BELAY_ASSIGN(again.renderedJson, agents_.prepared(run.state.id, again.key, again.renderedJson));
    BELAY_ASSIGN(question, agents_.question(run.state.id, again.key, again.renderedJson));
  }
  if (!question.empty())
    return reviews_.ask(run, step, again.key, again.renderedJson, again.timeoutMs, question);
  if (step.family == flow::Family::kFlow && !held) return children_.begin(run, std::move(again));
  BELAY_ASSIGN(const bool holds, reviews_.holds(*active));
  // One approval, one attempt, where an attempt may have its effect only once.
  if (!holds || (step.review && !held && step.effect == flow::EffectClass::kOnce))
    return reviews_.ask(run, step, again.key, again.renderedJson, again.timeoutMs);
  return begin(run, step, std::move(again), held);
}

}  // namespace belay::runtime
