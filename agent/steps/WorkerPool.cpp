#include "agent/steps/WorkerPool.h"

#include <pthread.h>

#include <optional>
#include <utility>

namespace belay::steps {

WorkerPool::WorkerPool(std::string name, std::size_t threadsMax, std::size_t queueMax)
    : name_(std::move(name)), threadsMax_(threadsMax), queue_(queueMax) {}

WorkerPool::~WorkerPool() {
  queue_.close();
  static_cast<void>(queue_.takeAll());
  std::vector<std::thread> threads;
  {
    base::MutexLock lock(mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

bool WorkerPool::post(std::function<void()> work) {
  if (!queue_.tryPush(std::move(work))) return false;
  base::MutexLock lock(mutex_);
  if (idle_ < queue_.size() && threads_.size() < threadsMax_)
    threads_.emplace_back([this] { run(); });
  return true;
}

void WorkerPool::run() {
  pthread_setname_np(pthread_self(), name_.c_str());
  while (true) {
    {
      base::MutexLock lock(mutex_);
      ++idle_;
    }
    std::optional<std::function<void()>> work = queue_.pop();
    {
      base::MutexLock lock(mutex_);
      --idle_;
    }
    if (!work) return;
    (*work)();
  }
}

}  // namespace belay::steps
