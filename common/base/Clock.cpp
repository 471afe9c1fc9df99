#include "common/base/Clock.h"

#include <time.h>

#include "common/base/Check.h"
#include "common/base/Files.h"
#include "common/base/Text.h"

namespace belay::base {

namespace {

std::int64_t readMs(clockid_t id) {
  timespec now{};
  BELAY_CHECK(::clock_gettime(id, &now) == 0);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

std::chrono::nanoseconds readNs(clockid_t id) {
  timespec now{};
  BELAY_CHECK(::clock_gettime(id, &now) == 0);
  return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

}  // namespace

PosixClock::PosixClock() {
  const auto text = readFile("/proc/sys/kernel/random/boot_id", 256);
  // Without /proc every start counts as a new boot: adopted jobs are then unknown rather than
  // mistaken.
  bootId_ =
      text.ok() ? std::string(trim(*text)) : "unknown-" + std::to_string(readMs(CLOCK_REALTIME));
}

std::chrono::milliseconds PosixClock::sinceBoot() const {
  return std::chrono::milliseconds{readMs(CLOCK_BOOTTIME)};
}

std::int64_t PosixClock::wallMs() const { return readMs(CLOCK_REALTIME); }

std::chrono::nanoseconds threadCpuTime() { return readNs(CLOCK_THREAD_CPUTIME_ID); }

std::chrono::nanoseconds coarseTime() { return readNs(CLOCK_MONOTONIC_COARSE); }

}  // namespace belay::base
