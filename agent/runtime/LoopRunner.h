#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/runtime/Loop.h"
#include "common/base/Result.h"
#include "common/base/UniqueFd.h"

namespace belay::runtime {

/// Waits for the loop: until something is posted, a descriptor is readable, or a timer is due.
/// Sleeps without any wake-up in between; the wall clock is watched for jumps.
///
/// Threads: run() and watch() the owner; wake() any.
/// Errors:  kIo; and what Loop::step() fails with.
class LoopRunner {
 public:
  static base::Result<std::unique_ptr<LoopRunner>> create();

  /// Makes run() look again. Safe in a signal handler.
  void wake() noexcept;
  /// Calls `onReadable` in the owner's thread while `fd` is readable. Before run().
  base::Status watch(int fd, std::function<void()> onReadable);
  /// Called when the loop has nothing to do; returns the boot time in ms at which it wants to be
  /// called again, or 0.
  void onIdle(std::function<std::int64_t()> idle) { idle_ = std::move(idle); }
  /// Called before each wait, also while the loop is busy.
  void onRound(std::function<void()> round) { round_ = std::move(round); }

  /// Until `stopped` says so after a step, or the loop fails.
  base::Status run(Loop& loop, const std::function<bool()>& stopped);

 private:
  LoopRunner() = default;
  base::Status wait(const NextStep& next, std::int64_t idleBootMs);
  base::Status arm(int timer, std::int64_t dueMs, bool onWallClock);

  base::UniqueFd epoll_;
  base::UniqueFd wake_;
  base::UniqueFd bootTimer_;
  base::UniqueFd wallTimer_;
  std::vector<std::pair<int, std::function<void()>>> watched_;
  std::function<std::int64_t()> idle_;
  std::function<void()> round_;
};

}  // namespace belay::runtime
