#include "agent/runtime/Gates.h"

#include <algorithm>
#include <utility>

#include "agent/runtime/HostTrust.h"
#include "agent/runtime/WaitAnswers.h"
#include "agent/runtime/Waits.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using statement::Receipt;
using statement::Request;
using statement::Roster;
using statement::SignedStatement;

/// A gate that waits for decisions.
struct Gates::Open {
  journal::WaitRow row;
  Request request;
};

Receipt::Gate gateOf(const journal::WaitRow& row) {
  switch (row.status) {
    case journal::WaitStatus::kOpen:
      return Receipt::Gate::kOpen;
    case journal::WaitStatus::kAnswered:
      return Receipt::Gate::kApproved;
    case journal::WaitStatus::kRejected:
      return Receipt::Gate::kRejected;
    case journal::WaitStatus::kTimedOut:
      return Receipt::Gate::kTimedOut;
    case journal::WaitStatus::kClosed:
      break;
  }
  return Receipt::Gate::kClosed;
}

std::optional<Request> gateRequest(const std::string& requestJson) {
  auto request = Request::parse(requestJson);
  if (!request) return std::nullopt;
  return std::move(*request);
}

Result<trust::Vote> castVote(const Request& request, const SignedStatement& statement,
                             const statement::Decision& decision, const Roster& roster) {
  BELAY_ASSIGN(trust::Vote vote, trust::voteOf(request, statement, decision, roster));
  if (!vote.approve) return vote;
  json::Value asked;
  if (!request.form.isNull()) asked.set("form", request.form);
  BELAY_TRY(checkForm(asked, vote.form));
  return vote;
}

Status Gates::waitsFor(const crypto::Digest& request) {
  const auto found = find(request);
  return found ? Status{} : Status{found.error()};
}

Result<Gates::Open> Gates::find(const crypto::Digest& digest) {
  const std::string name = digest.hex();
  BELAY_ASSIGN(const std::optional<journal::GateRow> gate,
               core_.world().journal.gates().find(name));
  if (!gate) {
    return Error{ErrorCode::kDecisionUnknown, "this host has made no request " + name};
  }
  BELAY_ASSIGN(const base::WaitId wait, base::WaitId::parse(gate->wait));
  Open out;
  BELAY_ASSIGN(out.row, waits_.openApproval(wait));
  auto request = gateRequest(out.row.requestJson);
  if (!request || crypto::sha256(out.row.requestJson) != digest) {
    return Error{ErrorCode::kDecisionInvalid,
                 "the wait " + wait.str() + " shows another request than the one that is answered",
                 {"belay journal verify"}};
  }
  out.request = std::move(*request);
  BELAY_TRY(core_.guard().mayBegin());
  BELAY_ASSIGN(const HostEpoch* epoch, core_.guard().epoch());
  if (out.request.epoch != epoch->text()) {
    return Error{ErrorCode::kDecisionEpoch,
                 "request " + name + " is of an earlier epoch of this host"};
  }
  BELAY_TRY(checkAge(*gate, out.request));
  BELAY_TRY(waits_.checkInTime(out.row));
  return out;
}

/// Of this boot the wait's timer alone judges: the wall clock may be set. Over a restart the wall
/// clock is all there is, and one that stands before the request cannot be believed.
Status Gates::checkAge(const journal::GateRow& gate, const Request& request) const {
  if (gate.bootId == core_.world().clock.bootId()) return {};
  const std::int64_t nowMs = core_.wallMs();
  if (nowMs >= request.createdMs && nowMs < request.expiresMs) return {};
  return Error{ErrorCode::kDecisionExpired,
               "request " + gate.request +
                   (nowMs < request.createdMs ? " is void: this host's clock was set back before it"
                                              : " has expired")};
}

Result<std::vector<trust::Vote>> Gates::counted(const Request& request, const Roster& roster,
                                                std::string_view name, std::string& lines) {
  std::vector<trust::Vote> votes;
  BELAY_ASSIGN(const auto rows, core_.world().journal.gates().decisions(name));
  for (const journal::GateDecisionRow& row : rows) {
    BELAY_ASSIGN(const SignedStatement statement, SignedStatement::parse(row.text));
    BELAY_ASSIGN(const auto decision, statement::Decision::parse(statement.unverifiedPayload()));
    auto vote = castVote(request, statement, decision, roster);
    // Whoever was revoked since, lost the role, or turned out to be one with another, does not
    // count any more.
    if (!vote || !trust::checkFresh(votes, *vote)) continue;
    votes.push_back(std::move(*vote));
    lines += statement.lines();
  }
  return votes;
}

