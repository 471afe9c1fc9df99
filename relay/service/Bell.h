#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "common/base/Mutex.h"

namespace belay::service {

/// Tells those who wait that there may be something to do.
///
/// Threads: any.
class Bell {
 public:
  void ring() {
    base::MutexLock lock(mutex_);
    ++rung_;
    ready_.notify_all();
  }
  /// How often it has rung: to be asked before one looks whether there is something to do.
  std::uint64_t count() const {
    base::MutexLock lock(mutex_);
    return rung_;
  }
  /// Until it has rung after `seen`, for `longest` at most.
  void wait(std::uint64_t seen, std::optional<std::chrono::milliseconds> longest) {
    base::MutexLock lock(mutex_);
    while (rung_ == seen) {
      if (!longest) {
        ready_.wait(mutex_);
      } else {
        ready_.wait_for(mutex_, *longest);
        return;
      }
    }
  }

 private:
  mutable base::Mutex mutex_;
  base::ConditionVariable ready_;
  std::uint64_t rung_ BELAY_GUARDED_BY(mutex_) = 0;
};

}  // namespace belay::service
