#include "agent/runtime/RecordedDecisions.h"

#include <algorithm>
#include <vector>

#include "agent/engine/Path.h"
#include "agent/runtime/Gates.h"
#include "agent/runtime/HostTrust.h"
#include "agent/runtime/Reviews.h"
#include "agent/runtime/WaitAnswers.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using engine::WaitAnswer;

namespace {

bool isDecided(const engine::WaitResolved& resolved) {
  return resolved.answer == WaitAnswer::kApproved || resolved.answer == WaitAnswer::kRejected;
}

constexpr const char* kUnsigned = "it counts as approved, and nobody signed that";

/// What the steps behind an approval go by.
Result<bool> countsAsApproved(const std::string& outputJson) {
  if (outputJson.empty()) return false;
  BELAY_ASSIGN(const json::Value output, json::parse(outputJson));
  const json::Value* approved = output.find("approved");
  return approved && approved->isBool() && approved->asBool();
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
      asked_[nameOf(opened->key)] = Asked{*opened, std::nullopt, {}, false};
  } else if (const auto* resolved = std::get_if<engine::WaitResolved>(&body)) {
    const auto asked = asked_.find(nameOf(resolved->key));
    if (asked != asked_.end() && asked->second.opened.wait == resolved->wait)
      asked->second.resolved = *resolved;
  } else if (const auto* finished = std::get_if<engine::StepFinished>(&body)) {
    const auto asked = isCode_ ? asked_.find(nameOf(finished->key)) : asked_.end();
    if (asked != asked_.end()) asked->second.outputJson = finished->outputJson;
  } else if (const auto* advanced = std::get_if<engine::CodeAdvanced>(&body)) {
    noteCalls(*advanced);
  }
}

/// An approval counts as asked from its call on: what is cut out behind it is missed.
void RecordedDecisions::noteCalls(const engine::CodeAdvanced& advanced) {
  for (const engine::CodeCall& call : advanced.calls) {
    const auto definition = json::parse(call.definitionJson);
    const json::Value* wait = definition ? definition->find("wait") : nullptr;
    if (wait && wait->find("approval")) asked_[nameOf(call.key)].opened.key = call.key;
  }
}

Status RecordedDecisions::verifyAnswer(const Asked& asked, const DecisionTrust& trust) {
  BELAY_ASSIGN(const bool isForPeople, isGate(trust.journal, asked.opened.requestJson));
  if (!isForPeople) return verifyLocal(asked, trust.local);
  const auto request = gateRequest(asked.opened.requestJson);
  if (!request) return invalid(asked.opened.key.path, "its request cannot be read");
  return verifyGate(asked, *request, trust.journal);
}

namespace {

/// What was accepted stays in force when its key goes out of the roster, but not when it is void.
class PastRosters {
 public:
  static Result<PastRosters> read(journal::Journal& journal) {
    PastRosters out;
    BELAY_ASSIGN(out.newestFirst_, believedRosters(journal));
    return out;
  }
  /// The newest one that had the key. Null pointer: there is none, or its key is void.
  const statement::Roster* of(const std::string& kid) const {
    for (const statement::Roster& roster : newestFirst_) {
      const auto* revoked = roster.revocationOf(kid);
      if (revoked && revoked->mode == statement::Roster::Mode::kVoid) return nullptr;
      const bool has = std::any_of(roster.keys.begin(), roster.keys.end(),
                                   [&](const auto& key) { return key.key.thumbprint() == kid; });
      if (has && !revoked) return &roster;
    }
    return nullptr;
  }

 private:
  std::vector<statement::Roster> newestFirst_;
};

/// One decision of the past, with its signature.
Result<trust::Vote> pastVote(const statement::Request& request, const crypto::Digest& digest,
                             std::string_view line, const PastRosters& rosters) {
  BELAY_ASSIGN(const auto statement, statement::SignedStatement::parse(line));
  const std::string& kid = statement.signatures().front().kid();
  const statement::Roster* roster = rosters.of(kid);
  if (!roster) return Error{ErrorCode::kStatementKey, "key " + kid + " is not believed"};
  BELAY_ASSIGN(const auto believed, statement::verifyDecision(statement, *roster));
  if (believed.document().request != digest)
    return Error{ErrorCode::kDecisionUnknown, "it answers another request"};
  return castVote(request, statement, believed.document(), *roster);
}

}  // namespace

Status RecordedDecisions::verifyGate(const Asked& asked, const statement::Request& request,
                                     journal::Journal& journal) {
  const std::string& path = asked.opened.key.path;
  const engine::WaitResolved& resolved = *asked.resolved;
  BELAY_ASSIGN(const PastRosters rosters, PastRosters::read(journal));
  const crypto::Digest digest = crypto::sha256(asked.opened.requestJson);
  std::vector<trust::Vote> votes;
  std::string_view lines = resolved.decision;
  if (lines.ends_with('\n')) lines.remove_suffix(1);
  for (const std::string_view line : base::split(lines, '\n')) {
    auto vote = pastVote(request, digest, line, rosters);
    if (!vote) return invalid(path, vote.error().message);
    if (const Status fresh = trust::checkFresh(votes, *vote); !fresh)
      return invalid(path, fresh.error().message);
    votes.push_back(std::move(*vote));
  }
  const trust::Tally tally = trust::tally(request, votes);
  const auto wanted = resolved.answer == WaitAnswer::kApproved ? trust::Tally::State::kApproved
                                                               : trust::Tally::State::kRejected;
  if (tally.state != wanted ||
      decisionBody(tally.form, tally.comment, tally.unseen) != resolved.bodyJson)
    return invalid(path, "they come to something else than the history");
  return {};
}

