#include "common/statement/Payload.h"

#include <algorithm>
#include <limits>

#include "common/base/Ids.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::statement {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kNumberBytesMax = 19;
constexpr std::size_t kInstantBytesMax = 40;
constexpr std::size_t kPersonBytesMax = 64;
constexpr std::size_t kThumbprintBytes = 43;

Error invalid(const std::string& what, const std::string& why) {
  return Error{ErrorCode::kStatementInvalid, what + " is not valid: " + why};
}

/// Given out where a read has failed, so that callers need no case for it.
const json::Value kNothing{json::Object{}};
const json::Array kEmptyList;

bool isPersonCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("._@+-").find(c) != std::string_view::npos;
}

}  // namespace

bool isThumbprint(std::string_view text) {
  return text.size() == kThumbprintBytes && base::fromBase64Url(text).has_value();
}

bool isPerson(std::string_view text) {
  return !text.empty() && text.size() <= kPersonBytesMax &&
         ((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= '0' && text[0] <= '9')) &&
         std::all_of(text.begin(), text.end(), isPersonCharacter);
}

std::string hexOrNone(const crypto::Digest& digest) {
  return digest == crypto::Digest{} ? std::string() : digest.hex();
}

Members::Members(const json::Value& object, std::string what,
                 std::span<const std::string_view> names)
    : object_(object), what_(std::move(what)) {
  if (!object.isObject()) {
    status_ = invalid(what_, "it is not an object");
    return;
  }
  for (const auto& [name, value] : object.asObject()) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    status_ = invalid(what_, "it has a member that is not known: " + base::visible(name));
    return;
  }
  // The parser refuses duplicates, so as many known members as there are names are all of them.
  if (object.asObject().size() == names.size()) return;
  for (const std::string_view name : names) {
    if (object.find(name)) continue;
    status_ = invalid(what_, "it lacks " + std::string(name));
    return;
  }
}

void Members::refuse(std::string_view name, std::string_view why) {
  if (status_) status_ = invalid(what_, std::string(name) + " " + std::string(why));
}

const std::string* Members::textOf(std::string_view name) {
  if (!status_) return nullptr;
  const json::Value* value = object_.find(name);
  if (value && value->isString()) return &value->asString();
  refuse(name, "must be a text");
  return nullptr;
}

std::string Members::text(std::string_view name, std::size_t bytesMax) {
  const std::string* value = textOf(name);
  if (!value) return {};
  if (value->size() <= bytesMax) return *value;
  refuse(name, "is longer than " + std::to_string(bytesMax) + " bytes");
  return {};
}

std::string Members::identifier(std::string_view name) {
  const std::string* value = textOf(name);
  if (!value) return {};
  if (base::isIdentifier(*value)) return *value;
  refuse(name, "must match [a-z0-9][a-z0-9_-]{0,63}");
  return {};
}

std::string Members::person(std::string_view name) {
  const std::string* value = textOf(name);
  if (!value) return {};
  if (isPerson(*value)) return *value;
  refuse(name, "must match [a-z0-9][a-z0-9._@+-]{0,63}");
  return {};
}

std::int64_t Members::number(std::string_view name, std::int64_t least) {
  const std::string* value = textOf(name);
  if (!value) return least;
  const auto parsed = value->size() <= kNumberBytesMax ? base::parseUnsigned(*value) : std::nullopt;
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const bool canonical = value->size() == 1 || !value->starts_with('0');
  if (parsed && canonical && *parsed <= kMost && static_cast<std::int64_t>(*parsed) >= least) {
    return static_cast<std::int64_t>(*parsed);
  }
  refuse(name, "must be a decimal number in quotes, at least " + std::to_string(least));
  return least;
}

