#include "agent/vault/HttpConnection.h"

#include <algorithm>
#include <array>

#include "agent/vault/ConnectionReader.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/crypto/Wipe.h"

namespace belay::vault {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::array<std::string_view, 9> kCommonKeys{
    "type",       "base_url",  "headers",     "ca_file",   "proxy",
    "rate_limit", "addresses", "client_cert", "client_key"};
constexpr std::array<std::string_view, 2> kKeys{"auth", "test_path"};
/// A type of `auth`, in the order of HttpAuth::Kind from kBearer on, with its keys.
struct AuthRow {
  std::string_view type;
  std::array<std::string_view, 7> keys;
};
constexpr std::array<AuthRow, 4> kAuthTypes{{
    {"bearer", {"type", "secret"}},
    {"basic", {"type", "secret", "user"}},
    {"api_key", {"type", "secret", "header"}},
    {"oauth2", {"type", "secret", "client_id", "token_url", "scopes", "audience", "style"}},
}};
constexpr std::uint64_t kPemBytesMax = 256u << 10;
constexpr std::size_t kHeadersMax = 64;

Error invalid(const std::string& why) { return Error{ErrorCode::kConnectionInvalid, why}; }

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

/// The path of a target, without query and trailing slash.
std::string_view pathOf(std::string_view target) {
  std::string_view path = target.substr(0, target.find('?'));
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

/// "." or "..", also where a server would decode it to that, or cut off what follows a ";".
bool isDots(std::string_view segment) {
  std::string plain = base::toLower(segment);
  plain.resize(std::min({plain.size(), plain.find(';'), plain.find("%3b")}));
  std::string decoded;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const bool dot = plain.compare(i, 3, "%2e") == 0;
    decoded += dot ? '.' : plain[i];
    if (dot) i += 2;
  }
  return decoded == "." || decoded == "..";
}

bool hasDots(std::string_view target) {
  std::string path = base::toLower(target.substr(0, target.find('?')));
  // A server may take an encoded slash for a slash, and a backslash too.
  for (const std::string_view slash : {"%2f", "%5c", "\\"}) {
    for (std::size_t at = path.find(slash); at != std::string::npos; at = path.find(slash, at))
      path.replace(at, slash.size(), "/");
  }
  const auto segments = base::split(path, '/');
  return std::any_of(segments.begin(), segments.end(), isDots);
}

bool canStandInHeader(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7F;
  });
}

Error badHeaderSecret(const std::string& header) {
  return Error{ErrorCode::kConnectionInvalid,
               "the secret for " + header + " holds a line break or control character",
               {"set it again without the line break: printf %s VALUE | belay secret set NAME"}};
}

Result<ResolvedHeader> authorization(const HttpAuth& auth, const SecretSource& secrets) {
  BELAY_ASSIGN(const Secret secret, secrets.secret(auth.secret.name));
  std::string text;
  if (auth.kind != HttpAuth::Kind::kBasic) {
    if (auth.kind == HttpAuth::Kind::kBearer) text = "Bearer ";
    text += secret.value.reveal();
  } else {
    BELAY_ASSIGN(const SecretValue user, valueOf(auth.user, secrets));
    if (user.reveal().find(':') != std::string_view::npos) {
      return invalid("the user of basic authentication must not have a colon");
    }
    std::string pair = std::string(user.reveal()) + ":" + std::string(secret.value.reveal());
    text = "Basic " + base::toBase64(pair);
    crypto::wipe(pair);
  }
  return ResolvedHeader{auth.header, SecretValue::take(std::move(text))};
}

Status readHeaders(const ConnectionReader& reader, HttpConnection& out) {
  const json::Value* headers = reader.definition().find("headers");
  if (!headers) return {};
  if (!headers->isObject()) return reader.invalid("/headers", "it must be an object");
  if (headers->asObject().size() > kHeadersMax) {
    return reader.invalid("/headers", "it has more than " + std::to_string(kHeadersMax) + " headers");
  }
  std::set<std::string> seen;
  for (const auto& [name, value] : headers->asObject()) {
    const std::string pointer = "/headers/" + json::pointerToken(name);
    if (!isHeaderName(name)) return reader.invalid(pointer, "it is not the name of a header");
    if (isClients(name)) return reader.invalid(pointer, "it is set by belay itself");
    if (!seen.insert(base::toLower(name)).second) return reader.invalid(pointer, "it stands twice");
    if (isCredential(name) && !value.isObject()) {
      return reader.invalid(pointer, "a credential belongs into the vault: write {secret: NAME}");
    }
    BELAY_ASSIGN(TextOrSecret parsed, reader.textOrSecret(value, pointer));
    out.headers.emplace_back(name, std::move(parsed));
  }
  return {};
}

