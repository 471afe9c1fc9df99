#include "agent/cli/RemoteDecision.h"

#include <algorithm>
#include <utility>

#include "agent/cli/BrowserDecision.h"
#include "agent/cli/HostBelief.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/RelayCalls.h"
#include "agent/cli/RemoteArtifacts.h"
#include "agent/cli/Signing.h"
#include "agent/cli/WaitPages.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"
#include "common/statement/Sealed.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using crypto::P256PublicKey;
using json::Value;
using statement::Decision;
using statement::Receipt;
using statement::Request;
using statement::SignedStatement;

namespace {

constexpr std::size_t kDossierBytesMax = 4u << 20;
constexpr std::uint64_t kArtifactBytesMax = 256u << 20;
constexpr std::chrono::seconds kReceiptWait{30};
constexpr std::chrono::seconds kPollSlack{15};

}  // namespace

Result<BelievedRequest> believeRequest(const Invocation& invocation, const Value& dossier,
                                       const crypto::P256PrivateKey& key) {
  BELAY_ASSIGN(const HostBelief trust, believeHost(invocation, dossier.text("card")));
  BELAY_ASSIGN(P256PublicKey host, hostKeyOf(dossier, trust));
  std::string lines = dossier.text("statement");
  if (!dossier.text("sealed").empty()) {
    BELAY_ASSIGN(lines, statement::unseal(dossier.text("sealed"), statement::kSealedRequest, key));
  }
  BELAY_ASSIGN(const SignedStatement statement, SignedStatement::parse(lines));
  crypto::Digest fleet;
  if (trust.fleet) {
    fleet = *trust.fleet;
  } else {
    BELAY_ASSIGN(const Request said, Request::parse(statement.unverifiedPayload()));
    fleet = said.fleet;
  }
  BELAY_ASSIGN(auto request, statement::verifyRequest(statement, host, fleet));
  return BelievedRequest{std::move(request), std::move(host), trust.label,
                         statement.unverifiedPayload()};
}

std::string requestPage(const Style& style, const BelievedRequest& believed) {
  const Request& request = believed.request.document();
  const auto line = [&style](const char* name, const std::string& value) {
    return style.dim(std::string(name) + std::string(11 - std::string_view(name).size(), ' ')) +
           value + "\n";
  };
  std::string out = style.bold(shown(request.summary)) + "\n";
  out += line("host",
              believed.label.empty() ? request.host : shown(believed.label) + "  " + request.host);
  out += line("flow", request.flow + ", release " + request.release.hex());
  out += line("run", request.run + ", step " + shown(request.step) + ", attempt " +
                         std::to_string(request.attempt));
  out += line("expires", base::formatInstant(request.expiresMs));
  out += line("needs", std::to_string(request.quorum) + " of class " +
                           std::string(statement::keyClassName(request.keyClass)));
  if (!request.approvers.empty()) out += line("of", base::join(request.approvers, ", "));
  if (!request.requester.empty()) out += line("asked by", request.requester);
  out += line("request", believed.request.digest().hex());
  const auto value = json::parse(believed.payload);
  if (value) out += effectPage(style, *value);
  for (const Request::Artifact& each : request.artifacts) {
    out += line("artifact", shown(each.name) + ", " + std::to_string(each.size) + " bytes, " +
                                shown(each.mediaType) + ", " + each.digest.hex());
  }
  if (!request.form.isNull()) out += line("form", shown(json::print(request.form)));
  return out;
}

