#include "agent/cli/HostBelief.h"

#include <utility>

#include "agent/cli/Signing.h"
#include "common/statement/Verify.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using crypto::P256PublicKey;
using json::Value;
using statement::Roster;
using statement::SignedStatement;

Result<Roster> believedRoster(const Invocation& invocation) {
  for (const char* flag : {"root", "root-digest", "roster"}) {
    if (!invocation.has(flag)) {
      return Error{ErrorCode::kUsage,
                   "a card goes with --root FILE, --root-digest DIGEST and --roster FILE"};
    }
  }
  const auto digest = crypto::Digest::fromHex(invocation.flag("root-digest"));
  if (!digest) return Error{ErrorCode::kUsage, "--root-digest takes 64 lower-case digits"};
  BELAY_ASSIGN(const SignedStatement rootFile, readStatement(invocation, invocation.flag("root")));
  BELAY_ASSIGN(const auto root, statement::verifyFirstRoot(rootFile, *digest));
  BELAY_ASSIGN(const SignedStatement rosterFile,
               readStatement(invocation, invocation.flag("roster")));
  BELAY_ASSIGN(const auto roster,
               statement::verifyRoster(rosterFile, root.document(),
                                       root.document().fleetName(root.digest())));
  return roster.document();
}

namespace {

/// By a registrar of the roster: the card is of --card, or as the relay gives it.
Result<HostBelief> believeCard(const Invocation& invocation, const std::string& relaysCard) {
  BELAY_ASSIGN(const Roster roster, believedRoster(invocation));
  if (!invocation.has("card") && relaysCard.empty()) {
    return Error{ErrorCode::kHostUnknown,
                 "the relay has no card of this host",
                 {"--card FILE", "--host THUMBPRINT"}};
  }
  BELAY_ASSIGN(const SignedStatement given, invocation.has("card")
                                                ? readStatement(invocation, invocation.flag("card"))
                                                : SignedStatement::parse(relaysCard));
  BELAY_ASSIGN(const auto card, statement::verifyCard(given, roster));
  return HostBelief{card.document().host(), card.document().label, card.document().fleet};
}

}  // namespace

Result<HostBelief> believeHost(const Invocation& invocation, const std::string& relaysCard) {
  if (invocation.has("card")) return believeCard(invocation, relaysCard);
  if (invocation.has("host")) return HostBelief{invocation.flag("host"), "", std::nullopt};
  if (invocation.has("roster")) return believeCard(invocation, relaysCard);
  return Error{
      ErrorCode::kHostUnknown,
      "who the host is must come by another way than the request",
      {"--host THUMBPRINT, as `belay host key` prints it on the host",
       "--root FILE --root-digest DIGEST --roster FILE, with the relay's card or --card FILE"}};
}

Result<P256PublicKey> hostKeyOf(const Value& dossier, const HostBelief& belief) {
  const Value* jwk = dossier.find("host_key");
  if (!jwk) return Error{ErrorCode::kHostUnknown, "the request comes without its host's key"};
  auto key = P256PublicKey::fromJwk(*jwk);
  if (!key) return std::move(key).error().in("the host's key");
  if (key->thumbprint() == belief.host) return key;
  return Error{ErrorCode::kHostUnknown, "the request comes with the key " + key->thumbprint() +
                                            "; the host that is believed here has " +
                                            shown(belief.host)};
}

}  // namespace belay::cli
