#include "agent/runtime/Reviews.h"

#include <utility>

#include "agent/flow/Family.h"
#include "agent/runtime/Gates.h"
#include "agent/runtime/Steps.h"
#include "agent/runtime/Waits.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

/// The members of an effect that are no longer what they were, by name.
std::string differences(const json::Value& before, const json::Value& now) {
  std::string names;
  const auto differs = [&names](const json::Value& a, const json::Value& b) {
    for (const json::Member& member : a.asObject()) {
      const json::Value* other = b.find(member.first);
      if (other && json::print(*other) == json::print(member.second)) continue;
      names += (names.empty() ? "" : ", ") + member.first;
    }
  };
  for (const json::Member& part : before.asObject()) {
    const json::Value* other = now.find(part.first);
    if (part.second.isObject() && other && other->isObject()) differs(part.second, *other);
  }
  return names.empty() ? "what it is" : names;
}

/// The question of a step that has no review of its own, without its beginning.
std::string asked(const json::Value& request) {
  const std::string summary = request.text("summary");
  const std::size_t end = summary.find(": ");
  return end == std::string::npos ? summary : summary.substr(end + 2);
}

}  // namespace

bool isReviewed(const flow::Step* step, const engine::ActiveStep& active) {
  if (step && step->review) return true;
  if (!active.review) return false;
  return active.phase == engine::StepPhase::kReviewed || active.review->key == active.started.key;
}

Status Reviews::ask(LiveRun& run, const flow::Step& step, const engine::StepKey& key,
                    const std::string& renderedJson, std::int64_t timeoutMs,
                    const std::string& question) {
  const Status opened =
      open(run, step, steps_.intend(run, step, key, renderedJson, timeoutMs), question);
  if (opened.ok() || endsTransaction(opened.error().code)) return opened;
  engine::StepFinished failed;
  failed.key = key;
  return steps_.fail(run, step, std::move(failed), failureOf(opened.error()));
}

Status Reviews::open(LiveRun& run, const flow::Step& step, const engine::StepStarted& intended,
                     const std::string& question) {
  BELAY_ASSIGN(const Attempt attempt, steps_.attemptOf(run, step, intended));
  // What the policy refuses need not be asked for.
  BELAY_ASSIGN(const trust::RenderedEffect effect, steps_.permit(run, attempt));
  const std::string shown = trust::effectJson(effect);
  const RunScope scope(run, core_.world().outputs, intended.key.path, intended.key.visit,
                       core_.wallMs());
  const flow::Review review =
      step.review ? *step.review : flow::Review{"{}", std::string(flow::kApprovalTimeout)};
  BELAY_ASSIGN(const json::Value spec, json::parse(review.spec));
  auto options = core_.world().evaluator.renderValue(run.flow->module, spec, scope);
  if (!options) return std::move(options).error().in("review of step " + step.id.str());
  BELAY_ASSIGN(json::Value request, json::parse(options->json));
  if (!question.empty()) {
    request.set("summary", "Step " + step.id.str() + ": " + question);
  } else if (request.text("summary").empty()) {
    request.set("summary", step.title.empty() ? "Step " + step.id.str() : step.title);
  }
  request.set("review", true).set("attempt", static_cast<std::int64_t>(intended.key.attempt));
  request.set("effect_class", flow::effectClassName(intended.effect));
  request.set("timeout_ms", intended.timeoutMs);
  BELAY_ASSIGN(json::Value parsed, json::parse(shown));
  request.set("effect", std::move(parsed));
  request.set("effect_digest", trust::effectDigest(shown).hex());
  BELAY_ASSIGN(json::Value rendered, json::parse(intended.renderedJson));
  request.set("rendered", std::move(rendered));
  return waits_.openReview(run, review, intended.key, std::move(request), scope);
}

Status Reviews::start(LiveRun& run, const engine::StepKey& key) {
  const engine::ActiveStep* active = run.state.findActive(key.path);
  // Ended otherwise since it was queued.
  if (!active || active->phase != engine::StepPhase::kReviewed || active->review->key != key)
    return {};
  const flow::Step& step = stepAt(run, key.path);
  BELAY_ASSIGN(const json::Value request, json::parse(active->review->requestJson));
  const json::Value* found = request.find("rendered");
  const std::string rendered = found ? json::print(*found) : "";
  const std::int64_t timeoutMs = request.integer("timeout_ms");
  BELAY_ASSIGN(const bool good, holds(*active));
  if (!good) return ask(run, step, key, rendered, timeoutMs, asked(request));
  return steps_.startAttempt(run, step, key, rendered, timeoutMs);
}

Result<bool> Reviews::holds(const engine::ActiveStep& active) {
  if (!active.review) return true;
  const Status still = stillApproved(core_, active.review->requestJson);
  if (still) return true;
  if (endsTransaction(still.error().code)) return still.error();
  core_.world().log.error("review.asked_anew", still.error(),
                          {{"wait", active.review->wait.str()}});
  return false;
}

Status Reviews::check(const flow::Step& step, const engine::ActiveStep& active,
                      const trust::RenderedEffect& effect) {
  if (!isReviewed(&step, active)) return {};
  const std::string& path = active.started.key.path;
  if (!active.review) return Error{ErrorCode::kDecisionInvalid, "nobody approved step " + path};
  BELAY_TRY(stillApproved(core_, active.review->requestJson));
  BELAY_ASSIGN(const json::Value request, json::parse(active.review->requestJson));
  const std::string now = trust::effectJson(effect);
  if (trust::effectDigest(now).hex() == request.text("effect_digest")) return {};
  BELAY_ASSIGN(const json::Value parsed, json::parse(now));
  const json::Value* before = request.find("effect");
  return Error{ErrorCode::kReviewChanged,
               "step " + path + " would do something else now than what was approved: " +
                   (before ? differences(*before, parsed) : "all of it") + " changed since",
               {"belay wait show " + active.review->wait.str()}};
}

}  // namespace belay::runtime
