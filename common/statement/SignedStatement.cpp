#include "common/statement/SignedStatement.h"

#include <algorithm>

#include "common/base/Text.h"
#include "common/crypto/Sha256.h"

namespace belay::statement {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

Status SignedStatement::add(std::string_view compact) {
  if (signatures_.size() == kSignaturesMax) {
    return Error{ErrorCode::kStatementInvalid,
                 "the statement has more than " + std::to_string(kSignaturesMax) + " signatures"};
  }
  BELAY_ASSIGN(Jws jws, Jws::parse(compact));
  if (!signatures_.empty()) {
    if (jws.typ() != typ() || jws.unverifiedPayload() != unverifiedPayload()) {
      return Error{ErrorCode::kStatementMixed, "signature " +
                                                   std::to_string(signatures_.size() + 1) +
                                                   " is over other bytes than the first"};
    }
    if (signedBy(jws.kid())) {
      return Error{ErrorCode::kStatementPerson, "key " + jws.kid() + " has signed twice"};
    }
  }
  signatures_.push_back(std::move(jws));
  return {};
}

Result<SignedStatement> SignedStatement::parse(std::string_view lines) {
  if (lines.ends_with('\n')) lines.remove_suffix(1);
  SignedStatement out;
  for (const std::string_view line : base::split(lines, '\n')) BELAY_TRY(out.add(line));
  return out;
}

crypto::Digest SignedStatement::digest() const { return crypto::sha256(unverifiedPayload()); }

bool SignedStatement::signedBy(std::string_view kid) const {
  return std::any_of(signatures_.begin(), signatures_.end(),
                     [kid](const Jws& jws) { return jws.kid() == kid; });
}

std::string SignedStatement::lines() const {
  std::string out;
  for (const Jws& jws : signatures_) out += jws.compact() + "\n";
  return out;
}

Result<SignedStatement> SignedStatement::with(std::string_view compact) const {
  SignedStatement out = *this;
  BELAY_TRY(out.add(compact));
  return out;
}

Result<SignedStatement> SignedStatement::onlyOf(std::span<const std::string> kids) const {
  SignedStatement out;
  for (const Jws& jws : signatures_) {
    if (std::find(kids.begin(), kids.end(), jws.kid()) != kids.end())
      out.signatures_.push_back(jws);
  }
  if (out.signatures_.empty()) {
    return Error{ErrorCode::kStatementQuorum, "none of the keys that must sign has signed"};
  }
  return out;
}

}  // namespace belay::statement
