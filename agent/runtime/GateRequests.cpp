#include "agent/runtime/GateRequests.h"

#include <algorithm>
#include <utility>

#include "agent/runtime/HostTrust.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using statement::Request;
using statement::Roster;

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

Status checkAnswerable(const engine::WaitOpened& opened, const Roster& roster,
                       const Request& request) {
  const auto most = static_cast<std::int64_t>(trust::answerersMost(request, roster));
  if (most >= request.quorum) return {};
  return unanswerable(opened, std::to_string(request.quorum) + " persons must approve with class " +
                                  std::string(statement::keyClassName(request.keyClass)) +
                                  ", and the roster has " + std::to_string(most) + " who may");
}

/// Who may answer. `roster`: null where this host believes none.
Status setGate(const trust::Policy& policy, const LiveRun& run, const engine::WaitOpened& opened,
               const json::Value& rendered, const Roster* roster, Request& request) {
  const trust::GateDemand demand = policy.gateDemand(run.state.created.slug);
  const auto wanted = trust::gateClassFrom(rendered.text("assurance"));
  if (!roster) {
    return unanswerable(opened, (wanted ? "assurance " + std::string(trust::gateClassName(*wanted))
                                        : demand.rule + " wants a class that") +
                                    " needs a roster");
  }
  // The flow may ask for more than the policy, and never for less.
  request.keyClass = trust::keyClassOf(std::max(demand.gateClass.value_or(trust::GateClass::kE2e),
                                                wanted.value_or(trust::GateClass::kLocal)));
  const std::vector<std::string> named = personsOf(rendered);
  request.approvers = bothOf(named, demand.approvers);
  if (request.approvers.empty() && !named.empty()) {
    return unanswerable(opened, "the flow names nobody whom " + demand.rule + " lets answer");
  }
  request.quorum = std::max(rendered.integer("quorum", 1), demand.quorum);
  const engine::RunCreated& created = run.state.created;
  request.requester =
      policy.personOf(created.requester.empty() ? created.startedBy : created.requester);
  return checkAnswerable(opened, *roster, request);
}

Result<std::int64_t> pinCounter(Core& core, const std::string& slug) {
  const std::string channel = core.world().policy.pinDemand(slug).channel;
  BELAY_ASSIGN(const auto rows, core.world().journal.statements(journal::StatementKind::kPin,
                                                                slug + "/" + channel, 1));
  return rows.empty() ? 0 : rows.front().counter;
}

/// What is of this host, and of this moment.
Status stamp(Core& core, const HostTrust& trust, Request& request) {
  World& world = core.world();
  request.fleet = trust.fleet;
  BELAY_ASSIGN(const crypto::P256PublicKey key, world.hostKey());
  request.host = key.thumbprint();
  BELAY_ASSIGN(const HostEpoch* epoch, core.guard().epoch());
  request.epoch = epoch->text();
  request.nonce = base::makeToken(world.random, Request::kNonceBytes);
  request.roster = trust.roster->document.version;
  BELAY_ASSIGN(request.pin, pinCounter(core, request.flow));
  request.createdMs = core.wallMs();
  return {};
}

/// Class local is what a host has that never had approvers; a policy may say it for flows of
/// others.
Result<bool> isLocal(const trust::GateDemand& demand, const json::Value& rendered,
                     const Roster* roster, journal::Journal& journal) {
  if (!rendered.text("assurance").empty()) return false;
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
  BELAY_ASSIGN(const bool local,
               isLocal(world.policy.gateDemand(slug), rendered, roster, world.journal));
  if (local) {
    if (rendered.integer("quorum", 1) <= 1) return std::optional<Request>();
    return unanswerable(opened, "a quorum above 1 needs a roster with approvers");
  }
  Request request;
  BELAY_TRY(setGate(world.policy, run, opened, rendered, roster, request));
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
  request.summary = rendered.text("summary");
  if (const json::Value* form = rendered.find("form")) request.form = *form;
  copyReview(rendered, request);
  BELAY_TRY(copyArtifacts(rendered, request));
  // What may be done once must not be approved by people whose revocation never came.
  const json::Value* fresh = rendered.find("fresh");
  request.fresh = fresh ? rendered.flag("fresh") : request.effectClass == "once";
  request.expiresMs = opened.expiresWallMs;
  BELAY_TRY(stamp(core, trust, request));
  // What was made is read as strictly as it will be by others.
  BELAY_ASSIGN(Request strict, Request::parse(request.print()));
  return std::optional<Request>(std::move(strict));
}

Result<Request> askAnew(Core& core, const engine::WaitOpened& opened, std::int64_t leftMs) {
  BELAY_ASSIGN(Request request, Request::parse(opened.requestJson));
  BELAY_ASSIGN(const HostTrust trust, hostTrust(core.world().journal));
  if (!trust.roster) return unanswerable(opened, "this host believes no roster any more");
  BELAY_TRY(stamp(core, trust, request));
  request.wait = opened.wait.str();
  request.expiresMs = request.createdMs + leftMs;
  BELAY_TRY(checkAnswerable(opened, trust.roster->document, request));
  return request;
}

}  // namespace belay::runtime
