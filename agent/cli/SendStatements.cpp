#include "agent/cli/Commands.h"
#include "agent/cli/RelayCalls.h"
#include "agent/cli/Signing.h"
#include "common/base/Files.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

// pin send and trust send: what was signed goes to hosts over a relay, which only carries it.

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using statement::Card;
using statement::Pin;
using statement::Root;
using statement::Roster;
using statement::SignedStatement;

namespace {

/// A flow, or a file of `flow export` around it, escaped.
constexpr std::uint64_t kReleaseBytesMax = 16u << 20;

constexpr Flag kPinFlags[] = {
    {"release", 0, "FILE",
     "give the relay what the pin names, too: the flow, or its `flow export`"},
    kRelayFlag,
    kTokenFileFlag,
    kCaFileFlag};
constexpr Flag kTrustFlags[] = {
    {"root", 0, "FILE", "with a roster: the root document, for hosts that have an older one"},
    kRelayFlag,
    kTokenFileFlag,
    kCaFileFlag};

/// Content of the release that a pin names, whichever way it lies in the file.
Result<std::string> readRelease(const Invocation& invocation, const Pin& pin) {
  const std::string path = invocation.flag("release");
  BELAY_ASSIGN(std::string text, base::readFile(path, kReleaseBytesMax));
  if (crypto::sha256(text) == pin.release) return text;
  const auto exported = json::parse(text);
  if (exported && crypto::sha256(exported->text("content")) == pin.release) {
    return exported->text("content");
  }
  return Error{ErrorCode::kFlowDigest,
               shown(path) + " is not release " + pin.releaseName() + ", which the pin names",
               {"belay flow export SLUG N FILE"}};
}

/// What was sent, and what the relay has said about it.
api::Envelope sent(const Invocation& invocation, Described described, const Value& taken) {
  api::Envelope out;
  out.data = std::move(described.data);
  out.data.set("relay", invocation.flag("relay")).set("existing", taken.flag("existing"));
  if (taken.find("hosts")) out.data.set("hosts", taken.integer("hosts"));
  return out;
}

Result<api::Envelope> sendPin(Invocation& invocation) {
  const std::string& file = invocation.argument(0);
  BELAY_ASSIGN(const SignedStatement statement, readStatement(invocation, file));
  if (statement.typ() != Pin::kTyp) {
    return Error{ErrorCode::kStatementKind,
                 shown(file) + " is a " + statement.typ(),
                 {"belay trust send " + shown(file)}};
  }
  BELAY_ASSIGN(Described described, describe(statement));
  BELAY_ASSIGN(const Pin pin, Pin::parse(statement.unverifiedPayload()));
  BELAY_ASSIGN(const RelayCalls relay, RelayCalls::open(invocation, "release"));
  const bool withRelease = invocation.has("release");
  if (withRelease) {
    // First, so that no host is told of a release that is not there.
    BELAY_ASSIGN(std::string content, readRelease(invocation, pin));
    BELAY_ASSIGN(const Value kept,
                 relay.put(pathOf("/v1/releases", pin.release.hex()), std::move(content)));
    static_cast<void>(kept);
  }
  Value body;
  body.set("statement", statement.lines());
  BELAY_ASSIGN(const Value taken, relay.send("POST", "/v1/pins", body));
  api::Envelope out = sent(invocation, std::move(described), taken);
  out.data.set("release_sent", withRelease);
  return out;
}

Result<api::Envelope> sendTrust(Invocation& invocation) {
  const std::string& file = invocation.argument(0);
  BELAY_ASSIGN(const SignedStatement statement, readStatement(invocation, file));
  const std::string& typ = statement.typ();
  if (typ == Root::kTyp) {
    return Error{ErrorCode::kStatementKind,
                 shown(file) + " is a root document, which goes along with a roster of its keys",
                 {"belay trust send ROSTER --root " + shown(file)}};
  }
  if (typ != Roster::kTyp && typ != Card::kTyp) {
    return Error{
        ErrorCode::kStatementKind, shown(file) + " is a " + typ, {"belay pin send " + shown(file)}};
  }
  const bool card = typ == Card::kTyp;
  BELAY_ASSIGN(Described described, describe(statement));
  Value body;
  body.set("statement", statement.lines());
  if (invocation.has("root")) {
    if (card) return Error{ErrorCode::kUsage, "--root goes with a roster, not with a card"};
    BELAY_ASSIGN(const SignedStatement root, readStatement(invocation, invocation.flag("root")));
    if (root.typ() != Root::kTyp) {
      return Error{ErrorCode::kStatementKind,
                   shown(invocation.flag("root")) + " is a " + root.typ() + ", no root document"};
    }
    body.set("root", root.lines());
  }
  BELAY_ASSIGN(const RelayCalls relay, RelayCalls::open(invocation, "release"));
  BELAY_ASSIGN(const Value taken, relay.send("POST", card ? "/v1/cards" : "/v1/rosters", body));
  return sent(invocation, std::move(described), taken);
}

std::string print(const Invocation&, const Value& data) {
  const std::string what = data.text("kind") + " " + data.text("digest").substr(0, 12) + "…";
  const std::string relay = shown(data.text("relay"));
  if (data.flag("existing")) return relay + " had " + what + " already\n";
  const std::string out = "gave " + what + " to " + relay;
  if (!data.find("hosts")) return out + "\n";
  return out + ", which passes it on to " + std::to_string(data.integer("hosts")) + " hosts\n";
}

}  // namespace

const Command kPinSendCommand{
    "pin send",
    "FILE",
    "give a signed pin to a relay, which passes it on to its hosts",
    "Needs no daemon, and a token of role release. The relay believes and decides nothing: each "
    "host verifies the pin itself. A pin that somebody else signs later is sent again. The release "
    "comes over the relay too with --release FILE; a host that has it already needs none.",
    kPinFlags,
    &sendPin,
    &print,
    Completes::kFile};

const Command kTrustSendCommand{
    "trust send",
    "FILE",
    "give a signed roster, or the card of a host, to a relay",
    "Needs no daemon, and a token of role release. A roster is passed on to the hosts, which "
    "verify "
    "it by the root document that they believe; with --root also by the next one. A card is kept "
    "for approvers and starters.",
    kTrustFlags,
    &sendTrust,
    &print,
    Completes::kFile};

}  // namespace belay::cli