Result<Gates::Taken> Gates::take(const SignedStatement& statement,
                                 const statement::Believed<statement::Decision>& decision,
                                 const std::string& by) {
  BELAY_ASSIGN(const Roster roster, rosterInForce(core_.world().journal));
  if (decision.document().fleet != roster.fleet) {
    return Error{ErrorCode::kStatementFleet, "the decision is for another fleet"};
  }
  const std::string name = decision.document().request.hex();
  BELAY_ASSIGN(const Open open, find(decision.document().request));
  std::string lines;
  BELAY_ASSIGN(std::vector<trust::Vote> votes, counted(open.request, roster, name, lines));
  BELAY_ASSIGN(trust::Vote vote, castVote(open.request, statement, decision.document(), roster));
  BELAY_TRY(trust::checkFresh(votes, vote));
  const std::string kid = vote.kid;
  const std::string person = vote.person;
  votes.push_back(std::move(vote));
  lines += statement.lines();
  const trust::Tally tally = trust::tally(open.request, votes);
  Taken taken{open.row.id, open.row.run, Receipt::Gate::kOpen};
  if (tally.state != trust::Tally::State::kOpen) {
    const bool approved = tally.state == trust::Tally::State::kApproved;
    BELAY_TRY(waits_.answerGate(open.row, tally, lines));
    taken.gate = approved ? Receipt::Gate::kApproved : Receipt::Gate::kRejected;
  }
  BELAY_TRY(
      core_.world().journal.gates().addDecision(name, {kid, statement.lines()}, core_.wallMs()));
  core_.world().log.info("approval.decision", {{"wait", taken.wait.str()},
                                               {"person", person},
                                               {"approve", decision.document().approve},
                                               {"gate", statement::gateName(taken.gate)},
                                               {"by", by}});
  return taken;
}

Result<Receipt> Gates::receipt(const crypto::Digest& request,
                               const std::optional<crypto::Digest>& decision, const Status& taken) {
  Receipt receipt;
  BELAY_ASSIGN(const HostTrust trust, hostTrust(core_.world().journal));
  receipt.fleet = trust.fleet;
  BELAY_ASSIGN(const crypto::P256PublicKey key, core_.world().hostKey());
  receipt.host = key.thumbprint();
  receipt.request = request;
  receipt.decision = decision.value_or(crypto::Digest{});
  receipt.outcome = decision ? Receipt::Outcome::kAccepted : Receipt::Outcome::kClosed;
  if (!taken) {
    receipt.outcome = Receipt::Outcome::kRefused;
    receipt.code = base::errorText(taken.error().code);
  }
  receipt.gate = Receipt::Gate::kClosed;
  receipt.createdMs = core_.wallMs();
  BELAY_ASSIGN(const auto gate, core_.world().journal.gates().find(request.hex()));
  if (!gate) return receipt;
  BELAY_ASSIGN(const base::WaitId wait, base::WaitId::parse(gate->wait));
  BELAY_ASSIGN(const std::optional<journal::WaitRow> row, core_.world().journal.wait(wait));
  if (row) receipt.gate = gateOf(*row);
  return receipt;
}

