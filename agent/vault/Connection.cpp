#include "agent/vault/Connection.h"

#include <algorithm>
#include <set>

#include "agent/vault/ConnectionReader.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/crypto/Wipe.h"
#include "common/json/Json.h"

namespace belay::vault {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

Error invalid(const std::string& why) { return Error{ErrorCode::kConnectionInvalid, why}; }

/// The path of a target, without query and trailing slash.
std::string_view pathOf(std::string_view target) {
  std::string_view path = target.substr(0, target.find('?'));
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

/// "." or "..", also where a server would decode it to that.
bool isDots(std::string_view segment) {
  const std::string plain = base::toLower(segment);
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
  // A server may take an encoded slash for a slash.
  for (std::size_t at = path.find("%2f"); at != std::string::npos; at = path.find("%2f", at)) {
    path.replace(at, 3, "/");
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

Result<SecretValue> valueOf(const TextOrSecret& value, const SecretSource& secrets) {
  if (const auto* text = std::get_if<std::string>(&value)) return SecretValue(*text);
  BELAY_ASSIGN(Secret secret, secrets.secret(std::get<SecretRef>(value).name));
  return std::move(secret.value);
}

Error badHeaderSecret(const std::string& header) {
  return Error{ErrorCode::kConnectionInvalid,
               "the secret for " + header + " holds a line break or control character",
               {"set it again without the line break: printf %s VALUE | belay secret set NAME"}};
}

Result<ResolvedHeader> authorization(const HttpAuth& auth, const SecretSource& secrets) {
  BELAY_ASSIGN(const Secret secret, secrets.secret(auth.secret.name));
  std::string text;
  if (auth.kind == HttpAuth::Kind::kBearer) {
    text = "Bearer " + std::string(secret.value.reveal());
  } else {
    BELAY_ASSIGN(const SecretValue user, valueOf(auth.user, secrets));
    if (user.reveal().find(':') != std::string_view::npos) {
      return invalid("the user of basic authentication must not have a colon");
    }
    std::string pair = std::string(user.reveal()) + ":" + std::string(secret.value.reveal());
    text = "Basic " + base::toBase64(pair);
    crypto::wipe(pair);
  }
  return ResolvedHeader{"Authorization", SecretValue::take(std::move(text))};
}

void collect(const TextOrSecret& value, std::set<std::string>& names) {
  if (const auto* ref = std::get_if<SecretRef>(&value)) names.insert(ref->name);
}

}  // namespace

std::string_view Connection::type() const {
  if (const auto* tool = std::get_if<ToolConnection>(&kind)) return tool->type;
  return std::holds_alternative<HttpConnection>(kind) ? "http" : "chat";
}

std::vector<std::string> Connection::secretNames() const {
  std::set<std::string> names;
  if (const auto* http = std::get_if<HttpConnection>(&kind)) {
    for (const auto& [header, value] : http->headers) collect(value, names);
    if (http->auth.kind != HttpAuth::Kind::kNone) {
      collect(http->auth.user, names);
      names.insert(http->auth.secret.name);
    }
  } else if (const auto* tool = std::get_if<ToolConnection>(&kind)) {
    collectSecrets(tool->fields, names);
  } else {
    const auto& chat = std::get<ChatConnection>(kind);
    collect(chat.url, names);
    if (chat.signingSecret) names.insert(chat.signingSecret->name);
  }
  return {names.begin(), names.end()};
}

Result<Connection> parseConnection(std::string_view name, const json::Value& definition) {
  ConnectionReader reader(name, definition);
  BELAY_ASSIGN(const std::string type, reader.type());
  Connection connection;
  connection.name = name;
  connection.version = crypto::sha256(json::print(definition)).hex().substr(0, 16);
  BELAY_ASSIGN(connection.rateLimit, reader.rateLimit());
  if (type == "http") {
    BELAY_ASSIGN(connection.kind, reader.http());
  } else if (type != "chat") {
    BELAY_ASSIGN(connection.kind, reader.tool(type));
  } else {
    BELAY_ASSIGN(connection.kind, reader.chat());
  }
  return connection;
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
  for (const auto& [name, value] : connection.headers) {
    BELAY_ASSIGN(SecretValue resolved, valueOf(value, secrets));
    if (!canStandInHeader(resolved.reveal())) return badHeaderSecret(name);
    out.headers.push_back({name, std::move(resolved)});
  }
  if (connection.auth.kind != HttpAuth::Kind::kNone) {
    BELAY_ASSIGN(ResolvedHeader header, authorization(connection.auth, secrets));
    if (!canStandInHeader(header.value.reveal())) return badHeaderSecret("authorization");
    out.headers.push_back(std::move(header));
  }
  return out;
}

Result<ResolvedChat> resolve(const ChatConnection& connection, const SecretSource& secrets) {
  ResolvedChat out;
  out.format = connection.format;
  out.caFile = connection.caFile;
  out.proxy = connection.proxy;
  BELAY_ASSIGN(out.url, valueOf(connection.url, secrets));
  // The message must not repeat the URL: it may be a credential.
  if (!http::parseUrl(out.url.reveal()).ok()) {
    return invalid("the URL of the chat connection is not a valid http or https URL");
  }
  if (connection.signingSecret) {
    BELAY_ASSIGN(Secret secret, secrets.secret(connection.signingSecret->name));
    out.signingSecret = std::move(secret.value);
  }
  return out;
}

}  // namespace belay::vault
