#include "relay/service/Nonces.h"

#include <cstdint>
#include <cstring>

#include "common/base/Text.h"
#include "common/crypto/Hmac.h"

namespace belay::service {

namespace {

constexpr std::chrono::milliseconds kLifetime{60'000};
constexpr std::size_t kTimeBytes = 8, kRandomBytes = 8, kMacBytes = 16;
constexpr std::size_t kHeadBytes = kTimeBytes + kRandomBytes;

std::string timeBytes(std::chrono::milliseconds now) {
  std::string out(kTimeBytes, '\0');
  const std::int64_t count = now.count();
  std::memcpy(out.data(), &count, kTimeBytes);
  return out;
}

}  // namespace

Nonces::Nonces(base::Random& random) : random_(random), key_(base::makeToken(random)) {}

std::string Nonces::macOf(std::string_view head) const {
  return std::string(crypto::hmacSha256(key_, head).view().substr(0, kMacBytes));
}

std::string Nonces::make(std::chrono::milliseconds now) {
  std::array<std::uint8_t, kRandomBytes> random{};
  random_.fill(random);
  std::string head = timeBytes(now);
  head.append(reinterpret_cast<const char*>(random.data()), random.size());
  return base::toBase64Url(head + macOf(head));
}

std::optional<Nonces::Head> Nonces::headOf(std::string_view nonce, std::string& mac) {
  const auto bytes = base::fromBase64Url(nonce);
  if (!bytes || bytes->size() != kHeadBytes + kMacBytes) return std::nullopt;
  Head head{};
  static_assert(sizeof(head) == kHeadBytes);
  std::memcpy(head.data(), bytes->data(), kHeadBytes);
  mac = bytes->substr(kHeadBytes);
  return head;
}

bool Nonces::fresh(std::string_view nonce, std::chrono::milliseconds now) const {
  std::string mac;
  const auto head = headOf(nonce, mac);
  if (!head || !base::equalsInConstantTime(macOf({head->data(), head->size()}), mac)) return false;
  std::int64_t made = 0;
  std::memcpy(&made, head->data(), kTimeBytes);
  base::MutexLock lock(mutex_);
  return now - std::chrono::milliseconds{made} < kLifetime && !used_.contains(*head);
}

void Nonces::use(std::string_view nonce, std::chrono::milliseconds now) {
  std::string mac;
  const auto head = headOf(nonce, mac);
  base::MutexLock lock(mutex_);
  while (!order_.empty() && order_.front().first + kLifetime <= now) {
    used_.erase(order_.front().second);
    order_.pop_front();
  }
  if (head && used_.insert(*head).second) order_.emplace_back(now, *head);
}

}  // namespace belay::service
