#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"
#include "common/json/Value.h"

namespace belay::statement {

/// What a person of the roster says to one request. Signed by an approver's key, or by a bot that
/// attests an account of a chat.
///
/// Its class is that of the key: nobody says it. Byte by byte: docs/format/statements.md.
struct Decision {
  static constexpr std::string_view kTyp = "belay-decision+jws";
  /// 1 is what a host signs for its own users (agent/trust/Decision.h).
  static constexpr std::int64_t kVersion = 2;

  crypto::Digest fleet;
  crypto::Digest request;  ///< Of the request's verbatim bytes.
  bool approve = false;
  json::Value form{json::Object{}};
  std::string comment;
  std::string onBehalfOf;              ///< Account that a bot attests; empty: the key's own person.
  std::vector<crypto::Digest> unseen;  ///< Artifacts that were not looked at.
  std::int64_t createdMs = 0;

  /// Errors: kStatementInvalid, kStatementVersion.
  static base::Result<Decision> parse(std::string_view payload);
  /// A payload that parse() reads; the same decision always gives the same bytes.
  std::string print() const;
};

/// Whether a compact JWS of kind decision is of the form above, and not of version 1. Nothing is
/// believed of it.
bool isOfRoster(std::string_view compact);

}  // namespace belay::statement
