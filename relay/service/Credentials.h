#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Mutex.h"
#include "common/crypto/Digest.h"
#include "relay/mailbox/Mailbox.h"

namespace belay::service {

/// Who holds a session.
struct Session {
  std::string host;
  std::int64_t epoch = 0;
};

/// What is known of credentials without asking the store: sessions, which live in memory only, and
/// the tokens that the store has. They are asked for before the body of a request is read; the
/// store decides in the end.
///
/// Threads: any.
class Credentials {
 public:
  /// Takes over all tokens of the store.
  void loadTokens(const std::vector<mailbox::TokenRow>& tokens);
  void addToken(const mailbox::TokenRow& token);
  void removeToken(std::string_view digest);

  /// The role of a bearer token; empty when it is unknown or has expired.
  std::string roleOf(std::string_view bearer, std::int64_t nowMs) const;

  /// Ends the host's older session.
  void openSession(std::string_view bearer, Session session);
  void endSession(std::string_view host);
  /// Nothing for what is no session; what `fenced` says when it was one until a newer one came.
  std::optional<Session> sessionOf(std::string_view bearer, bool& fenced) const;
  std::size_t sessions() const;

 private:
  struct Token {
    std::string role;
    std::int64_t expiresMs = 0;
  };
  struct Open {
    crypto::Digest digest;
    std::optional<crypto::Digest> fenced;  // Of the session before.
    std::int64_t epoch = 0;
  };

  mutable base::Mutex mutex_;
  std::map<std::string, Token, std::less<>> tokens_ BELAY_GUARDED_BY(mutex_);
  using Sessions = std::map<std::string, Open, std::less<>>;
  Sessions sessions_ BELAY_GUARDED_BY(mutex_);  // By host.
  std::map<crypto::Digest, const Sessions::value_type*> hosts_
      BELAY_GUARDED_BY(mutex_);  // By the digest of a session, the last fenced one too.
};

}  // namespace belay::service
