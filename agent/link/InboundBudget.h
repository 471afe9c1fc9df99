#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <string_view>

namespace belay::link {

/// How much a relay may ask of this host: each kind of message has a budget of its own, and so have
/// those that turn out to be refused. What is over it is not lost: it stays with the relay until
/// there is room, while everything else of the host goes on.
///
/// Threads: owner.
class InboundBudget {
 public:
  /// Zero: this message may be taken now, and is counted. Else nothing is counted, and so long it
  /// has to wait. A message of many `bytes` counts for several.
  std::chrono::milliseconds take(std::string_view kind, std::size_t bytes,
                                 std::chrono::milliseconds now);
  /// So many of those that were taken were refused. They are paid for afterwards, by all kinds.
  void refused(std::size_t count, std::chrono::milliseconds now);

 private:
  struct Bucket {
    double tokens = 0;
    std::chrono::milliseconds at{0};
    bool used = false;
  };
  static constexpr std::size_t kBuckets = 8;
  double& tokensOf(std::size_t row, std::chrono::milliseconds now);

  std::array<Bucket, kBuckets> buckets_{};
};

}  // namespace belay::link
