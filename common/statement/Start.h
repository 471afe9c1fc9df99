#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"
#include "common/json/Value.h"

namespace belay::statement {

/// That one host is to start a run of a flow that it offers. Signed by a starter.
///
/// Byte by byte: docs/format/statements.md.
struct Start {
  static constexpr std::string_view kTyp = "belay-start+jws";
  static constexpr std::size_t kPayloadBytesMax = 128u << 10;
  static constexpr std::size_t kKeyBytesMax = 200;

  crypto::Digest fleet;
  std::string host;   ///< Thumbprint.
  std::string epoch;  ///< Of the host, as its offer says.
  std::string flow;
  crypto::Digest release;  ///< Of the content that is meant; zero: whatever is live and pinned.
  json::Value input{json::Object{}};
  std::string key;  ///< Idempotency key: of one person, it starts one run.
  std::int64_t createdMs = 0;
  std::int64_t notAfterMs = 0;

  /// Errors: kStatementInvalid, kStatementVersion.
  static base::Result<Start> parse(std::string_view payload);
  /// A payload that parse() reads; the same start always gives the same bytes.
  std::string print() const;

  /// What is to be started, besides when and by whom.
  crypto::Digest what() const;
};

}  // namespace belay::statement
