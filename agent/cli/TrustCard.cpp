#include "agent/cli/Commands.h"
#include "agent/cli/RelayCalls.h"
#include "agent/cli/Signing.h"
#include "common/statement/Card.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using statement::Card;

namespace {

constexpr Flag kFlags[] = {
    {"thumbprint", 0, "KID", "refuse HOST.pub unless its thumbprint is this"},
    {"fleet", 0, "DIGEST", "the fleet: the digest of its first root document (required)"},
    {"label", 0, "TEXT", "what people call the host (required)"},
    {"group", 0, "NAME", "a group that it is in", true},
    {"counter", 0, "N", "the place after the card before; the highest counts (1)"},
    kKeyFlag,
    kPassphraseFlag,
    {"relay", 0, "URL", "give it to this relay too, for its approvers"},
    kTokenFileFlag,
    kCaFileFlag,
};

Result<api::Envelope> makeCard(Invocation& invocation) {
  // A card that is written and not sent would be in the way of the mended call.
  BELAY_ASSIGN(const std::optional<RelayCalls> relay, RelayCalls::openNamed(invocation, "release"));
  BELAY_ASSIGN(crypto::P256PublicKey key, readPublicKeyFile(invocation.argument(0)));
  if (invocation.has("thumbprint") && invocation.flag("thumbprint") != key.thumbprint()) {
    return Error{ErrorCode::kKeyFile, invocation.argument(0) + " is key " + key.thumbprint() +
                                          ", not " + shown(invocation.flag("thumbprint"))};
  }
  const auto fleet = crypto::Digest::fromHex(invocation.flag("fleet"));
  if (!fleet) return Error{ErrorCode::kUsage, "--fleet takes 64 lower-case digits"};
  Card card(std::move(key));
  card.fleet = *fleet;
  card.label = invocation.flag("label");
  card.groups = invocation.flags("group");
  BELAY_ASSIGN(card.counter, numberFlag(invocation, "counter", 1));
  card.createdMs = invocation.nowMs();
  BELAY_ASSIGN(api::Envelope out, writeDocument(invocation, card, invocation.argument(1)));
  if (!relay) return out;
  BELAY_ASSIGN(const auto statement, readStatement(invocation, invocation.argument(1)));
  Value body;
  body.set("statement", statement.lines());
  BELAY_ASSIGN(const Value taken, relay->send("POST", "/v1/cards", body));
  out.data.set("relay", invocation.flag("relay")).set("sent_to", taken.text("host"));
  return out;
}

std::string print(const Invocation&, const Value& data) {
  return "wrote the card of " + shown(data.text("label")) + ", " + data.text("host") + ", to " +
         shown(data.text("file")) +
         (data.text("relay").empty() ? "" : ", and gave it to " + shown(data.text("relay"))) + "\n";
}

}  // namespace

const Command kTrustCardCommand{
    "trust card",
    "HOST.pub OUT",
    "make the card of a host: its key, what people call it, and its groups, signed by a registrar",
    "HOST.pub comes from `belay host key --out FILE` on the host, and its thumbprint by another "
    "way. Approvers' tools believe cards, and no relay. With --relay, and a token of role release, "
    "the relay keeps it for them: `belay approve --roster …` then names the host by its card.",
    kFlags,
    &makeCard,
    &print,
    Completes::kFile};

}  // namespace belay::cli
