#include "relay/service/Credentials.h"

#include <utility>

#include "common/crypto/Sha256.h"
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
  const crypto::Digest digest = crypto::sha256(bearer);
  MutexLock lock(mutex_);
  const auto [at, first] = sessions_.try_emplace(std::move(session.host));
  Open& open = at->second;
  // Of a host's sessions the newest is open, the one before is remembered as fenced.
  if (open.fenced) hosts_.erase(*open.fenced);
  if (!first) open.fenced = open.digest;
  hosts_[digest] = &*at;
  open.digest = digest;
  open.epoch = session.epoch;
}

void Credentials::endSession(std::string_view host) {
  MutexLock lock(mutex_);
  const auto found = sessions_.find(host);
  if (found == sessions_.end()) return;
  hosts_.erase(found->second.digest);
  if (found->second.fenced) hosts_.erase(*found->second.fenced);
  sessions_.erase(found);
}

std::optional<Session> Credentials::sessionOf(std::string_view bearer, bool& fenced) const {
  const crypto::Digest digest = crypto::sha256(bearer);
  MutexLock lock(mutex_);
  const auto host = hosts_.find(digest);
  fenced = host != hosts_.end() && host->second->second.digest != digest;
  if (host == hosts_.end() || fenced) return std::nullopt;
  return Session{host->second->first, host->second->second.epoch};
}

std::size_t Credentials::sessions() const {
  MutexLock lock(mutex_);
  return sessions_.size();
}

}  // namespace belay::service