Status readUser(const ConnectionReader& reader, const json::Value& auth, std::string_view key,
                HttpAuth& out) {
  const std::string pointer = "/auth/" + std::string(key);
  const json::Value* user = auth.find(key);
  if (!user) return reader.invalid("/auth", std::string(key) + " is missing");
  BELAY_ASSIGN(out.user, reader.textOrSecret(*user, pointer));
  const auto* plain = std::get_if<std::string>(&out.user);
  if (plain && plain->find(':') != std::string::npos)
    return reader.invalid(pointer, "it must not have a colon");
  return {};
}

Status readOAuth2(const ConnectionReader& reader, const json::Value& auth, HttpAuth& out) {
  BELAY_TRY(readUser(reader, auth, "client_id", out));
  out.tokenUrl = auth.text("token_url");
  if (const auto url = http::parseUrl(out.tokenUrl); !url.ok())
    return reader.invalid("/auth/token_url", url.error().message);
  out.audience = auth.text("audience");
  const std::string style = auth.text("style", "basic");
  if (style != "basic" && style != "body")
    return reader.invalid("/auth/style", "it must be basic or body");
  out.secretInBody = style == "body";
  const json::Value* scopes = auth.find("scopes");
  if (scopes && !scopes->isArray())
    return reader.invalid("/auth/scopes", "it must be a list of texts");
  for (std::size_t i = 0; scopes && i < scopes->asArray().size(); ++i) {
    const json::Value& scope = scopes->asArray()[i];
    if (!scope.isString() || scope.asString().find_first_of(" \"\\") != std::string::npos)
      return reader.invalid("/auth/scopes/" + std::to_string(i), "it must be a scope");
    out.scope += (i ? " " : "") + scope.asString();
  }
  return {};
}

Result<HttpAuth> readAuth(const ConnectionReader& reader) {
  HttpAuth out;
  const json::Value* auth = reader.definition().find("auth");
  if (!auth) return out;
  const std::string type = auth->text("type");
  const auto* row = std::find_if(kAuthTypes.begin(), kAuthTypes.end(),
                                 [&](const AuthRow& one) { return one.type == type; });
  if (row == kAuthTypes.end())
    return reader.invalid("/auth/type", "it must be bearer, basic, api_key or oauth2");
  BELAY_TRY(reader.onlyKeys(*auth, "/auth", row->keys));
  out.kind = static_cast<HttpAuth::Kind>(row - kAuthTypes.begin() + 1);
  BELAY_ASSIGN(out.secret, reader.secretName(*auth, "secret", "/auth"));
  if (out.kind == HttpAuth::Kind::kBasic) BELAY_TRY(readUser(reader, *auth, "user", out));
  if (out.kind == HttpAuth::Kind::kOAuth2) BELAY_TRY(readOAuth2(reader, *auth, out));
  out.header =
      out.kind == HttpAuth::Kind::kApiKey ? auth->text("header", "X-API-Key") : "Authorization";
  if (!isHeaderName(out.header) || isClients(out.header))
    return reader.invalid("/auth/header", "it is not the name of a header that may be set");
  return out;
}

Status readIdentity(const ConnectionReader& reader, HttpConnection& out) {
  const json::Value* cert = reader.definition().find("client_cert");
  const json::Value* key = reader.definition().find("client_key");
  if (!cert != !key) return reader.invalid("", "client_cert and client_key belong together");
  if (!cert) return {};
  if (!cert->isObject()) {
    BELAY_ASSIGN(out.clientCert, reader.path("client_cert", true));
  } else {
    BELAY_ASSIGN(out.clientCert, reader.textOrSecret(*cert, "/client_cert"));
  }
  BELAY_ASSIGN(out.clientKey, reader.secretRef(*key, "/client_key"));
  return {};
}

/// The certificate may be renewed where it lies, so that it is read for each use.
Result<std::shared_ptr<const http::ClientIdentity>> identityOf(const HttpConnection& connection,
                                                               const SecretSource& secrets) {
  if (connection.clientKey.name.empty()) return std::shared_ptr<const http::ClientIdentity>();
  auto out = std::make_shared<http::ClientIdentity>();
  if (const auto* path = std::get_if<std::string>(&connection.clientCert)) {
    BELAY_ASSIGN(out->chainPem, base::readFile(*path, kPemBytesMax));
  } else {
    BELAY_ASSIGN(const SecretValue chain, valueOf(connection.clientCert, secrets));
    out->chainPem = chain.reveal();
  }
  BELAY_ASSIGN(const Secret key, secrets.secret(connection.clientKey.name));
  out->keyPem = key.value.reveal();
  out->name = crypto::sha256(out->chainPem).hex() + " " + connection.clientKey.name + " " +
              std::to_string(key.version);
  return std::shared_ptr<const http::ClientIdentity>(std::move(out));
}

}  // namespace

