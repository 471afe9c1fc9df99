#pragma once

#include <chrono>
#include <string>
#include <unordered_map>
#include <vector>

namespace belay::service {

/// Which hosts poll, so that others can be told when one begins or ends to.
///
/// Threads: the store's.
class Presence {
 public:
  /// True when it was not here before.
  bool seen(const std::string& host, std::chrono::milliseconds now) {
    return seen_.insert_or_assign(host, now).second;
  }
  /// Takes out those that were not seen since `before`.
  std::vector<std::string> gone(std::chrono::milliseconds before) {
    std::vector<std::string> out;
    for (auto each = seen_.begin(); each != seen_.end();) {
      if (each->second >= before) {
        ++each;
        continue;
      }
      out.push_back(each->first);
      each = seen_.erase(each);
    }
    return out;
  }

 private:
  std::unordered_map<std::string, std::chrono::milliseconds> seen_;
};

}  // namespace belay::service
