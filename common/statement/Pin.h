#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"

namespace belay::statement {

/// Which release of a flow is to be live, on a channel. Signed by release signers.
///
/// Byte by byte: docs/format/statements.md.
struct Pin {
  static constexpr std::string_view kTyp = "belay-pin+jws";
  static constexpr std::string_view kEveryHost = "*";

  crypto::Digest fleet;
  std::string flow;
  std::string channel = "stable";
  std::int64_t counter = 1;
  crypto::Digest prev;     ///< Of the payload of the pin before; zero in the first one.
  crypto::Digest release;  ///< SHA-256 of the release's content.
  std::int64_t size = 0;   ///< Of the content, in bytes.
  std::vector<std::string> selector{std::string(kEveryHost)};  ///< "*", "host:…", "group:…"
  std::int64_t createdMs = 0;

  /// Errors: kStatementInvalid, kStatementVersion.
  static base::Result<Pin> parse(std::string_view payload);
  /// A payload that parse() reads; the same pin always gives the same bytes.
  std::string print() const;

  /// "sha256:…", as the journal names contents.
  std::string releaseName() const { return "sha256:" + release.hex(); }
};

}  // namespace belay::statement
