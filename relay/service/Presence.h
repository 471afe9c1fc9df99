#pragma once

#include <chrono>
#include <optional>
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
  using Time = std::chrono::milliseconds;

  /// It has polled. True when it was not here before.
  bool seen(const std::string& host, Time now) {
    return times_.insert_or_assign(host, Times{now, now}).second;
  }
  /// It was here before this process, and has until then to come back.
  void expect(const std::string& host, Time until) { times_.emplace(host, Times{until, Time{-1}}); }
  /// It has sent something else than a poll.
  void heard(const std::string& host, Time now) {
    const auto found = times_.find(host);
    if (found != times_.end()) found->second.heard = now;
  }
  /// Nothing for one that does not poll, or was not heard by this process.
  std::optional<Time> lastHeard(const std::string& host) const {
    const auto found = times_.find(host);
    if (found == times_.end() || found->second.heard < Time{0}) return std::nullopt;
    return found->second.heard;
  }
  /// Takes out those that have not polled since `before`, with when they were heard last; negative:
  /// not by this process.
  std::vector<std::pair<std::string, Time>> gone(Time before) {
    std::vector<std::pair<std::string, Time>> out;
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
    Time heard{0};
  };
  std::unordered_map<std::string, Times> times_;
};

}  // namespace belay::service
