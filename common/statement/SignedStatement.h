#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"
#include "common/statement/Jws.h"

namespace belay::statement {

/// The most signatures that one statement has.
constexpr std::size_t kSignaturesMax = 32;

/// A statement with all of its signatures, read but not yet believed: a list of compact JWS over
/// the very same payload bytes, of the same kind, each by another key.
///
/// Threads: owner; const use from any.
/// Errors:  kStatementInvalid, kStatementMixed, kStatementPerson (one key twice).
class SignedStatement {
 public:
  /// One compact JWS a line; the end of the last line may be missing. Nothing else: no empty lines,
  /// no spaces, no CR.
  static base::Result<SignedStatement> parse(std::string_view lines);

  const std::string& typ() const { return signatures_.front().typ(); }
  const std::string& unverifiedPayload() const { return signatures_.front().unverifiedPayload(); }
  /// SHA-256 of the payload's verbatim bytes: what names a statement in chains.
  crypto::Digest digest() const;
  std::span<const Jws> signatures() const { return signatures_; }
  bool signedBy(std::string_view kid) const;

  /// parse() reads it back.
  std::string lines() const;
  /// With one signature more. Errors: of parse().
  base::Result<SignedStatement> with(std::string_view compact) const;
  /// Only the signatures of `kids`. Errors: kStatementQuorum when none is left.
  base::Result<SignedStatement> onlyOf(std::span<const std::string> kids) const;

 private:
  SignedStatement() = default;
  base::Status add(std::string_view compact);
  std::vector<Jws> signatures_;  ///< At least one.
};

}  // namespace belay::statement