Status RecordedDecisions::verifyLocal(const Asked& asked, const trust::DecisionKeys& keys) {
  const std::string& path = asked.opened.key.path;
  const engine::WaitResolved& resolved = *asked.resolved;
  const auto verified =
      trust::verifyDecision(resolved.decision, keys, crypto::sha256(asked.opened.requestJson));
  if (!verified) return invalid(path, verified.error().message);
  const trust::Decision& decision = verified->decision;
  const bool approved = resolved.answer == WaitAnswer::kApproved;
  if ((decision.answer == trust::DecisionAnswer::kApprove) != approved) {
    return invalid(path, "it says something else than the history");
  }
  // The same way that the answer went when it was taken: what the form coerces comes out the same.
  BELAY_ASSIGN(const json::Value request, json::parse(asked.opened.requestJson));
  BELAY_ASSIGN(json::Value form, json::parse(decision.formJson));
  if (!checkForm(request, form, approved) ||
      decisionBody(form, decision.comment) != resolved.bodyJson) {
    return invalid(path, "its form or comment is not the one of the history");
  }
  return {};
}

void RecordedDecisions::settle(const engine::WaitResolved& resolved) {
  const auto asked = asked_.find(nameOf(resolved.key));
  if (asked == asked_.end() || asked->second.opened.wait != resolved.wait) return;
  asked->second.resolved = resolved;
  asked->second.settled = true;
}

/// An attempt that has begun, or is to begin, without its step having been asked for.
Status RecordedDecisions::verifyReview(const engine::ActiveStep& active) const {
  const engine::StepKey& key = active.started.key;
  const auto found = asked_.find(nameOf(key));
  const engine::WaitOpened* opened = found == asked_.end() ? nullptr : &found->second.opened;
  if (!opened || !opened->review || opened->key.visit != key.visit || !found->second.resolved ||
      found->second.resolved->answer != WaitAnswer::kApproved) {
    return invalid(key.path, "it began, and nobody signed that");
  }
  if (active.phase == engine::StepPhase::kReviewed) return {};
  const bool once = active.started.effect == flow::EffectClass::kOnce;
  BELAY_ASSIGN(const json::Value request, json::parse(opened->requestJson));
  const json::Value* rendered = request.find("rendered");
  const bool same =
      rendered && json::print(*rendered) == active.started.renderedJson &&
      request.integer("timeout_ms") == active.started.timeoutMs &&
      (once ? opened->key.attempt == key.attempt : opened->key.attempt <= key.attempt);
  return same ? Status{} : Status{invalid(key.path, "what began is not what was approved")};
}

Status RecordedDecisions::verifyReviews(const engine::RunState& state,
                                        const FindStep& findStep) const {
  for (const engine::ActiveStep& active : state.active) {
    if (active.phase == engine::StepPhase::kWaiting) continue;
    const flow::Step* step = findStep(active.started.key.path);
    if (isReviewed(step, active)) BELAY_TRY(verifyReview(active));
  }
  return {};
}

/// Those that are not in the history at all; in that of code, noteCalls() has put them.
Status RecordedDecisions::verifyApprovals(const engine::RunState& state,
                                          const FindStep& findStep) const {
  for (const auto& [path, record] : state.done) {
    const flow::Step* step = findStep(path);
    if (!step || !flow::isApproval(*step)) continue;
    const auto asked = asked_.find(nameOf(record.key));
    const bool known = asked != asked_.end() && asked->second.opened.key.visit == record.key.visit;
    BELAY_ASSIGN(const bool counts, countsAsApproved(record.outputJson));
    if (counts && !known) return invalid(path, kUnsigned);
  }
  return {};
}

Status RecordedDecisions::verify(const engine::RunState& state, const DecisionTrust& trust,
                                 const FindStep& findStep) const {
  BELAY_TRY(verifyReviews(state, findStep));
  BELAY_TRY(verifyApprovals(state, findStep));
  for (const auto& [name, asked] : asked_) {
    const std::string& path = asked.opened.key.path;
    const bool decided = asked.resolved && isDecided(*asked.resolved);
    if (decided && !asked.settled) BELAY_TRY(verifyAnswer(asked, trust));
    // What a step with a review gives is its own, whatever its members are called.
    if (asked.opened.review) continue;
    std::string outputJson = asked.outputJson;
    const auto done = state.done.find(path);
    if (done != state.done.end() && done->second.key.visit == asked.opened.key.visit)
      outputJson = done->second.outputJson;
    BELAY_ASSIGN(const bool counts, countsAsApproved(outputJson));
    const bool given = decided && asked.resolved->answer == WaitAnswer::kApproved;
    if (counts && !given) return invalid(path, kUnsigned);
  }
  return {};
}

}  // namespace belay::runtime
