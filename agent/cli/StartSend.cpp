#include <algorithm>
#include <utility>

#include "agent/cli/Commands.h"
#include "agent/cli/HostBelief.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/RelayCalls.h"
#include "agent/cli/Signing.h"
#include "common/base/Random.h"
#include "common/base/Units.h"
#include "common/json/Json.h"
#include "common/statement/Payload.h"
#include "common/statement/Sealed.h"
#include "common/statement/Verify.h"

// start: has a flow of another host started, over a relay or by files.

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using crypto::P256PublicKey;
using json::Value;
using statement::Offer;
using statement::SignedStatement;
using statement::Start;
using statement::StartReceipt;

namespace {

constexpr std::size_t kOfferBytesMax = 2u << 20;
constexpr std::chrono::minutes kLives{60};
constexpr std::chrono::seconds kReceiptWait{30};
constexpr std::chrono::milliseconds kLookLeast{200}, kLookMost{2'000};
constexpr std::size_t kKeyBytes = 16;

constexpr Flag kFlags[] = {
    {"on", 0, "HOST", "the host: its thumbprint, or the label of its card (required)"},
    {"input", 'i', "NAME=TEXT", "a member of the input; NAME:=JSON for other types than text",
     true},
    {"input-file", 0, "FILE", "the input as a JSON object; \"-\" is standard input"},
    {"idempotency-key", 0, "TEXT", "the same one again starts nothing more; else it is random"},
    {"not-after", 0, "DURATION|TIME", "the host begins it until then, or never (1h)"},
    {"any-release", 0, "", "what is live when it comes; else the release that is offered now"},
    kRelayFlag,
    kTokenFileFlag,
    kCaFileFlag,
    {"offer", 0, "FILE", "without a relay: what the host offers, from `belay host offer`"},
    {"out", 0, "FILE", "without a relay: where to write the start, for `belay start apply`"},
    kKeyFlag,
    kPassphraseFlag,
    kHostFlag,
    kHostCardFlag,
    kFleetRootFlag,
    kFleetDigestFlag,
    kFleetRosterFlag,
};

/// A host as it is believed, and what it offers.
struct OfferedHost {
  P256PublicKey key;
  std::string label;
  Offer offer;
};

/// `relaysCard` where --card gives none.
Result<HostBelief> beliefOf(const Invocation& invocation, const std::string& relaysCard) {
  const std::string on = invocation.flag("on");
  const bool thumbprint = statement::isThumbprint(on);
  const bool byCard = invocation.has("card") || invocation.has("roster");
  // Whoever writes the thumbprint knows the host.
  if (thumbprint && !byCard) return HostBelief{on, "", std::nullopt};
  BELAY_ASSIGN(HostBelief belief, believeHost(invocation, relaysCard));
  if (invocation.has("host") && invocation.flag("host") != belief.host) {
    return Error{ErrorCode::kHostUnknown, "the card is of host " + belief.host +
                                              ", and --host is " + shown(invocation.flag("host"))};
  }
  if (thumbprint ? belief.host == on : !byCard || belief.label == on) return belief;
  return Error{ErrorCode::kHostUnknown, "the card is of host " + shown(belief.label) + ", " +
                                            belief.host + ", not of " + shown(on)};
}

Result<OfferedHost> believeOffer(const Invocation& invocation, const Value& dossier,
                                 const HostBelief& belief) {
  BELAY_ASSIGN(P256PublicKey key, hostKeyOf(dossier, belief));
  if (dossier.text("offer").empty()) {
    return Error{ErrorCode::kNotFound,
                 "host " + shown(invocation.flag("on")) + " offers nothing to starters here",
                 {"starts.allow of its policy", "belay host offer --out FILE, and --offer FILE"}};
  }
  BELAY_ASSIGN(const auto statement, SignedStatement::parse(dossier.text("offer")));
  crypto::Digest fleet;
  if (belief.fleet) {
    fleet = *belief.fleet;
  } else {
    BELAY_ASSIGN(const Offer said, Offer::parse(statement.unverifiedPayload()));
    fleet = said.fleet;
  }
  BELAY_ASSIGN(const auto offer, statement::verifyOffer(statement, key, fleet));
  return OfferedHost{std::move(key), belief.label, offer.document()};
}

Result<Value> dossierOf(const Invocation& invocation, const std::optional<RelayCalls>& relay,
                        const std::string& host) {
  if (relay) {
    auto dossier = relay->get(pathOf("/v1/hosts", host));
    if (dossier || dossier.error().code != ErrorCode::kRelayHost) return dossier;
    Error error = std::move(dossier).error();
    error.actions = {"belay fleet hosts"};
    for (const char* flag : {"relay", "token-file", "ca-file"}) {
      if (!invocation.has(flag)) continue;
      error.actions.front() += " --" + std::string(flag) + " " + invocation.flag(flag);
    }
    return error;
  }
  BELAY_ASSIGN(const std::string text,
               readText(invocation, invocation.flag("offer"), kOfferBytesMax));
  auto dossier = json::parse(text);
  if (!dossier) return std::move(dossier).error().in(invocation.flag("offer"));
  return std::move(*dossier);
}

/// The host of --on. A card that is given here says which one that is; what the relay calls it does
/// not count then.
Result<OfferedHost> findHost(const Invocation& invocation,
                             const std::optional<RelayCalls>& relay) {
  if (invocation.has("card")) {
    BELAY_ASSIGN(const HostBelief belief, beliefOf(invocation, ""));
    BELAY_ASSIGN(const Value dossier, dossierOf(invocation, relay, belief.host));
    return believeOffer(invocation, dossier, belief);
  }
  BELAY_ASSIGN(const Value dossier, dossierOf(invocation, relay, invocation.flag("on")));
  BELAY_ASSIGN(const HostBelief belief, beliefOf(invocation, dossier.text("card")));
  return believeOffer(invocation, dossier, belief);
}

Result<std::int64_t> notAfter(const Invocation& invocation) {
  const std::string text = invocation.flag("not-after");
  if (text.empty()) return invocation.nowMs() + std::chrono::milliseconds{kLives}.count();
  if (const auto length = base::parseDuration(text)) return invocation.nowMs() + length->count();
  const auto instant = base::parseInstant(text);
  if (instant) return *instant;
  return Error{ErrorCode::kUsage,
               "--not-after takes a duration as 1h, or a time as 2026-11-29T12:00:00Z, not \"" +
                   shown(text) + "\""};
}

Result<Start> makeStart(const Invocation& invocation, const OfferedHost& host) {
  const std::string& slug = invocation.argument(0);
  const Offer::Flow* const flow = host.offer.find(slug);
  if (!flow || !flow->startable) {
    std::string others;
    for (const Offer::Flow& each : host.offer.flows) {
      if (each.startable) others += (others.empty() ? "" : ", ") + each.flow;
    }
    return Error{ErrorCode::kNotFound,
                 "host " + host.key.thumbprint() + " does not offer flow " + shown(slug) +
                     " to starters; it offers " + (others.empty() ? "nothing" : others),
                 {"on the host: starts.allow of its policy, and a signed pin for the flow"}};
  }
  Start start;
  start.fleet = host.offer.fleet;
  start.host = host.offer.host;
  start.epoch = host.offer.epoch;
  start.flow = slug;
  if (!invocation.has("any-release")) start.release = flow->release;
  BELAY_ASSIGN(start.input, readInput(invocation));
  start.key = invocation.flag("idempotency-key");
  if (start.key.empty()) start.key = base::makeToken(invocation.world().random, kKeyBytes);
  start.createdMs = invocation.nowMs();
  BELAY_ASSIGN(start.notAfterMs, notAfter(invocation));
  return Start::parse(start.print());
}

/// What the host has signed about this start; nothing when it does not come in time.
Result<std::optional<StartReceipt>> awaitReceipt(const Invocation& invocation,
                                                 const RelayCalls& relay, const OfferedHost& host,
                                                 const SignedStatement& statement) {
  BELAY_ASSIGN(const auto wait, invocation.duration("timeout", kReceiptWait));
  const auto end = invocation.world().clock.sinceBoot() + wait;
  const std::string name = statement.digest().hex();
  std::chrono::milliseconds pause = kLookLeast;
  while (true) {
    BELAY_ASSIGN(const Value data, relay.get(pathOf("/v1/starts", name)));
    if (!data.text("receipt").empty()) {
      BELAY_ASSIGN(const auto signedOne, SignedStatement::parse(data.text("receipt")));
      BELAY_ASSIGN(const auto receipt,
                   statement::verifyStartReceipt(signedOne, host.key, host.offer.fleet));
      const StartReceipt& said = receipt.document();
      const bool ours =
          said.start == statement.digest() && said.signer == statement.signatures().front().kid();
      if (ours) return std::optional<StartReceipt>(said);
      return Error{ErrorCode::kStatementInvalid,
                   "the relay has given the receipt of another start"};
    }
    const auto left = end - invocation.world().clock.sinceBoot();
    if (left <= std::chrono::milliseconds{0}) return std::optional<StartReceipt>();
    invocation.world().sleep(std::min(pause, left));
    pause = std::min(pause * 2, kLookMost);
  }
}

/// The receipt has the code alone; what can be told from here is.
Error refusedBy(const Invocation& invocation, const Start& start, const std::string& code) {
  Error out{base::errorFromText(code).value_or(ErrorCode::kStartRefused),
            "the host has refused the start: " + code,
            {"belay explain " + code}};
  if (out.code != ErrorCode::kStartExpired) return out;
  out.message += start.notAfterMs > invocation.nowMs()
                     ? "; it ends at " + base::formatInstant(start.notAfterMs) +
                           ", later than starts.expires of the host's policy (24h) lets it, or the "
                           "host's clock is wrong"
                     : "; it had ended at " + base::formatInstant(start.notAfterMs) +
                           " when the host took it";
  return out;
}

Result<api::Envelope> handIn(const Invocation& invocation, const RelayCalls& relay,
                             const OfferedHost& host, const Start& start,
                             const SignedStatement& statement, std::string sealed, Value data) {
  Value body;
  body.set("host", start.host).set("start", statement.digest().hex());
  body.set("lasts_ms", start.notAfterMs - start.createdMs).set("sealed", std::move(sealed));
  BELAY_ASSIGN(const Value taken, relay.send("POST", "/v1/starts", body));
  static_cast<void>(taken);
  BELAY_ASSIGN(const auto receipt, awaitReceipt(invocation, relay, host, statement));
  api::Envelope out;
  data.set("handed_in", true);
  if (!receipt) {
    out.meta.set("timed_out", true);
  } else {
    data.set("outcome", statement::startOutcomeName(receipt->outcome)).set("run", receipt->run);
    if (receipt->outcome == StartReceipt::Outcome::kRefused)
      out.error = refusedBy(invocation, start, receipt->code);
    if (receipt->outcome == StartReceipt::Outcome::kSkipped) {
      data.set("skipped", true);
      out.error = Error{ErrorCode::kStartSkipped,
                        "the host has started nothing: other runs of the flow have not ended "
                        "(on_conflict: skip)"};
    }
  }
  out.data = std::move(data);
  return out;
}

/// Flags that say two things at once, or nothing. What is ignored is not what somebody meant.
Status checkFlags(const Invocation& invocation) {
  if (!invocation.has("on")) return Error{ErrorCode::kUsage, "--on HOST is missing"};
  const std::string on = invocation.flag("on");
  if (invocation.has("host") && invocation.flag("host") != on && statement::isThumbprint(on)) {
    return Error{ErrorCode::kUsage,
                 "--on is host " + on + ", and --host is " + shown(invocation.flag("host"))};
  }
  for (const char* flag : {"out", "offer"}) {
    if (!invocation.has("relay") || !invocation.has(flag)) continue;
    return Error{ErrorCode::kUsage, "--" + std::string(flag) +
                                        " is for starts without a relay, and --relay names one"};
  }
  if (invocation.has("idempotency-key") && invocation.flag("idempotency-key").empty()) {
    return Error{ErrorCode::kUsage,
                 "--idempotency-key is empty: a start without one begins a run each time",
                 {"look where its text comes from (a variable that is not set)"}};
  }
  if (invocation.has("relay") || (invocation.has("offer") && invocation.has("out"))) return {};
  return Error{ErrorCode::kUsage, "--relay URL is missing, or --offer FILE and --out FILE"};
}

Result<api::Envelope> start(Invocation& invocation) {
  BELAY_TRY(checkFlags(invocation));
  BELAY_ASSIGN(const std::optional<RelayCalls> relay, RelayCalls::openNamed(invocation, "starter"));
  BELAY_ASSIGN(const OfferedHost host, findHost(invocation, relay));
  BELAY_ASSIGN(const Start start, makeStart(invocation, host));
  BELAY_ASSIGN(const crypto::P256PrivateKey key, openSigningKey(invocation));
  BELAY_ASSIGN(const SignedStatement statement, signFirst(key, Start::kTyp, start.print()));
  const P256PublicKey recipients[] = {host.key};
  std::string sealed = statement::seal(statement.lines(), statement::kSealedStart, recipients,
                                       invocation.world().random);
  Value data;
  data.set("start", statement.digest().hex()).set("host", start.host).set("flow", start.flow);
  data.set("key", start.key).set("not_after", base::formatInstant(start.notAfterMs));
  if (relay) {
    return handIn(invocation, *relay, host, start, statement, std::move(sealed), std::move(data));
  }
  BELAY_TRY(writeNew(invocation.flag("out"), sealed + "\n"));
  api::Envelope out;
  data.set("file", invocation.flag("out"));
  out.data = std::move(data);
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  if (!data.text("file").empty())
    return "wrote the start of " + data.text("flow") + ", sealed for host " + data.text("host") +
           ", to " + shown(data.text("file")) + "\n";
  // Refused or skipped, which the error says.
  if (data.text("run").empty() && data.find("outcome")) return "";
  if (data.text("run").empty())
    return "handed in as " + data.text("start") + "; the host has not answered yet\n";
  return "host " + data.text("host") + " has started run " +
         invocation.style().bold(data.text("run")) + " of " + data.text("flow") + "\n";
}

}  // namespace

const Command kStartCommand{
    "start",
    "FLOW",
    "have a flow of another host started, signed with a starter's key",
    "Needs no daemon. The host must offer the flow: its policy lets starters ask for it "
    "(starts.allow), and a signed pin names its live release. What the host offers is verified by "
    "its thumbprint or its card; the start is signed, sealed for that host, and bound to its "
    "epoch, "
    "the release and a time. With --relay the answer is the host's own receipt; --timeout says how "
    "long to wait for it (30s). The same --idempotency-key again starts nothing more, and says "
    "which run it was.",
    kFlags,
    &start,
    &print};

}  // namespace belay::cli