std::int64_t Members::small(std::string_view name, std::int64_t least, std::int64_t most) {
  if (!status_) return least;
  const json::Value* value = object_.find(name);
  if (value && value->isInteger() && value->asInteger() >= least && value->asInteger() <= most) {
    return value->asInteger();
  }
  refuse(name, "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
  return least;
}

std::int64_t Members::instant(std::string_view name) {
  const std::string value = text(name, kInstantBytesMax);
  if (!status_) return 0;
  const auto parsed = base::parseInstant(value);
  if (parsed.ok()) return *parsed;
  refuse(name, "must be a time, as 2026-11-21T01:02:03Z");
  return 0;
}

crypto::Digest Members::digest(std::string_view name) {
  const std::string* value = textOf(name);
  if (!value) return {};
  const auto parsed = crypto::Digest::fromHex(*value);
  // All zeros stand for "none", and are the digest of nothing that anybody can make.
  if (parsed && *parsed != crypto::Digest{}) return *parsed;
  refuse(name, "must be a SHA-256 as 64 lower-case digits");
  return {};
}

crypto::Digest Members::digestOrNone(std::string_view name) {
  const std::string* value = textOf(name);
  return !value || value->empty() ? crypto::Digest{} : digest(name);
}

std::string Members::thumbprint(std::string_view name) {
  const std::string* value = textOf(name);
  if (!value) return {};
  if (isThumbprint(*value)) return *value;
  refuse(name, "must be the thumbprint of a key (RFC 7638)");
  return {};
}

std::size_t Members::word(std::string_view name, std::span<const std::string_view> words) {
  const std::string* value = textOf(name);
  if (!value) return 0;
  const auto found = std::find(words.begin(), words.end(), *value);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  std::string known;
  for (const std::string_view each : words)
    known += (known.empty() ? "" : ", ") + std::string(each);
  refuse(name, "must be one of: " + known);
  return 0;
}

const json::Array& Members::list(std::string_view name, std::size_t most) {
  if (!status_) return kEmptyList;
  const json::Value* value = object_.find(name);
  if (value && value->isArray() && value->asArray().size() <= most) return value->asArray();
  refuse(name, "must be a list of at most " + std::to_string(most));
  return kEmptyList;
}

const json::Value& Members::object(std::string_view name) {
  if (!status_) return kNothing;
  const json::Value* value = object_.find(name);
  if (value && value->isObject()) return *value;
  refuse(name, "must be an object");
  return kNothing;
}

const json::Value& Members::any(std::string_view name) {
  const json::Value* value = status_ ? object_.find(name) : nullptr;
  return value ? *value : kNothing;
}

Result<json::Value> openPayload(std::string_view payload, const PayloadShape& shape) {
  const std::string what = "the " + std::string(shape.kind);
  auto parsed = json::parse(payload, {.bytesMax = shape.bytesMax, .depthMax = shape.depthMax});
  if (!parsed.ok()) {
    return invalid(what, "its payload is not strict JSON within " + std::to_string(shape.bytesMax) +
                             " bytes and " + std::to_string(shape.depthMax) + " levels");
  }
  if (!parsed->isObject()) return invalid(what, "its payload is not an object");
  // Before the members: another version has others.
  const json::Value* version = parsed->find("v");
  if (!version || !version->isInteger()) return invalid(what, "v must be a number");
  if (version->asInteger() != shape.version) {
    return Error{ErrorCode::kStatementVersion,
                 what + " has version " + std::to_string(version->asInteger()) +
                     "; this program reads version " + std::to_string(shape.version)};
  }
  BELAY_TRY(Members(*parsed, what, shape.members).status());
  return std::move(*parsed);
}

Result<crypto::P256PublicKey> readPublicKey(const json::Value& jwk, const std::string& what) {
  constexpr std::array<std::string_view, 4> kMembers{"crv", "kty", "x", "y"};
  BELAY_TRY(Members(jwk, "the key of " + what, kMembers).status());
  auto key = crypto::P256PublicKey::fromJwk(jwk);
  if (!key.ok()) return invalid("the key of " + what, key.error().message);
  return key;
}

}  // namespace belay::statement
