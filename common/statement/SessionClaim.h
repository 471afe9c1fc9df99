#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"

namespace belay::statement {

/// What a host says to a relay to be let in: that it means this relay, now. Signed by the host.
///
/// Byte by byte: docs/format/statements.md.
struct SessionClaim {
  static constexpr std::string_view kTyp = "belay-session+jws";
  /// A nonce, and everything else that is 32 bytes as unpadded base64url.
  static constexpr std::size_t kNonceBytes = 32;

  crypto::Digest fleet;  ///< Zero while the host believes no root document.
  std::string relay;  ///< Base URL by the host's own knowledge: a nonce of another relay fits none.
  std::string nonce;  ///< The relay's.
  std::string epoch;  ///< Of the host: "COUNTER.RANDOM".
  std::int64_t number = 1;  ///< From one: how many of these the host's key has signed with this one.
  std::int64_t sent = 0;    ///< The highest number of a message that the host has made.
  std::int64_t ended = 0;   ///< Runs in the host's chain, and the hash of the last of them.
  crypto::Digest head;      ///< Zero: none.

  /// Errors: kStatementInvalid, kStatementVersion.
  static base::Result<SessionClaim> parse(std::string_view payload);
  /// A payload that parse() reads; the same claim always gives the same bytes.
  std::string print() const;
};

}  // namespace belay::statement
