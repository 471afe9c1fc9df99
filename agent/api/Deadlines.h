#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

namespace belay::api {

/// What the server's thread does later.
///
/// Threads: owner.
/// Units:   milliseconds of the boot clock.
class Deadlines {
 public:
  void add(std::chrono::milliseconds dueBoot, std::function<void()> work) {
    due_.emplace(dueBoot, std::move(work));
  }
  /// Nothing: there is nothing to wait for.
  std::optional<std::chrono::milliseconds> next() const {
    return due_.empty() ? std::nullopt : std::optional(due_.begin()->first);
  }
  /// Does what is due; what that adds is done in the next call.
  void fire(std::chrono::milliseconds nowBoot) {
    std::multimap<std::chrono::milliseconds, std::function<void()>> now;
    while (!due_.empty() && due_.begin()->first <= nowBoot) now.insert(due_.extract(due_.begin()));
    for (auto& [at, work] : now) work();
  }

 private:
  std::multimap<std::chrono::milliseconds, std::function<void()>> due_;
};

}  // namespace belay::api