namespace {

/// Who decides, and by which way.
struct Approver {
  const crypto::P256PrivateKey& key;
  const std::optional<RelayCalls>& relay;
};

/// Whoever signs has either been shown the page, or names what was shown to them before.
Status checkShown(const Invocation& invocation, const crypto::Digest& request) {
  const std::string named = invocation.flag("digest");
  if (!named.empty() && named != request.hex()) {
    return Error{ErrorCode::kDecisionUnknown,
                 "the request is " + request.hex() + ", not the one of --digest"};
  }
  const bool seen = invocation.has("browser") || (!invocation.json() && !invocation.quiet());
  if (!named.empty() || seen) return {};
  return Error{ErrorCode::kUsage,
               "with --json and --quiet nothing is shown before it is signed: name the request "
               "that was looked at with --digest",
               {"belay approvals show"}};
}

/// Each artifact must be here, and be the one that the host has signed.
Status lookAtArtifacts(const Invocation& invocation, const BelievedRequest& believed,
                       const Approver& approver, Decision& decision) {
  const Request& request = believed.request.document();
  std::vector<crypto::Digest> seen;
  for (const std::string& path : invocation.flags("artifact")) {
    BELAY_ASSIGN(const std::string content, base::readFile(path, kArtifactBytesMax));
    const crypto::Digest digest = crypto::sha256(content);
    const bool known =
        std::any_of(request.artifacts.begin(), request.artifacts.end(),
                    [&](const Request::Artifact& artifact) { return artifact.digest == digest; });
    if (!known) {
      return Error{
          ErrorCode::kArtifactChanged,
          shown(path) + " is none of the request's artifacts: it has the digest " + digest.hex()};
    }
    seen.push_back(digest);
  }
  for (const Request::Artifact& each : request.artifacts) {
    if (std::find(seen.begin(), seen.end(), each.digest) != seen.end()) continue;
    if (approver.relay && !invocation.has("unseen")) {
      BELAY_TRY(fetchArtifact(invocation, *approver.relay, believed, approver.key, each));
      continue;
    }
    if (!invocation.has("unseen")) {
      return Error{
          ErrorCode::kArtifactUnseen,
          "artifact " + shown(each.name) + " (" + each.digest.hex() + ") was not looked at",
          {"--artifact FILE", "--unseen signs without, and says so"}};
    }
    decision.unseen.push_back(each.digest);
  }
  return {};
}

Status confirm(const Invocation& invocation, bool approve) {
  if (invocation.has("yes")) return {};
  const std::string word = approve ? "approve" : "reject";
  BELAY_ASSIGN(const std::string typed,
               invocation.world().console.readHidden("type \"" + word + "\" to sign that: "));
  if (typed == word) return {};
  return Error{ErrorCode::kCancelled, "nothing was signed"};
}

/// The same page, and the button on it.
Status confirmInBrowser(const Invocation& invocation, const BelievedRequest& believed,
                        Decision& decision) {
  constexpr std::chrono::minutes kLongest{30};
  BELAY_ASSIGN(const BrowserAnswer answer,
               askInBrowser(invocation, requestPage(Style(false, 0), believed),
                            decision.approve ? "Approve and sign" : "Reject and sign",
                            decision.comment, kLongest));
  if (!answer.signs) return Error{ErrorCode::kCancelled, "nothing was signed"};
  decision.comment = answer.comment;
  return {};
}

Result<Value> dossierOf(const Invocation& invocation, const std::optional<RelayCalls>& relay) {
  if (relay) {
    const auto name = invocation.positional(0);
    if (!name) return Error{ErrorCode::kUsage, "REQUEST is missing: belay approvals list"};
    return relay->get(pathOf("/v1/approvals", *name));
  }
  BELAY_ASSIGN(const std::string text,
               readText(invocation, invocation.flag("request"), kDossierBytesMax));
  auto dossier = json::parse(text);
  if (!dossier) return std::move(dossier).error().in(invocation.flag("request"));
  return std::move(*dossier);
}

Result<Decision> makeDecision(const Invocation& invocation, const BelievedRequest& believed,
                              const Approver& approver, bool approve) {
  const Request& request = believed.request.document();
  if (request.expiresMs <= invocation.nowMs()) {
    return Error{ErrorCode::kDecisionExpired,
                 "the request has expired at " + base::formatInstant(request.expiresMs)};
  }
  Decision decision;
  decision.fleet = request.fleet;
  decision.request = believed.request.digest();
  decision.approve = approve;
  decision.comment = invocation.flag("comment");
  decision.createdMs = invocation.nowMs();
  for (const std::string& pair : invocation.flags("form"))
    BELAY_TRY(addPair(decision.form, pair, "form"));
  if (approve) BELAY_TRY(lookAtArtifacts(invocation, believed, approver, decision));
  return Decision::parse(decision.print());
}

/// The receipt about this decision; nothing when none comes in time. One that the host has not
/// signed is none.
Result<std::optional<Receipt>> awaitReceipt(const Invocation& invocation, const RelayCalls& relay,
                                            const BelievedRequest& believed,
                                            const crypto::Digest& decision) {
  BELAY_ASSIGN(const auto wait, invocation.duration("timeout", kReceiptWait));
  const auto end = invocation.world().clock.sinceBoot() + wait;
  const std::string request = believed.request.digest().hex();
  while (true) {
    BELAY_ASSIGN(const Value dossier, relay.get(pathOf("/v1/approvals", request)));
    const Value* list = dossier.find("decisions");
    for (const Value& each : list && list->isArray() ? list->asArray() : json::Array()) {
      if (each.text("decision") != decision.hex() || each.text("receipt").empty()) continue;
      BELAY_ASSIGN(const SignedStatement statement, SignedStatement::parse(each.text("receipt")));
      BELAY_ASSIGN(const auto receipt, statement::verifyReceipt(statement, believed.host,
                                                                believed.request.document().fleet));
      const bool ours = receipt.document().request == believed.request.digest() &&
                        receipt.document().decision == decision;
      if (ours) return std::optional<Receipt>(receipt.document());
    }
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(
        end - invocation.world().clock.sinceBoot());
    if (left <= std::chrono::seconds{0}) return std::optional<Receipt>();
    Target target("/v1/approvals");
    target.add("after", std::to_string(dossier.integer("change")));
    target.add("wait_s", std::to_string(std::min<std::int64_t>(left.count(), 20)));
    BELAY_ASSIGN(const Value changed, relay.get(target.str(), left + kPollSlack));
    static_cast<void>(changed);
  }
}

Result<api::Envelope> handIn(const Invocation& invocation, const RelayCalls& relay,
                             const BelievedRequest& believed, const SignedStatement& statement,
                             Value data) {
  Value body;
  body.set("statement", statement.lines());
  const std::string request = believed.request.digest().hex();
  BELAY_ASSIGN(const Value taken,
               relay.send("POST", pathOf("/v1/approvals", request, "/decision"), body));
  static_cast<void>(taken);
  // With the signature: others may sign the same bytes, and a relay may spoil a copy.
  BELAY_ASSIGN(const auto receipt,
               awaitReceipt(invocation, relay, believed, crypto::sha256(statement.lines())));
  api::Envelope out;
  data.set("handed_in", true);
  if (receipt) {
    data.set("receipt", statement::receiptOutcomeName(receipt->outcome));
    data.set("gate", statement::gateName(receipt->gate));
    if (receipt->outcome == Receipt::Outcome::kRefused) {
      out.error = Error{base::errorFromText(receipt->code).value_or(ErrorCode::kDecisionInvalid),
                        "the host has refused the decision: " + receipt->code};
    }
  } else {
    out.meta.set("timed_out", true);
  }
  out.data = std::move(data);
  return out;
}

}  // namespace

