#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/Mutex.h"

namespace belay::base {

/// A queue of values between threads, with a bound that a producer meets at once instead of
/// waiting.
///
/// Threads: any.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  /// False when the queue is full or closed; the value is then untouched.
  bool tryPush(T&& value) {
    MutexLock lock(mutex_);
    if (closed_ || items_.size() >= capacity_) return false;
    items_.push_back(std::move(value));
    ready_.notify_one();
    return true;
  }

  /// Takes all that is there, without waiting.
  std::vector<T> takeAll() {
    MutexLock lock(mutex_);
    std::vector<T> out(std::make_move_iterator(items_.begin()),
                       std::make_move_iterator(items_.end()));
    items_.clear();
    return out;
  }

  /// Waits for one value; nothing after close() when the queue is empty.
  std::optional<T> pop() {
    MutexLock lock(mutex_);
    while (items_.empty() && !closed_) ready_.wait(mutex_);
    if (items_.empty()) return std::nullopt;
    std::optional<T> out(std::move(items_.front()));
    items_.pop_front();
    return out;
  }

  void close() {
    MutexLock lock(mutex_);
    closed_ = true;
    ready_.notify_all();
  }

  std::size_t size() {
    MutexLock lock(mutex_);
    return items_.size();
  }

 private:
  // Constant after construction.
  const std::size_t capacity_;

  ConditionVariable ready_;
  Mutex mutex_;
  std::deque<T> items_ BELAY_GUARDED_BY(mutex_);
  bool closed_ BELAY_GUARDED_BY(mutex_) = false;
};

}  // namespace belay::base
