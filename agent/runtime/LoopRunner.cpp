#include "agent/runtime/LoopRunner.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/base/Files.h"

namespace belay::runtime {

using base::Result;
using base::Status;

namespace {

void drain(int fd) {
  std::uint64_t ignored = 0;
  // Nothing to read, or a clock that was set (ECANCELED): either way the loop looks again.
  [[maybe_unused]] const ssize_t got = ::read(fd, &ignored, sizeof ignored);
}

}  // namespace

Result<std::unique_ptr<LoopRunner>> LoopRunner::create() {
  std::unique_ptr<LoopRunner> runner(new LoopRunner());
  runner->epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  runner->wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  runner->bootTimer_.reset(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  runner->wallTimer_.reset(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  for (const base::UniqueFd* fd : {&runner->wake_, &runner->bootTimer_, &runner->wallTimer_}) {
    if (!runner->epoll_.valid() || !fd->valid())
      return base::errnoError(errno, "make the loop's descriptors");
    const int raw = fd->get();
    BELAY_TRY(runner->watch(raw, [raw] { drain(raw); }));
  }
  return runner;
}

void LoopRunner::wake() noexcept {
  const std::uint64_t one = 1;
  // Full means that it is awake already.
  [[maybe_unused]] const ssize_t wrote = ::write(wake_.get(), &one, sizeof one);
}

Status LoopRunner::watch(int fd, std::function<void()> onReadable) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = watched_.size();
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return base::errnoError(errno, "watch a descriptor");
  watched_.emplace_back(fd, std::move(onReadable));
  return {};
}

Status LoopRunner::arm(int timer, std::int64_t dueMs, bool onWallClock) {
  itimerspec when{};
  if (dueMs > 0) {
    when.it_value.tv_sec = dueMs / 1000;
    when.it_value.tv_nsec = (dueMs % 1000) * 1'000'000 + 1;  // Never zero, which would disarm it.
  }
  const int flags = TFD_TIMER_ABSTIME | (onWallClock ? TFD_TIMER_CANCEL_ON_SET : 0);
  if (::timerfd_settime(timer, flags, &when, nullptr) != 0)
    return base::errnoError(errno, "arm a timer");
  return {};
}

Status LoopRunner::wait(const NextStep& next, std::int64_t idleBootMs) {
  std::int64_t bootMs = next.bootMs.value_or(0);
  if (idleBootMs > 0) bootMs = bootMs > 0 ? std::min(bootMs, idleBootMs) : idleBootMs;
  BELAY_TRY(arm(bootTimer_.get(), bootMs, false));
  BELAY_TRY(arm(wallTimer_.get(), next.wallMs.value_or(0), true));
  std::array<epoll_event, 16> events{};
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), next.now ? 0 : -1);
  if (count < 0 && errno != EINTR) return base::errnoError(errno, "wait");
  for (int i = 0; i < count; ++i)
    watched_[events.at(static_cast<std::size_t>(i)).data.u64].second();
  return {};
}

Status LoopRunner::run(Loop& loop, const std::function<bool()>& stopped) {
  while (true) {
    BELAY_ASSIGN(const NextStep next, loop.step());
    if (round_) round_();
    if (!next.now && stopped()) return {};
    const std::int64_t idleBootMs = !next.now && idle_ ? idle_() : 0;
    BELAY_TRY(wait(next, idleBootMs));
  }
}

}  // namespace belay::runtime
