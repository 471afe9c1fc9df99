#pragma once

#include <condition_variable>
#include <mutex>

// Clang's thread-safety analysis; std::mutex of libstdc++ is not a capability, so it is wrapped
// here.
#if defined(__clang__)
#define BELAY_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define BELAY_THREAD_ATTRIBUTE(x)
#endif
#define BELAY_GUARDED_BY(mutex) BELAY_THREAD_ATTRIBUTE(guarded_by(mutex))
#define BELAY_REQUIRES(mutex) BELAY_THREAD_ATTRIBUTE(requires_capability(mutex))

namespace belay::base {

/// A std::mutex that clang's analysis knows as a capability.
class BELAY_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() BELAY_THREAD_ATTRIBUTE(acquire_capability()) { raw_.lock(); }
  void unlock() BELAY_THREAD_ATTRIBUTE(release_capability()) { raw_.unlock(); }

 private:
  std::mutex raw_;
};

/// Holds a Mutex for a scope.
class BELAY_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) BELAY_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() BELAY_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Works with Mutex directly; wait only while the mutex is held.
using ConditionVariable = std::condition_variable_any;

}  // namespace belay::base
