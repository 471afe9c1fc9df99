#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"

namespace belay::statement {

/// What became of a start. Signed by the host; whatever is no receipt is hearsay.
///
/// Byte by byte: docs/format/statements.md.
struct StartReceipt {
  static constexpr std::string_view kTyp = "belay-start-receipt+jws";

  enum class Outcome {
    kAccepted,  ///< There is a run.
    kRefused,   ///< There is none; `code` says why.
    kSkipped,   ///< There is none, because of other runs (`on_conflict: skip`).
  };

  crypto::Digest fleet;
  std::string host;      ///< Thumbprint of the key that signs.
  crypto::Digest start;  ///< Of the start's verbatim bytes.
  std::string signer;    ///< Thumbprint of the key by which the start came.
  Outcome outcome = Outcome::kRefused;
  std::string code;  ///< Of a refusal: BLY-….
  std::string run;   ///< Of an accepted one.
  std::int64_t createdMs = 0;

  /// Errors: kStatementInvalid, kStatementVersion.
  static base::Result<StartReceipt> parse(std::string_view payload);
  /// A payload that parse() reads; the same receipt always gives the same bytes.
  std::string print() const;
};
std::string_view startOutcomeName(StartReceipt::Outcome outcome);

}  // namespace belay::statement
