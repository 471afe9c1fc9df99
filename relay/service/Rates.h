#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

namespace belay::service {

/// Counts how often each of many keys asks: a bucket of tokens per key, for as many keys as there
/// is room. Without room the key that has asked least lately is forgotten, which gives it a full
/// bucket.
///
/// Threads: the server's.
class Rates {
 public:
  explicit Rates(std::size_t keysMax) : keysMax_(keysMax) {}

  /// False: this key has used up what `perMinute` allows it, in bursts of a third of that.
  bool take(const std::string& key, std::int64_t perMinute, std::chrono::milliseconds now);

 private:
  struct Bucket {
    std::string key;
    double tokens = 0;
    std::chrono::milliseconds at{0};
  };

  const std::size_t keysMax_;
  std::list<Bucket> buckets_;  // The one that asked last comes first.
  std::unordered_map<std::string_view, std::list<Bucket>::iterator> byKey_;  // Keys of buckets_.
};

}  // namespace belay::service
