#pragma once

#include <cstdint>
#include <random>
#include <span>

#include "common/base/Mutex.h"
#include "common/base/Random.h"

namespace belay::test {

/// Random bytes that are the same for the same seed.
///
/// Threads: any; the order of callers then decides who gets which bytes.
class SeededRandom final : public base::Random {
 public:
  explicit SeededRandom(std::uint64_t seed = 1) : engine_(seed) {}

  void fill(std::span<std::uint8_t> out) override {
    base::MutexLock lock(mutex_);
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(engine_());
  }
  /// A number in [0, below).
  std::uint64_t below(std::uint64_t bound) {
    base::MutexLock lock(mutex_);
    return engine_() % bound;
  }

 private:
  base::Mutex mutex_;
  std::mt19937_64 engine_ BELAY_GUARDED_BY(mutex_);
};

}  // namespace belay::test
