#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"
#include "common/json/Value.h"
#include "common/statement/Roster.h"

namespace belay::statement {

/// What a host asks of people: an approval, or the review of a step before it is done. Signed by
/// the host, and the very bytes that its journal keeps.
///
/// Byte by byte: docs/format/statements.md.
struct Request {
  static constexpr std::string_view kTyp = "belay-request+jws";
  static constexpr std::size_t kNonceBytes = 32;
  static constexpr std::size_t kPayloadBytesMax = 512u << 10;

  struct Artifact {
    std::string name;
    std::string ref;  ///< On the host.
    crypto::Digest digest;
    std::int64_t size = 0;
    std::string mediaType;
  };

  crypto::Digest fleet;
  std::string host;  ///< Thumbprint of the key that signs.
  std::string flow;
  crypto::Digest release;
  std::string run;
  std::string step;  ///< Path.
  std::int64_t visit = 1;
  std::int64_t attempt = 1;
  std::string wait;
  std::string epoch;  ///< Of the host.
  std::string nonce;  ///< 32 random bytes, base64url: no two requests are the same.
  bool review = false;
  KeyClass keyClass = KeyClass::kE2e;  ///< The least that may answer.
  std::string summary;
  // Of a review: what exactly will be done; else empty.
  std::string effectClass;
  json::Value effect{json::Object{}};
  std::string effectDigest;  ///< Hex.
  json::Value rendered;      ///< The step as it was rendered; null when it is no review.
  std::int64_t timeoutMs = 0;
  std::vector<Artifact> artifacts;
  std::vector<std::string> approvers;  ///< Persons; empty: all whose keys are of the class.
  std::string requester;               ///< Who asked, and may not approve; empty: nobody.
  std::int64_t quorum = 1;             ///< So many persons must approve.
  bool fresh = false;                  ///< Not answered by a roster that is older than its max_age.
  json::Value form;                    ///< JSON Schema, or null.
  std::int64_t roster = 1;             ///< Version of the roster in force.
  std::int64_t pin = 0;                ///< Counter of the flow's pin in force; 0: none.
  std::int64_t createdMs = 0;
  std::int64_t expiresMs = 0;

  /// Errors: kStatementInvalid, kStatementVersion.
  static base::Result<Request> parse(std::string_view payload);
  /// A payload that parse() reads; the same request always gives the same bytes.
  std::string print() const;
};

}  // namespace belay::statement
