#include "agent/runtime/RecordedDecisions.h"

#include "agent/runtime/WaitAnswers.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Status;
using engine::WaitAnswer;

namespace {

bool isDecided(const engine::WaitResolved& resolved) {
  return resolved.answer == WaitAnswer::kApproved || resolved.answer == WaitAnswer::kRejected;
}

Error invalid(const std::string& path, const std::string& why) {
  return Error{ErrorCode::kDecisionInvalid,
               "the recorded decision of step " + path + " is not believed: " + why,
               {"belay journal verify"}};
}

}  // namespace

std::string RecordedDecisions::nameOf(const engine::StepKey& key) const {
  return isCode_ ? key.path + "#" + std::to_string(key.visit) : key.path;
}

void RecordedDecisions::note(const engine::EventBody& body) {
  if (const auto* created = std::get_if<engine::RunCreated>(&body)) {
    isCode_ = !created->interpreter.empty();
  } else if (const auto* opened = std::get_if<engine::WaitOpened>(&body)) {
    if (opened->kind == flow::WaitKind::kApproval)
      asked_[nameOf(opened->key)] = Asked{*opened, std::nullopt, {}};
  } else if (const auto* resolved = std::get_if<engine::WaitResolved>(&body)) {
    const auto asked = asked_.find(nameOf(resolved->key));
    if (asked != asked_.end() && asked->second.opened.wait == resolved->wait)
      asked->second.resolved = *resolved;
  } else if (const auto* finished = std::get_if<engine::StepFinished>(&body)) {
    const auto asked = isCode_ ? asked_.find(nameOf(finished->key)) : asked_.end();
    if (asked != asked_.end()) asked->second.outputJson = finished->outputJson;
  }
}

Status RecordedDecisions::verifyAnswer(const Asked& asked, const trust::DecisionKeys& keys) {
  const std::string& path = asked.opened.key.path;
  const engine::WaitResolved& resolved = *asked.resolved;
  const auto verified =
      trust::verifyDecision(resolved.decision, keys, crypto::sha256(asked.opened.requestJson));
  if (!verified) return invalid(path, verified.error().message);
  const trust::Decision& decision = verified->decision;
  if ((decision.answer == trust::DecisionAnswer::kApprove) !=
      (resolved.answer == WaitAnswer::kApproved)) {
    return invalid(path, "it says something else than the history");
  }
  // The same way that the answer went when it was taken: what the form coerces comes out the same.
  BELAY_ASSIGN(const json::Value request, json::parse(asked.opened.requestJson));
  BELAY_ASSIGN(json::Value form, json::parse(decision.formJson));
  if (!checkForm(request, form) || decisionBody(form, decision.comment) != resolved.bodyJson) {
    return invalid(path, "its form or comment is not the one of the history");
  }
  return {};
}

Status RecordedDecisions::verify(const engine::RunState& state,
                                 const trust::DecisionKeys& keys) const {
  for (const auto& [name, asked] : asked_) {
    const std::string& path = asked.opened.key.path;
    const bool decided = asked.resolved && isDecided(*asked.resolved);
    if (decided) BELAY_TRY(verifyAnswer(asked, keys));
    std::string outputJson = asked.outputJson;
    const auto done = state.done.find(path);
    if (done != state.done.end() && done->second.key.visit == asked.opened.key.visit)
      outputJson = done->second.outputJson;
    if (outputJson.empty()) continue;
    BELAY_ASSIGN(const json::Value output, json::parse(outputJson));
    const json::Value* approved = output.find("approved");
    const bool counts = approved && approved->isBool() && approved->asBool();
    const bool given = decided && asked.resolved->answer == WaitAnswer::kApproved;
    if (counts && !given) return invalid(path, "it counts as approved, and nobody signed that");
  }
  return {};
}

}  // namespace belay::runtime