namespace {

/// What a relay gives must be what was asked of it.
Status checkIsAsked(const Invocation& invocation, const std::optional<RelayCalls>& relay,
                    const BelievedRequest& believed) {
  const std::string given = believed.request.digest().hex();
  if (!relay || given == invocation.argument(0)) return {};
  return Error{ErrorCode::kDecisionUnknown, "the relay has given another request, " + given};
}

/// A request that is believed, and the key that opened it.
struct Looked {
  crypto::P256PrivateKey key;
  BelievedRequest believed;
};

Result<Looked> lookAt(const Invocation& invocation, const std::optional<RelayCalls>& relay) {
  BELAY_ASSIGN(const Value dossier, dossierOf(invocation, relay));
  BELAY_ASSIGN(crypto::P256PrivateKey key, openSigningKey(invocation));
  BELAY_ASSIGN(BelievedRequest believed, believeRequest(invocation, dossier, key));
  return Looked{std::move(key), std::move(believed)};
}

}  // namespace

Result<api::Envelope> showRemotely(Invocation& invocation) {
  BELAY_ASSIGN(const std::optional<RelayCalls> relay,
               RelayCalls::openNamed(invocation, "approver"));
  if (!relay && !invocation.has("request"))
    return Error{ErrorCode::kUsage, "--relay URL or --request FILE is missing"};
  BELAY_ASSIGN(const Looked looked, lookAt(invocation, relay));
  const BelievedRequest& believed = looked.believed;
  BELAY_TRY(checkIsAsked(invocation, relay, believed));
  api::Envelope out;
  out.data.set("request", believed.request.digest().hex());
  out.data.set("host", believed.host.thumbprint()).set("label", believed.label);
  BELAY_ASSIGN(Value asked, json::parse(believed.payload));
  out.data.set("asked", std::move(asked)).set("page", requestPage(Style(false, 0), believed));
  return out;
}

Result<api::Envelope> decideRemotely(Invocation& invocation, bool approve) {
  BELAY_ASSIGN(const std::optional<RelayCalls> relay,
               RelayCalls::openNamed(invocation, "approver"));
  if (invocation.has("browser") && invocation.has("yes"))
    return Error{ErrorCode::kUsage, "--yes asks nobody, and --browser asks on its page"};
  if (!relay && !invocation.has("out")) {
    return Error{ErrorCode::kUsage, "--request goes with --out FILE, for the decision"};
  }
  BELAY_ASSIGN(const Looked looked, lookAt(invocation, relay));
  const BelievedRequest& believed = looked.believed;
  const bool browser = invocation.has("browser");
  const std::string page = requestPage(invocation.style(), believed);
  if (!browser) invocation.note(page.substr(0, page.size() - 1));
  BELAY_TRY(checkShown(invocation, believed.request.digest()));
  BELAY_TRY(checkIsAsked(invocation, relay, believed));
  BELAY_ASSIGN(Decision decision, makeDecision(invocation, believed, {looked.key, relay}, approve));
  BELAY_TRY(browser ? confirmInBrowser(invocation, believed, decision)
                    : confirm(invocation, approve));
  BELAY_ASSIGN(const SignedStatement statement,
               signFirst(looked.key, Decision::kTyp, decision.print()));
  Value data;
  data.set("request", believed.request.digest().hex()).set("approved", approve);
  data.set("decision", statement.digest().hex()).set("host", believed.host.thumbprint());
  data.set("flow", believed.request.document().flow).set("run", believed.request.document().run);
  if (relay) return handIn(invocation, *relay, believed, statement, std::move(data));
  BELAY_TRY(writeNew(invocation.flag("out"), statement.lines()));
  api::Envelope out;
  data.set("file", invocation.flag("out"));
  out.data = std::move(data);
  return out;
}

}  // namespace belay::cli
