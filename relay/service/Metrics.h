#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace belay::service {

/// What is counted since the process began.
enum class Counter {
  kRequests,
  kRefused,
  kRateLimited,
  kQuotaRefused,
  kEnrolled,
  kSessions,
  kFenced,
  kPolls,
  kMessagesIn,
  kMessagesRepeated,
  kMessagesOut,
  kCallbacks,
  kWebhooks,
  kPins,
  kReleases,
  kApprovals,
  kDecisions,
  kArtifactParts,
  kStarts,
  kEventsTaken,
  kEventAttemptsFailed,
  kCommits,
  kCount
};

/// Counters, and what they are called in the text that Prometheus reads.
///
/// Threads: any.
class Metrics {
 public:
  void add(Counter counter, std::uint64_t count = 1) {
    counts_[static_cast<std::size_t>(counter)].fetch_add(count, std::memory_order_relaxed);
  }
  std::uint64_t value(Counter counter) const {
    return counts_[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
  }
  /// One "# TYPE" line and one sample for each.
  std::string print() const;

 private:
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Counter::kCount)> counts_{};
};

/// Appends a value that goes up and down.
void appendGauge(std::string& out, std::string_view name, std::int64_t value);

}  // namespace belay::service
