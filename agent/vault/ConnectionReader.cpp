#include "agent/vault/ConnectionReader.h"

#include <algorithm>
#include <array>
#include <set>

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

constexpr std::array<std::string_view, 7> kHttpKeys{"type",  "base_url", "headers",   "ca_file",
                                                    "proxy", "auth",     "rate_limit"};
constexpr std::array<std::string_view, 7> kChatKeys{
    "type", "url", "format", "signing_secret", "ca_file", "proxy", "rate_limit"};
constexpr std::array<std::string_view, 2> kRateLimitKeys{"max", "per"};
constexpr std::int64_t kRateMax = 1'000'000;
constexpr std::chrono::hours kRatePerMax{24};
constexpr std::array<std::string_view, 3> kAuthKeys{"type", "user", "secret"};
constexpr std::array<std::string_view, 1> kSecretKeys{"secret"};
constexpr std::size_t kHeadersMax = 64;
constexpr std::size_t kHeaderBytesMax = 8192;

bool isHeaderName(std::string_view name) {
  if (name.empty() || name.size() > 128) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool isOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view other) { return base::equalsIgnoringCase(name, other); });
}

/// Set by the client itself; a second one would make two requests of one.
bool isClients(std::string_view name) {
  return isOneOf(name, {"host", "content-length", "connection", "transfer-encoding", "upgrade",
                        "te", "trailer", "keep-alive", "proxy-connection", "expect"});
}

bool isCredential(std::string_view name) {
  return isOneOf(name, {"authorization", "proxy-authorization", "cookie", "x-api-key"});
}

bool isOneLine(std::string_view text) {
  return text.size() <= kHeaderBytesMax && std::none_of(text.begin(), text.end(), [](char c) {
           return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
         });
}

}  // namespace

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
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
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

Result<std::string> ConnectionReader::caFile() const {
  auto path = text("ca_file", false);
  if (path.ok() && !path->empty() && path->front() != '/') {
    return invalid("/ca_file", "it must be an absolute path");
  }
  return path;
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
  auto type = text("type", true);
  if (type.ok() && *type != "http" && *type != "chat" && !isToolType(*type)) {
    return invalid("/type", "it must be http, chat, ssh, smtp or plugin");
  }
  return type;
}

Status ConnectionReader::readHeaders(HttpConnection& out) const {
  const json::Value* headers = definition_.find("headers");
  if (!headers) return {};
  if (!headers->isObject()) return invalid("/headers", "it must be an object");
  if (headers->asObject().size() > kHeadersMax) {
    return invalid("/headers", "it has more than " + std::to_string(kHeadersMax) + " headers");
  }
  std::set<std::string> seen;
  for (const auto& [name, value] : headers->asObject()) {
    const std::string pointer = "/headers/" + json::pointerToken(name);
    if (!isHeaderName(name)) return invalid(pointer, "it is not the name of a header");
    if (isClients(name)) return invalid(pointer, "it is set by belay itself");
    if (!seen.insert(base::toLower(name)).second) return invalid(pointer, "it stands twice");
    if (isCredential(name) && !value.isObject()) {
      return invalid(pointer, "a credential belongs into the vault: write {secret: NAME}");
    }
    BELAY_ASSIGN(TextOrSecret parsed, textOrSecret(value, pointer));
    out.headers.emplace_back(name, std::move(parsed));
  }
  return {};
}

Result<HttpAuth> ConnectionReader::auth() const {
  HttpAuth out;
  const json::Value* auth = definition_.find("auth");
  if (!auth) return out;
  BELAY_TRY(onlyKeys(*auth, "/auth", kAuthKeys));
  const std::string type = auth->text("type");
  if (type != "bearer" && type != "basic") {
    return invalid("/auth/type", "it must be bearer or basic");
  }
  out.kind = type == "bearer" ? HttpAuth::Kind::kBearer : HttpAuth::Kind::kBasic;
  out.secret.name = auth->text("secret");
  if (!base::isSecretName(out.secret.name)) {
    return invalid("/auth/secret",
                   "it must be the name of a secret: " + std::string(base::kSecretNamePattern));
  }
  const json::Value* user = auth->find("user");
  if ((user != nullptr) != (out.kind == HttpAuth::Kind::kBasic)) {
    return invalid("/auth", "basic needs a user, and bearer has none");
  }
  if (user) {
    BELAY_ASSIGN(out.user, textOrSecret(*user, "/auth/user"));
    const auto* plain = std::get_if<std::string>(&out.user);
    if (plain && plain->find(':') != std::string::npos) {
      return invalid("/auth/user", "it must not have a colon");
    }
  }
  return out;
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

Result<HttpConnection> ConnectionReader::http() const {
  BELAY_TRY(onlyKeys(definition_, "", kHttpKeys));
  HttpConnection out;
  BELAY_ASSIGN(const std::string url, text("base_url", true));
  auto parsed = http::parseUrl(url);
  if (!parsed.ok()) return invalid("/base_url", parsed.error().message);
  out.baseUrl = std::move(parsed).value();
  if (url.find_first_of("?#") != std::string::npos) {
    return invalid("/base_url", "it must not have a query or fragment");
  }
  BELAY_TRY(readHeaders(out));
  BELAY_ASSIGN(out.auth, auth());
  BELAY_ASSIGN(out.caFile, caFile());
  BELAY_ASSIGN(out.proxy, proxy());
  const bool twice = out.auth.kind != HttpAuth::Kind::kNone &&
                     std::any_of(out.headers.begin(), out.headers.end(), [](const auto& header) {
                       return base::equalsIgnoringCase(header.first, "authorization");
                     });
  if (twice) return invalid("/auth", "an Authorization header stands in headers as well");
  return out;
}

Result<ChatConnection> ConnectionReader::chat() const {
  BELAY_TRY(onlyKeys(definition_, "", kChatKeys));
  ChatConnection out;
  BELAY_ASSIGN(const std::string format, text("format", false));
  if (format == "slack") {
    out.format = ChatFormat::kSlack;
  } else if (format == "mattermost") {
    out.format = ChatFormat::kMattermost;
  } else if (!format.empty() && format != "generic") {
    return invalid("/format", "it must be generic, slack or mattermost");
  }
  const json::Value* url = definition_.find("url");
  if (!url) return invalid("", "url is missing");
  BELAY_ASSIGN(out.url, textOrSecret(*url, "/url"));
  if (const auto* plain = std::get_if<std::string>(&out.url)) {
    if (out.format != ChatFormat::kGeneric) {
      return invalid("/url", "the URL of a " + format +
                                 " webhook is a credential; keep it in the vault: {secret: NAME}");
    }
    const auto parsed = http::parseUrl(*plain);
    if (!parsed.ok()) return invalid("/url", parsed.error().message);
  }
  if (const json::Value* secret = definition_.find("signing_secret")) {
    BELAY_ASSIGN(SecretRef ref, secretRef(*secret, "/signing_secret"));
    out.signingSecret = std::move(ref);
  }
  BELAY_ASSIGN(out.caFile, caFile());
  BELAY_ASSIGN(out.proxy, proxy());
  return out;
}

}  // namespace belay::vault
