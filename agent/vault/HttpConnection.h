#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/trust/AddressBlock.h"
#include "agent/vault/TextOrSecret.h"
#include "common/base/Result.h"
#include "common/http/Client.h"
#include "common/http/Url.h"

namespace belay::vault {

class ConnectionReader;

/// `auth:` of an http connection.
struct HttpAuth {
  enum class Kind { kNone, kBearer, kBasic, kApiKey, kOAuth2 } kind = Kind::kNone;
  TextOrSecret user;   ///< Of kBasic; the client's id of kOAuth2.
  SecretRef secret;    ///< The token, password or key; the client's secret of kOAuth2.
  std::string header;  ///< The field that has it.
  std::string tokenUrl;  ///< Of kOAuth2: where tokens come from (client credentials).
  std::string scope;     ///< Scopes with spaces between; empty: the server's own.
  std::string audience;
  bool secretInBody = false;  ///< The token server wants id and secret in the body, not as Basic.
};

struct HttpConnection {
  http::Url baseUrl;
  std::vector<std::pair<std::string, TextOrSecret>> headers;
  std::string caFile;  ///< Empty: the system's.
  std::string proxy;   ///< Empty: the daemon's.
  HttpAuth auth;
  std::vector<trust::AddressBlock> addresses;  ///< Nothing else is connected to; empty: any.
  /// What proves the client to the server (mTLS): PEM, in a file of the host or in the vault.
  TextOrSecret clientCert;
  SecretRef clientKey;  ///< Empty name: there is none.
  std::string testPath;  ///< What `connection test` asks for; empty: the base itself.
};

// What all types of connections that speak HTTP have in common. Errors: kConnectionInvalid.

/// Besides `own`, only the keys of readHttpParts() may stand there.
base::Status onlyHttpKeys(const ConnectionReader& reader, std::span<const std::string_view> own);
/// `base_url` (or `fallback`), `headers`, `ca_file`, `proxy`, `addresses`, `client_cert`,
/// `client_key`, of which some may be missing.
base::Status readHttpParts(const ConnectionReader& reader, const std::string& fallback,
                           HttpConnection& out);
/// A field that holds the credential must not stand in `headers` as well.
base::Status checkAuthOnce(const ConnectionReader& reader, const HttpConnection& connection,
                           const std::string& pointer);

/// Errors: kConnectionInvalid.
base::Result<HttpConnection> readHttpConnection(const ConnectionReader& reader);
void collectSecrets(const HttpConnection& connection, std::set<std::string>& names);

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
  std::shared_ptr<const http::ClientIdentity> identity;  ///< Null: none.
};

/// Without the token of kOAuth2, which a server gives. Errors: those of the source; kNotFound and
/// kIo of a certificate's file; kConnectionInvalid where a value cannot stand in a header.
base::Result<ResolvedHttp> resolve(const HttpConnection& connection, const SecretSource& secrets);

}  // namespace belay::vault
