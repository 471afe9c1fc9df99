#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"

namespace belay::statement {

/// What became of a decision, or of a whole request. Signed by the host; whatever is no receipt is
/// hearsay.
///
/// Byte by byte: docs/format/statements.md.
struct Receipt {
  static constexpr std::string_view kTyp = "belay-receipt+jws";

  enum class Outcome {
    kAccepted,  ///< The decision counts.
    kRefused,   ///< It does not; `code` says why.
    kClosed,    ///< The request is over.
  };
  /// kSuperseded: the host asks the same anew, as another request.
  enum class Gate { kOpen, kApproved, kRejected, kTimedOut, kClosed, kSuperseded };

  crypto::Digest fleet;
  std::string host;  ///< Thumbprint of the key that signs.
  crypto::Digest request;
  crypto::Digest decision;  ///< Of the decision's lines, with its signature; zero: of none.
  Outcome outcome = Outcome::kClosed;
  std::string code;  ///< Of a refusal: BLY-….
  Gate gate = Gate::kOpen;
  std::int64_t createdMs = 0;

  /// Errors: kStatementInvalid, kStatementVersion.
  static base::Result<Receipt> parse(std::string_view payload);
  /// A payload that parse() reads; the same receipt always gives the same bytes.
  std::string print() const;
};
std::string_view receiptOutcomeName(Receipt::Outcome outcome);
std::string_view gateName(Receipt::Gate gate);

}  // namespace belay::statement