Status onlyHttpKeys(const ConnectionReader& reader, std::span<const std::string_view> own) {
  std::vector<std::string_view> known(kCommonKeys.begin(), kCommonKeys.end());
  known.insert(known.end(), own.begin(), own.end());
  return reader.onlyKeys(reader.definition(), "", known);
}

Status readHttpParts(const ConnectionReader& reader, const std::string& fallback,
                     HttpConnection& out) {
  BELAY_ASSIGN(std::string url, reader.text("base_url", fallback.empty()));
  if (url.empty()) url = fallback;
  auto parsed = http::parseUrl(url);
  if (!parsed.ok()) return reader.invalid("/base_url", parsed.error().message);
  out.baseUrl = std::move(parsed).value();
  if (url.find_first_of("?#") != std::string::npos)
    return reader.invalid("/base_url", "it must not have a query or fragment");
  BELAY_TRY(readHeaders(reader, out));
  BELAY_ASSIGN(out.caFile, reader.path("ca_file"));
  BELAY_ASSIGN(out.proxy, reader.proxy());
  BELAY_ASSIGN(out.addresses, reader.addresses());
  BELAY_TRY(readIdentity(reader, out));
  return {};
}

Status checkAuthOnce(const ConnectionReader& reader, const HttpConnection& connection,
                     const std::string& pointer) {
  if (connection.auth.kind == HttpAuth::Kind::kNone) return {};
  for (const auto& [name, value] : connection.headers) {
    if (base::equalsIgnoringCase(name, connection.auth.header))
      return reader.invalid(pointer, name + " stands in headers as well");
  }
  return {};
}

Result<HttpConnection> readHttpConnection(const ConnectionReader& reader) {
  BELAY_TRY(onlyHttpKeys(reader, kKeys));
  HttpConnection out;
  BELAY_TRY(readHttpParts(reader, "", out));
  BELAY_ASSIGN(out.auth, readAuth(reader));
  BELAY_TRY(checkAuthOnce(reader, out, "/auth"));
  BELAY_ASSIGN(out.testPath, reader.path("test_path"));
  return out;
}

void collectSecrets(const HttpConnection& connection, std::set<std::string>& names) {
  for (const auto& [header, value] : connection.headers) collectSecret(value, names);
  collectSecret(connection.clientCert, names);
  if (!connection.clientKey.name.empty()) names.insert(connection.clientKey.name);
  if (connection.auth.kind == HttpAuth::Kind::kNone) return;
  collectSecret(connection.auth.user, names);
  names.insert(connection.auth.secret.name);
}

Result<http::Url> connectionUrl(const HttpConnection& connection, std::string_view url) {
  const http::Url& base = connection.baseUrl;
  const std::string basePath(pathOf(base.target));
  const bool relative = url.starts_with('/');
  std::string text(url);
  if (relative) {
    text = base.scheme + "://" + base.authority() + basePath + std::string(url);
  }
  BELAY_ASSIGN(http::Url full, http::parseUrl(text));
  if (!full.sameOrigin(base)) {
    return invalid("the URL leaves the connection: it must begin with " + base.str());
  }
  if (hasDots(full.target)) return invalid("the path of a connection's URL must not have . or ..");
  const std::string_view path = full.target;
  const bool below = path.starts_with(basePath) &&
                     (path.size() == basePath.size() ||
                      std::string_view("/?").find(path[basePath.size()]) != std::string_view::npos);
  if (!below) return invalid("the URL leaves the connection: it must begin with " + base.str());
  return full;
}

Result<ResolvedHttp> resolve(const HttpConnection& connection, const SecretSource& secrets) {
  ResolvedHttp out;
  out.caFile = connection.caFile;
  out.proxy = connection.proxy;
  BELAY_ASSIGN(out.identity, identityOf(connection, secrets));
  for (const auto& [name, value] : connection.headers) {
    BELAY_ASSIGN(SecretValue resolved, valueOf(value, secrets));
    if (!canStandInHeader(resolved.reveal())) return badHeaderSecret(name);
    out.headers.push_back({name, std::move(resolved)});
  }
  if (connection.auth.kind != HttpAuth::Kind::kNone &&
      connection.auth.kind != HttpAuth::Kind::kOAuth2) {
    BELAY_ASSIGN(ResolvedHeader header, authorization(connection.auth, secrets));
    if (!canStandInHeader(header.value.reveal())) return badHeaderSecret(header.name);
    out.headers.push_back(std::move(header));
  }
  return out;
}

}  // namespace belay::vault
