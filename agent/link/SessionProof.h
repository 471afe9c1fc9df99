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

/// `mine`: the statement that was just signed, with `number`, for which the relay says that
/// `compact` was the one before. Only what the host's own key has signed counts, and what it has
/// just signed is no news, so that a relay cannot bring a host into quarantine. Pure.
SessionProof weighSession(std::string_view compact, const crypto::P256PublicKey& key,
                          const runtime::HostEpoch& epoch, std::int64_t number,
                          std::string_view mine);

/// What tells a session statement from all others, in hex: of its payload, because a signature over
/// the same bytes has more than one spelling. Empty for what is no statement.
std::string statementDigest(std::string_view compact);

}  // namespace belay::link
