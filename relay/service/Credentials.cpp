#include "relay/service/Credentials.h"

#include <utility>

#include "common/wire/CallbackProof.h"

namespace belay::service {

using base::MutexLock;

void Credentials::loadTokens(const std::vector<mailbox::TokenRow>& tokens) {
  MutexLock lock(mutex_);
  tokens_.clear();
  for (const mailbox::TokenRow& token : tokens) {
    tokens_[token.digest] = Token{token.role, token.expiresMs};
  }
}

void Credentials::addToken(const mailbox::TokenRow& token) {
  MutexLock lock(mutex_);
  tokens_[token.digest] = Token{token.role, token.expiresMs};
}

void Credentials::removeToken(std::string_view digest) {
  MutexLock lock(mutex_);
  const auto found = tokens_.find(digest);
  if (found != tokens_.end()) tokens_.erase(found);
}

std::string Credentials::roleOf(std::string_view bearer, std::int64_t nowMs) const {
  const std::string digest = wire::digestOf(bearer);
  MutexLock lock(mutex_);
  const auto found = tokens_.find(digest);
  if (found == tokens_.end() || found->second.expiresMs <= nowMs) return {};
  return found->second.role;
}

void Credentials::openSession(std::string_view bearer, Session session) {
  std::string digest = wire::digestOf(bearer);
  MutexLock lock(mutex_);
  Open& open = sessions_[session.host];
  // Of a host's sessions the newest is open, the one before is remembered as fenced.
  hosts_.erase(open.fencedDigest);
  open.fencedDigest = std::move(open.digest);
  hosts_[digest] = session.host;
  open.digest = std::move(digest);
  open.epoch = session.epoch;
}

void Credentials::endSession(std::string_view host) {
  MutexLock lock(mutex_);
  const auto found = sessions_.find(host);
  if (found == sessions_.end()) return;
  hosts_.erase(found->second.digest);
  hosts_.erase(found->second.fencedDigest);
  sessions_.erase(found);
}

std::optional<Session> Credentials::sessionOf(std::string_view bearer, bool& fenced) const {
  const std::string digest = wire::digestOf(bearer);
  fenced = false;
  MutexLock lock(mutex_);
  const auto host = hosts_.find(digest);
  if (host == hosts_.end()) return std::nullopt;
  const auto open = sessions_.find(host->second);
  if (open == sessions_.end()) return std::nullopt;
  if (open->second.digest == digest) return Session{host->second, open->second.epoch};
  fenced = true;
  return std::nullopt;
}

std::size_t Credentials::sessions() const {
  MutexLock lock(mutex_);
  return sessions_.size();
}

}  // namespace belay::service
