#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/runtime/HostEpoch.h"
#include "common/base/Result.h"
#include "common/crypto/P256.h"

namespace belay::link {

/// What a relay shows as this host's latest session statement.
struct SessionProof {
  enum class Kind {
    kPast,      ///< Nothing, or one that this host may well have signed before.
    kLater,     ///< Proof that a copy of this host has signed, or that this host was set back.
    kUnproved,  ///< Not signed by this host's key: the relay's word alone.
  };
  Kind kind = Kind::kPast;
  std::int64_t number = 0;  ///< Of the statement; 0: none.
  std::string message;      ///< Where it is not of the past.
};

/// `number`: of the statement that was just signed, for which `compact` was the one before. Only
/// what the host's own key has signed counts, so that a relay cannot bring a host into quarantine.
/// Pure.
SessionProof weighSession(std::string_view compact, const crypto::P256PublicKey& key,
                          const runtime::HostEpoch& epoch, std::int64_t number);

/// What tells a session statement from all others, in hex.
std::string statementDigest(std::string_view compact);

}  // namespace belay::link
