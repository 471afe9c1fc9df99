#include "agent/link/SessionProof.h"

#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/statement/Jws.h"
#include "common/statement/SessionClaim.h"

namespace belay::link {

using base::Result;
using runtime::HostEpoch;
using statement::Jws;
using statement::SessionClaim;

namespace {

Result<SessionClaim> verified(std::string_view compact, const crypto::P256PublicKey& key) {
  BELAY_ASSIGN(const Jws jws, Jws::parse(compact));
  BELAY_ASSIGN(const std::string payload, jws.verify(key, SessionClaim::kTyp));
  return SessionClaim::parse(payload);
}

/// Whether this host may well have signed it. What is of an epoch before is past: when that ended,
/// a person had looked.
bool isPast(const SessionClaim& claim, const std::string& digest, const HostEpoch& epoch,
            std::int64_t number) {
  const auto counter =
      base::parseUnsigned(std::string_view(claim.epoch).substr(0, claim.epoch.find('.')));
  const auto mine = static_cast<std::uint64_t>(epoch.counter);
  if (counter && *counter < mine) return true;
  if (claim.epoch != epoch.text() || claim.number >= number) return false;
  return claim.number != epoch.grantedSession || digest == epoch.grantedDigest;
}

}  // namespace

std::string statementDigest(std::string_view compact) {
  const auto jws = Jws::parse(compact);
  return jws ? crypto::sha256(jws->unverifiedPayload()).hex() : std::string();
}

SessionProof weighSession(std::string_view compact, const crypto::P256PublicKey& key,
                          const HostEpoch& epoch, std::int64_t number, std::string_view mine) {
  SessionProof proof;
  if (compact.empty()) return proof;
  const auto claim = verified(compact, key);
  if (!claim) {
    proof.kind = SessionProof::Kind::kUnproved;
    proof.message = "the relay shows a session statement that this host's key has not signed: " +
                    claim.error().message;
    return proof;
  }
  proof.number = claim->number;
  const std::string digest = statementDigest(compact);
  if (digest == statementDigest(mine) || isPast(*claim, digest, epoch, number)) return proof;
  proof.kind = SessionProof::Kind::kLater;
  proof.message = "the relay has session statement " + std::to_string(claim->number) +
                  " of this host's key, which this host has not signed: there is a copy of it, or "
                  "it was set back";
  return proof;
}

}  // namespace belay::link
