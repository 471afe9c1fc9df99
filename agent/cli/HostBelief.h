#pragma once

#include <optional>
#include <string>

#include "agent/cli/Invocation.h"
#include "common/base/Result.h"
#include "common/crypto/Digest.h"
#include "common/crypto/P256.h"
#include "common/json/Value.h"
#include "common/statement/Roster.h"

namespace belay::cli {

// Which host is which: known by a thumbprint that came another way than by a relay, or by the card
// that a registrar of the roster has signed.

inline constexpr Flag kHostFlag{"host", 0, "THUMBPRINT",
                                "the host that is believed, as `belay host key` prints it there"};
inline constexpr Flag kHostCardFlag{
    "card", 0, "FILE",
    "its card, where the relay has none; with --root, --root-digest and --roster"};
inline constexpr Flag kFleetRootFlag{"root", 0, "FILE", "the root document of the fleet"};
inline constexpr Flag kFleetDigestFlag{"root-digest", 0, "DIGEST",
                                       "its digest, which came another way"};
inline constexpr Flag kFleetRosterFlag{"roster", 0, "FILE", "the roster in force"};

struct HostBelief {
  std::string host;  ///< Thumbprint.
  std::string label;
  std::optional<crypto::Digest> fleet;  ///< Nothing: what the host itself says.
};

/// By --root, --root-digest and --roster. Errors: kUsage, kTrustDigest, kStatement….
base::Result<statement::Roster> believedRoster(const Invocation& invocation);
/// By --card, --host, or --roster with the card that a relay gives (empty: it has none).
/// Errors: kHostUnknown; of believedRoster(); kStatement….
base::Result<HostBelief> believeHost(const Invocation& invocation, const std::string& relaysCard);
/// The key that comes along as `host_key`, when it is the one that is believed.
/// Errors: kHostUnknown.
base::Result<crypto::P256PublicKey> hostKeyOf(const json::Value& dossier, const HostBelief& belief);

}  // namespace belay::cli
