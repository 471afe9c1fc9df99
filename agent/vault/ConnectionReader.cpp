#include "agent/vault/ConnectionReader.h"

#include <algorithm>
#include <array>

#include "common/base/SecretName.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/http/ProxySettings.h"

namespace belay::vault {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::array<std::string_view, 2> kRateLimitKeys{"max", "per"};
constexpr std::int64_t kRateMax = 1'000'000;
constexpr std::chrono::hours kRatePerMax{24};
constexpr std::array<std::string_view, 1> kSecretKeys{"secret"};
constexpr std::size_t kLineBytesMax = 8192;

}  // namespace

bool isOneLine(std::string_view text) {
  return text.size() <= kLineBytesMax && std::none_of(text.begin(), text.end(), [](char c) {
           return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
         });
}

Status checkAddress(const std::vector<trust::AddressBlock>& blocks, const http::Address& address,
                    const std::string& connection) {
  const auto within = trust::addressesWithin(address);
  const bool listed = std::any_of(blocks.begin(), blocks.end(), [&](const auto& block) {
    return !within.empty() && block.contains(within.front());
  });
  if (blocks.empty() || listed) return {};
  return Error{ErrorCode::kEgressRefused,
               address.str() + " is not among the addresses of connection " + connection,
               {"find out who chose the name that leads there, or add it to addresses"}};
}

Error ConnectionReader::invalid(const std::string& pointer, const std::string& why) const {
  const std::string where = pointer.empty() ? name_ : name_ + pointer;
  base::SourcePlace place;
  place.pointer = "/connections/" + json::pointerToken(name_) + pointer;
  return Error{ErrorCode::kConnectionInvalid, "connection " + where + ": " + why}.at(
      std::move(place));
}

Status ConnectionReader::onlyKeys(const json::Value& object, const std::string& pointer,
                                  std::span<const std::string_view> known) const {
  if (!object.isObject()) return invalid(pointer, "it must be an object");
  for (const auto& [key, value] : object.asObject()) {
    if (!key.empty() && std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string why = "\"" + base::visible(key) + "\" is not known";
    if (const auto meant = base::nearest(key, known)) why += "; did you mean " + *meant + "?";
    return invalid(pointer + "/" + json::pointerToken(key), why);
  }
  return {};
}

Result<std::string> ConnectionReader::text(std::string_view key, bool required) const {
  const std::string pointer = "/" + std::string(key);
  const json::Value* value = definition_.find(key);
  if (!value) {
    if (required) return invalid("", std::string(key) + " is missing");
    return std::string();
  }
  if (!value->isString() || value->asString().empty() || !isOneLine(value->asString())) {
    return invalid(pointer, "it must be a text of one line");
  }
  return value->asString();
}

Result<SecretRef> ConnectionReader::secretRef(const json::Value& value,
                                              const std::string& pointer) const {
  BELAY_TRY(onlyKeys(value, pointer, kSecretKeys));
  const std::string name = value.text("secret");
  if (!base::isSecretName(name)) {
    return invalid(pointer, "write {secret: NAME}, where NAME matches " +
                                std::string(base::kSecretNamePattern));
  }
  return SecretRef{name};
}

Result<TextOrSecret> ConnectionReader::textOrSecret(const json::Value& value,
                                                    const std::string& pointer) const {
  if (value.isObject()) {
    BELAY_ASSIGN(SecretRef ref, secretRef(value, pointer));
    return TextOrSecret(std::move(ref));
  }
  if (!value.isString() || !isOneLine(value.asString())) {
    return invalid(pointer, "it must be a text of one line, or {secret: NAME}");
  }
  return TextOrSecret(value.asString());
}

Result<SecretRef> ConnectionReader::secretName(const json::Value& object, std::string_view key,
                                               const std::string& pointer) const {
  SecretRef out{object.text(key)};
  if (base::isSecretName(out.name)) return out;
  return invalid(pointer + "/" + std::string(key),
                 "it must be the name of a secret: " + std::string(base::kSecretNamePattern));
}

Result<std::string> ConnectionReader::path(std::string_view key, bool required) const {
  auto path = text(key, required);
  if (path.ok() && !path->empty() && path->front() != '/')
    return invalid("/" + std::string(key), "it must be an absolute path");
  return path;
}

Result<std::int64_t> ConnectionReader::integer(std::string_view key, std::int64_t least,
                                               std::int64_t most, std::int64_t fallback) const {
  const json::Value* value = definition_.find(key);
  if (!value) return fallback;
  if (value->isInteger() && value->asInteger() >= least && value->asInteger() <= most)
    return value->asInteger();
  return invalid("/" + std::string(key), "it must be a whole number from " +
                                             std::to_string(least) + " to " +
                                             std::to_string(most));
}

Result<std::vector<trust::AddressBlock>> ConnectionReader::addresses() const {
  std::vector<trust::AddressBlock> out;
  const json::Value* list = definition_.find("addresses");
  if (!list) return out;
  if (!list->isArray() || list->asArray().empty())
    return invalid("/addresses", "it must be a list of blocks, like [10.0.0.0/8]");
  for (const json::Value& item : list->asArray()) {
    const auto block = item.isString() ? trust::AddressBlock::parse(item.asString()) : std::nullopt;
    if (!block) {
      return invalid("/addresses/" + std::to_string(out.size()),
                     "it is no block of addresses; write 127.0.0.1 or 10.0.0.0/8");
    }
    out.push_back(*block);
  }
  return out;
}

Result<std::string> ConnectionReader::proxy() const {
  auto proxy = text("proxy", false);
  if (!proxy.ok() || proxy->empty()) return proxy;
  const auto endpoint = http::parseProxy(*proxy);
  if (!endpoint.ok()) return invalid("/proxy", endpoint.error().message);
  if (!endpoint->user.empty()) {
    return invalid("/proxy", "credentials of a proxy do not belong here; set proxy in belay.yaml");
  }
  return proxy;
}

Result<std::string> ConnectionReader::type() const {
  if (!definition_.isObject()) return invalid("", "it must be an object");
  return text("type", true);
}

Result<base::RateLimit> ConnectionReader::rateLimit() const {
  base::RateLimit limit;
  const json::Value* value = definition_.find("rate_limit");
  if (!value) return limit;
  BELAY_TRY(onlyKeys(*value, "/rate_limit", kRateLimitKeys));
  const std::int64_t most = value->integer("max");
  if (most < 1 || most > kRateMax) {
    return invalid("/rate_limit/max",
                   "it must be a whole number from 1 to " + std::to_string(kRateMax));
  }
  const auto per = base::parseDuration(value->text("per"));
  if (!per || *per <= std::chrono::milliseconds{0} || *per > kRatePerMax)
    return invalid("/rate_limit/per", "it must be a duration of at most 1d, like 1s or 1m");
  limit.max = static_cast<std::uint32_t>(most);
  limit.per = *per;
  return limit;
}

}  // namespace belay::vault
