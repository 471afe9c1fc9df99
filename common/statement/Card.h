#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"
#include "common/crypto/P256.h"

namespace belay::statement {

/// Which key a host has, what people call it, and which groups it is in. Signed by a registrar:
/// approvers' tools and selectors believe cards, and never a relay.
///
/// The highest counter of a key counts. Byte by byte: docs/format/statements.md.
struct Card {
  static constexpr std::string_view kTyp = "belay-card+jws";

  explicit Card(crypto::P256PublicKey hostKey) : key(std::move(hostKey)) {}

  crypto::Digest fleet;
  crypto::P256PublicKey key;
  std::string label;
  std::vector<std::string> groups;
  std::int64_t counter = 1;
  std::int64_t createdMs = 0;

  const std::string& host() const { return key.thumbprint(); }

  /// Errors: kStatementInvalid, kStatementVersion.
  static base::Result<Card> parse(std::string_view payload);
  /// A payload that parse() reads; the same card always gives the same bytes.
  std::string print() const;
};

}  // namespace belay::statement
