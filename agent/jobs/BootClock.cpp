#include "agent/jobs/BootClock.h"

#include <time.h>

#include "common/base/Check.h"

namespace belay::jobs {

namespace {

std::int64_t readMs(clockid_t id) {
  timespec now{};
  BELAY_CHECK(::clock_gettime(id, &now) == 0);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

std::int64_t bootMs() { return readMs(CLOCK_BOOTTIME); }

std::int64_t wallMs() { return readMs(CLOCK_REALTIME); }

}  // namespace belay::jobs
