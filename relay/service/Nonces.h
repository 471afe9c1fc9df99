#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/Mutex.h"
#include "common/base/Random.h"

namespace belay::service {

/// Nonces for sessions that cost nothing to give out: each carries its time and a MAC of this
/// process. One that a valid statement has used counts no more.
///
/// Threads: any.
class Nonces {
 public:
  explicit Nonces(base::Random& random);

  /// 32 bytes as base64url.
  std::string make(std::chrono::milliseconds now);
  /// True when it was made here, lately, and was not used.
  bool fresh(std::string_view nonce, std::chrono::milliseconds now) const;
  /// To be called when its statement has turned out valid.
  void use(std::string_view nonce, std::chrono::milliseconds now);

 private:
  /// Time and random bytes: what one nonce is told from another by, however it is spelt.
  using Head = std::array<char, 16>;
  static std::optional<Head> headOf(std::string_view nonce, std::string& mac);
  std::string macOf(std::string_view head) const;

  // Constant after construction.
  base::Random& random_;
  const std::string key_;

  mutable base::Mutex mutex_;
  std::set<Head> used_ BELAY_GUARDED_BY(mutex_);
  std::deque<std::pair<std::chrono::milliseconds, Head>> order_
      BELAY_GUARDED_BY(mutex_);  // Of their use.
};

}  // namespace belay::service
