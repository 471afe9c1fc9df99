#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/runtime/Core.h"
#include "agent/runtime/TokenBucket.h"

namespace belay::runtime {

/// The rate limits of steps, flows and connections: an attempt begins with a token of each that
/// there is for it, or waits for its turn by a timer.
///
/// Threads: the loop.
/// Errors:  kLimit when too many wait already; those of the journal.
class RateLimits {
 public:
  explicit RateLimits(Core& core) : core_(core) {}

  /// A bucket, and how it fills.
  using Limit = std::pair<std::string, base::RateLimit>;
  struct Hold {
    std::string bucket;
    std::int64_t delayMs = 0;
  };

  /// The limits of a step, but for that of its connection.
  static std::vector<Limit> limitsOf(const LiveRun& run, const flow::Step& step);
  /// The bucket of a connection.
  static std::string connectionBucket(const std::string& connection) {
    return "connection:" + connection;
  }

  /// Takes a token of each, or none and a place in the queues of those that have none: how long.
  base::Result<std::optional<Hold>> take(const std::vector<Limit>& limits, bool isTurn);
  /// A peer asked to be left alone: all who use the bucket wait for so long.
  base::Status block(const Limit& limit, std::int64_t delayMs);

 private:
  base::Result<journal::BucketRow> rowOf(const std::string& bucket);
  std::int64_t nowUs() const;

  Core& core_;
};

}  // namespace belay::runtime
