#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"

namespace belay::statement {

/// Which flows a host has live, and which of them a starter may ask for. Signed by the host.
///
/// Byte by byte: docs/format/statements.md.
struct Offer {
  static constexpr std::string_view kTyp = "belay-offer+jws";
  static constexpr std::size_t kFlowsMax = 1'000;
  static constexpr std::size_t kPayloadBytesMax = 512u << 10;

  struct Flow {
    std::string flow;
    crypto::Digest release;  ///< Of the content that is live.
    std::int64_t pin = 0;    ///< Counter of the pin that names it; 0: none does.
    bool startable = false;  ///< The policy lets starters ask for it, and it is pinned.
    crypto::Digest input;    ///< Of the JSON Schema of its input; zero: it has none.
  };

  crypto::Digest fleet;
  std::string host;   ///< Thumbprint of the key that signs.
  std::string epoch;  ///< Of the host.
  std::int64_t createdMs = 0;
  std::vector<Flow> flows;

  /// Null pointer: it is not offered.
  const Flow* find(std::string_view flow) const;

  /// Errors: kStatementInvalid, kStatementVersion.
  static base::Result<Offer> parse(std::string_view payload);
  /// A payload that parse() reads; the same offer always gives the same bytes.
  std::string print() const;
};

}  // namespace belay::statement
