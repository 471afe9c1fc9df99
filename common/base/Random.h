#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace belay::base {

/// A source of random bytes that an attacker cannot predict (a fake's bytes come from a seed).
///
/// Threads: any.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;
};

/// getrandom(2): needs no file and no state, so a cloned VM does not repeat it.
class OsRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

/// A name that sorts by time: 9 characters of wall milliseconds and 7 random ones, [0-9a-z] without
/// i, l, o, u.
std::string makeSortableId(std::int64_t wallMs, Random& random);

/// `bytes` random bytes as unpadded base64url: for tokens and nonces.
std::string makeToken(Random& random, std::size_t bytes = 32);

}  // namespace belay::base
