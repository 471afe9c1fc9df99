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

}  // namespace

PosixClock::PosixClock() {
  const auto text = readFile("/proc/sys/kernel/random/boot_id", 256);
  // Without /proc every start counts as a new boot: adopted jobs are then unknown rather than mistaken.
  bootId_ = text.ok() ? std::string(trim(*text)) : "unknown-" + std::to_string(readMs(CLOCK_REALTIME));
}

std::chrono::milliseconds PosixClock::sinceBoot() const { return std::chrono::milliseconds{readMs(CLOCK_BOOTTIME)}; }

std::int64_t PosixClock::wallMs() const { return readMs(CLOCK_REALTIME); }

}  // namespace belay::base
