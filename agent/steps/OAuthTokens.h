#pragma once

#include <chrono>
#include <map>
#include <string>

#include "agent/trust/Policy.h"
#include "agent/vault/ConnectionStore.h"
#include "agent/vault/Vault.h"
#include "common/base/CancelToken.h"
#include "common/base/Clock.h"
#include "common/base/Mutex.h"
#include "common/base/Result.h"
#include "common/http/Client.h"

namespace belay::steps {

/// Access tokens of connections with `auth: {type: oauth2}`: fetched with the client's credentials,
/// kept in memory until shortly before they end, and never written anywhere. The vault masks them
/// in texts as it does its own secrets.
///
/// Threads:   any; a fetch blocks its thread, and two at once for one connection are possible.
/// Ownership: borrows all it is given.
class OAuthTokens {
 public:
  struct World {
    const trust::Policy& policy;
    vault::Vault& vault;
    const base::Clock& clock;
  };
  explicit OAuthTokens(World world) : world_(world) {}

  /// Puts the token of a connection into a request. Nothing happens where it has none.
  /// Errors: kAuthentication when the server refuses the credentials, kPolicyRefused, those of the
  /// client and of the vault.
  base::Status authorize(http::ClientRequest& request, const vault::ConnectionPtr& connection,
                         const vault::HttpConnection& kind, http::Client& client);
  /// Forgets the token: a server has refused it.
  void forget(const vault::Connection& connection);

 private:
  struct Token {
    vault::SecretValue value;
    std::string madeOf;  ///< Version of connection and secret.
    std::chrono::milliseconds until{0};
  };
  static constexpr std::size_t kTokensMax = 1000;

  base::Status checkPolicy(const vault::Connection& connection, const http::Url& url) const;
  base::Result<http::ClientRequest> makeRequest(const vault::ConnectionPtr& connection,
                                                const vault::HttpConnection& kind,
                                                const vault::Secret& secret,
                                                const http::ClientRequest& forWhom) const;
  base::Result<Token> fetch(const http::ClientRequest& request, http::Client& client) const;

  const World world_;
  base::Mutex mutex_;
  std::map<std::string, Token, std::less<>> tokens_ BELAY_GUARDED_BY(mutex_);  ///< By connection.
};

}  // namespace belay::steps