namespace {

/// Persons of both lists, or of the one that names any.
std::vector<std::string> bothOf(std::vector<std::string> flow,
                                const std::vector<std::string>& policy) {
  if (policy.empty()) return flow;
  if (flow.empty()) return policy;
  std::erase_if(flow, [&](const std::string& person) {
    return std::find(policy.begin(), policy.end(), person) == policy.end();
  });
  return flow;
}

std::vector<std::string> personsOf(const json::Value& rendered) {
  std::vector<std::string> out;
  const json::Value* list = rendered.find("approvers");
  if (!list || !list->isArray()) return out;
  for (const json::Value& each : list->asArray()) {
    if (each.isString()) out.push_back(each.asString());
  }
  return out;
}

Error unanswerable(const engine::WaitOpened& opened, const std::string& why) {
  return Error{ErrorCode::kGateUnanswerable,
               "nobody could answer the approval of step " + opened.key.path + ": " + why,
               {"belay trust show", "belay trust add-approver --help"}};
}

Status copyArtifacts(const json::Value& rendered, Request& request) {
  const json::Value* list = rendered.find("artifacts");
  if (!list || !list->isArray()) return {};
  for (const json::Value& each : list->asArray()) {
    Request::Artifact artifact;
    artifact.name = each.text("name");
    artifact.ref = each.text("ref");
    const auto digest = crypto::Digest::fromHex(each.text("digest"));
    if (!digest) return Error{ErrorCode::kResourceDamaged, "an artifact has no digest"};
    artifact.digest = *digest;
    artifact.size = each.integer("size");
    artifact.mediaType = each.text("media_type");
    request.artifacts.push_back(std::move(artifact));
  }
  return {};
}

void copyReview(const json::Value& rendered, Request& request) {
  request.review = rendered.flag("review");
  if (!request.review) return;
  request.attempt = rendered.integer("attempt", 1);
  request.effectClass = rendered.text("effect_class");
  if (const json::Value* effect = rendered.find("effect")) request.effect = *effect;
  request.effectDigest = rendered.text("effect_digest");
  if (const json::Value* step = rendered.find("rendered")) request.rendered = *step;
  request.timeoutMs = rendered.integer("timeout_ms");
}

/// Who may answer. `roster`: null where this host believes none.
Status setGate(const trust::Policy& policy, const LiveRun& run, const engine::WaitOpened& opened,
               const json::Value& rendered, const Roster* roster, Request& request) {
  const trust::GateDemand demand = policy.gateDemand(run.state.created.slug);
  if (!roster) return unanswerable(opened, demand.rule + " wants a class that needs a roster");
  request.keyClass = trust::keyClassOf(demand.gateClass.value_or(trust::GateClass::kE2e));
  const std::vector<std::string> named = personsOf(rendered);
  request.approvers = bothOf(named, demand.approvers);
  if (request.approvers.empty() && !named.empty()) {
    return unanswerable(opened, "the flow names nobody whom " + demand.rule + " lets answer");
  }
  request.quorum = std::max(rendered.integer("quorum", 1), demand.quorum);
  request.requester = policy.personOf(run.state.created.startedBy);
  const auto most = static_cast<std::int64_t>(trust::answerersMost(request, *roster));
  if (most >= request.quorum) return {};
  return unanswerable(opened, std::to_string(request.quorum) + " persons must approve with class " +
                                  std::string(statement::keyClassName(request.keyClass)) +
                                  ", and the roster has " + std::to_string(most) + " who may");
}

Result<std::int64_t> pinCounter(Core& core, const std::string& slug) {
  const std::string channel = core.world().policy.pinDemand(slug).channel;
  BELAY_ASSIGN(const auto rows, core.world().journal.statements(journal::StatementKind::kPin,
                                                                slug + "/" + channel, 1));
  return rows.empty() ? 0 : rows.front().counter;
}

/// Class local is what a host has that never had approvers; a policy may say it for flows of
/// others.
Result<bool> isLocal(const trust::GateDemand& demand, const Roster* roster,
                     journal::Journal& journal) {
  if (demand.gateClass) return *demand.gateClass == trust::GateClass::kLocal;
  if (!roster) return true;
  if (trust::hasApprovers(*roster)) return false;
  // Revoking the last one must open no door.
  BELAY_ASSIGN(const std::vector<Roster> believed, believedRosters(journal));
  return std::none_of(believed.begin(), believed.end(), trust::hasApprovers);
}

}  // namespace

Result<std::optional<Request>> askPeople(Core& core, const LiveRun& run,
                                         const engine::WaitOpened& opened,
                                         const json::Value& rendered) {
  World& world = core.world();
  const std::string& slug = run.state.created.slug;
  BELAY_ASSIGN(const HostTrust trust, hostTrust(world.journal));
  const Roster* roster = trust.roster ? &trust.roster->document : nullptr;
  BELAY_ASSIGN(const bool local, isLocal(world.policy.gateDemand(slug), roster, world.journal));
  if (local) {
    if (rendered.integer("quorum", 1) <= 1) return std::optional<Request>();
    return unanswerable(opened, "a quorum above 1 needs a roster with approvers");
  }
  Request request;
  BELAY_TRY(setGate(world.policy, run, opened, rendered, roster, request));
  request.fleet = trust.fleet;
  BELAY_ASSIGN(const crypto::P256PublicKey key, world.hostKey());
  request.host = key.thumbprint();
  request.flow = slug;
  constexpr std::string_view kPrefix = "sha256:";
  const std::string& digest = run.state.created.flowDigest;
  const auto release = crypto::Digest::fromHex(
      std::string_view(digest).substr(digest.starts_with(kPrefix) ? kPrefix.size() : 0));
  if (!release) return Error{ErrorCode::kInternal, "the flow of a run has no digest"};
  request.release = *release;
  request.run = run.state.id.str();
  request.step = opened.key.path;
  request.visit = opened.key.visit;
  request.attempt = std::max<std::int64_t>(1, opened.key.attempt);
  request.wait = opened.wait.str();
  BELAY_ASSIGN(const HostEpoch* epoch, core.guard().epoch());
  request.epoch = epoch->text();
  request.nonce = base::makeToken(world.random, Request::kNonceBytes);
  request.summary = rendered.text("summary");
  if (const json::Value* form = rendered.find("form")) request.form = *form;
  copyReview(rendered, request);
  BELAY_TRY(copyArtifacts(rendered, request));
  request.roster = roster->version;
  BELAY_ASSIGN(request.pin, pinCounter(core, slug));
  request.createdMs = core.wallMs();
  request.expiresMs = opened.expiresWallMs;
  // What was made is read as strictly as it will be by others.
  BELAY_ASSIGN(Request strict, Request::parse(request.print()));
  return std::optional<Request>(std::move(strict));
}

}  // namespace belay::runtime
