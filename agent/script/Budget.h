#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "agent/script/Limits.h"

namespace belay::script {

/// The work that one call may do: counted in ticks, which are the same on every host, and as a last
/// resort in processor time.
///
/// Threads: owner.
class Budget {
 public:
  explicit Budget(const Limits& limits) : ticksMax_(limits.ticks), cpuMax_(limits.cpu) {}

  /// A new call starts.
  void restart();
  /// Counts work; the bound is looked at by mayGoOn() only.
  void spend(std::uint64_t ticks) { ticks_ += ticks; }
  /// Whether the call may go on. Once it may not, it never may again until restart().
  bool mayGoOn();
  bool isSpent() const { return spent_; }

 private:
  bool isLate();

  const std::uint64_t ticksMax_;
  const std::chrono::nanoseconds cpuMax_;
  std::uint64_t ticks_ = 0;
  bool spent_ = false;
  // Read when a call first asks whether it may go on, and when it has taken some milliseconds.
  bool coarseRead_ = false;
  bool cpuRead_ = false;
  std::chrono::nanoseconds coarseStart_{};
  std::chrono::nanoseconds cpuStart_{};
};

}  // namespace belay::script
