#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/BoundedQueue.h"
#include "common/base/Mutex.h"

namespace belay::steps {

/// Threads for work that blocks: made when there is work for them, at most so many.
///
/// Threads: any. The destructor waits for the work that has begun, and drops the rest.
class WorkerPool {
 public:
  /// `name` is that of the threads, at most 15 characters.
  WorkerPool(std::string name, std::size_t threadsMax, std::size_t queueMax);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// False when too much is waiting.
  bool post(std::function<void()> work);

 private:
  void run();

  // Constant after construction.
  const std::string name_;
  const std::size_t threadsMax_;

  base::BoundedQueue<std::function<void()>> queue_;

  base::Mutex mutex_;
  std::vector<std::thread> threads_ BELAY_GUARDED_BY(mutex_);
  std::size_t idle_ BELAY_GUARDED_BY(mutex_) = 0;
};

}  // namespace belay::steps
