#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"
#include "common/crypto/P256.h"
#include "common/json/Value.h"

namespace belay::statement {

/// The version of payloads that this program writes, and the oldest that it reads.
inline constexpr std::int64_t kPayloadVersion = 1;

/// How far the payload of one kind of statement may reach.
struct PayloadShape {
  std::string_view kind;  ///< "pin": what messages call it.
  std::size_t bytesMax = 0;
  int depthMax = 0;
  std::span<const std::string_view> members;  ///< All of them, "v" and "fleet" included.
  std::int64_t version = kPayloadVersion;
};

/// An object of a payload that has exactly its members, each read with its type.
///
/// The first read that fails is kept, and every later one gives an empty value: read all, then ask
/// status() once.
///
/// Threads:   owner.
/// Ownership: borrows the value.
/// Errors:    kStatementInvalid naming the member.
class Members {
 public:
  /// `what` names the object in messages: "the pin".
  Members(const json::Value& object, std::string what, std::span<const std::string_view> names);

  base::Status status() const { return status_; }
  /// Keeps a refusal of the caller, as a read does.
  void refuse(std::string_view name, std::string_view why);

  /// At most `bytesMax` bytes.
  std::string text(std::string_view name, std::size_t bytesMax);
  /// base::isIdentifier().
  std::string identifier(std::string_view name);
  /// [a-z0-9][a-z0-9._@+-]{0,63}.
  std::string person(std::string_view name);
  /// A 64-bit number as a decimal text without leading zeros, from `least` to 2^63 - 1.
  std::int64_t number(std::string_view name, std::int64_t least);
  /// A JSON number without fraction.
  std::int64_t small(std::string_view name, std::int64_t least, std::int64_t most);
  /// RFC 3339, as milliseconds.
  std::int64_t instant(std::string_view name);
  /// 64 lower-case digits.
  crypto::Digest digest(std::string_view name);
  /// The same, or all zeros for an empty text.
  crypto::Digest digestOrNone(std::string_view name);
  /// A thumbprint of RFC 7638: 43 characters of canonical base64url.
  std::string thumbprint(std::string_view name);
  /// The index of the text in `words`.
  std::size_t word(std::string_view name, std::span<const std::string_view> words);
  const json::Array& list(std::string_view name, std::size_t most);
  const json::Value& object(std::string_view name);
  /// Whatever it is.
  const json::Value& any(std::string_view name);

 private:
  const std::string* textOf(std::string_view name);

  const json::Value& object_;
  const std::string what_;
  base::Status status_;
};

/// Strict JSON within the shape's limits that is an object with the shape's members and a `v` that
/// is known. Errors: kStatementInvalid, kStatementVersion.
base::Result<json::Value> openPayload(std::string_view payload, const PayloadShape& shape);

/// {"crv","kty","x","y"} and nothing else. Errors: kStatementInvalid.
base::Result<crypto::P256PublicKey> readPublicKey(const json::Value& jwk, const std::string& what);

bool isThumbprint(std::string_view text);
bool isPerson(std::string_view text);
/// An empty text for all zeros: "there is none before".
std::string hexOrNone(const crypto::Digest& digest);

}  // namespace belay::statement
