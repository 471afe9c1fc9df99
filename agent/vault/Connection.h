#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/vault/SecretSource.h"
#include "common/base/RateLimit.h"
#include "common/base/Result.h"
#include "common/http/Url.h"
#include "common/json/Value.h"

namespace belay::vault {

/// `{secret: NAME}` in a definition.
struct SecretRef {
  std::string name;
  bool operator==(const SecretRef&) const = default;
};
using TextOrSecret = std::variant<std::string, SecretRef>;

/// `auth:` of an http connection.
struct HttpAuth {
  enum class Kind { kNone, kBearer, kBasic } kind = Kind::kNone;
  TextOrSecret user;  ///< Of kBasic.
  SecretRef secret;   ///< The token, or the password.
};

struct HttpConnection {
  http::Url baseUrl;
  std::vector<std::pair<std::string, TextOrSecret>> headers;
  std::string caFile;  ///< Empty: the system's.
  std::string proxy;   ///< Empty: the daemon's.
  HttpAuth auth;
};

enum class ChatFormat { kGeneric, kSlack, kMattermost };

struct ChatConnection {
  TextOrSecret url;  ///< Many chat systems hide a credential in it.
  ChatFormat format = ChatFormat::kGeneric;
  std::optional<SecretRef> signingSecret;  ///< Standard Webhooks.
  std::string caFile;
  std::string proxy;
};

/// What a program inside of a job uses: types ssh, smtp and plugin (ToolConnection.cpp).
struct ToolConnection {
  std::string type;
  json::Value fields;  ///< Checked; secrets as {secret: NAME}.
};

/// How to reach a system: defined on the host, apart from flows, without any credential in it.
struct Connection {
  std::string name;
  std::variant<HttpConnection, ChatConnection, ToolConnection> kind;
  base::RateLimit rateLimit;  ///< Of all that use it.
  std::string version;        ///< 16 hex digits of the digest of its definition; effects name it.

  std::string_view type() const;  ///< "http", "chat", "ssh", "smtp" or "plugin".
  /// The names of the secrets that it uses, sorted, each once.
  std::vector<std::string> secretNames() const;
};

/// Reads one definition. Errors: kConnectionInvalid with the JSON Pointer in `place` and the
/// nearest right key.
base::Result<Connection> parseConnection(std::string_view name, const json::Value& definition);

/// The URL for a step's `url`: a path that is put behind the base URL, or an absolute URL below the
/// base URL. Errors: kUrlInvalid; kConnectionInvalid for another origin, a path outside of the
/// base's, or "..": the connection's credentials must not travel elsewhere.
base::Result<http::Url> connectionUrl(const HttpConnection& connection, std::string_view url);

struct ResolvedHeader {
  std::string name;
  SecretValue value;
};

/// A connection with its secrets filled in, for one use.
struct ResolvedHttp {
  std::vector<ResolvedHeader> headers;
  std::string caFile;
  std::string proxy;
};
struct ResolvedChat {
  SecretValue url;
  ChatFormat format = ChatFormat::kGeneric;
  std::optional<SecretValue> signingSecret;
  std::string caFile;
  std::string proxy;
};

/// `value` with the texts of secrets in place of {secret: NAME}, wherever that stands. Only for what
/// the host's own settings define. Errors: those of the source; kConnectionInvalid for a secret that
/// is no UTF-8.
base::Result<json::Value> withSecrets(const json::Value& value, const SecretSource& secrets);

/// Errors: those of the source; kConnectionInvalid where a value cannot stand in a header.
base::Result<ResolvedHttp> resolve(const HttpConnection& connection, const SecretSource& secrets);
base::Result<ResolvedChat> resolve(const ChatConnection& connection, const SecretSource& secrets);

}  // namespace belay::vault
