#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace belay::service {

/// Which hosts poll, so that others can be told when one begins or ends to, and when each was heard
/// last.
///
/// Threads: the store's.
class Presence {
 public:
  using Time = std::chrono::milliseconds;  ///< Of the boot.
  struct Heard {
    Time at{-1};
    std::int64_t wallMs = 0;  ///< 0: not by this process.
  };

  /// It has polled. True when it was not here before.
  bool seen(const std::string& host, Time now, std::int64_t wallMs) {
    return times_.insert_or_assign(host, Times{now, {now, wallMs}}).second;
  }
  /// It was here before this process, and has until then to come back.
  void expect(const std::string& host, Time until) { times_.emplace(host, Times{until, {}}); }
  /// It has sent something else than a poll.
  void heard(const std::string& host, Time now, std::int64_t wallMs) {
    const auto found = times_.find(host);
    if (found != times_.end()) found->second.heard = {now, wallMs};
  }
  /// Of one that polls.
  Heard lastHeard(const std::string& host) const {
    const auto found = times_.find(host);
    return found == times_.end() ? Heard{} : found->second.heard;
  }
  /// Takes out those that have not polled since `before`, with when they were heard last.
  std::vector<std::pair<std::string, Heard>> gone(Time before) {
    std::vector<std::pair<std::string, Heard>> out;
    for (auto each = times_.begin(); each != times_.end();) {
      if (each->second.polled >= before) {
        ++each;
        continue;
      }
      out.emplace_back(each->first, each->second.heard);
      each = times_.erase(each);
    }
    return out;
  }

 private:
  struct Times {
    Time polled{0};
    Heard heard;
  };
  std::unordered_map<std::string, Times> times_;
};

}  // namespace belay::service
