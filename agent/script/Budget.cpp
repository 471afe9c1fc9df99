#include "agent/script/Budget.h"

#include "common/base/Clock.h"

namespace belay::script {

namespace {

// The time of the thread costs a system call, so short calls do without.
constexpr std::chrono::milliseconds kShortCall{8};

}  // namespace

void Budget::restart() {
  ticks_ = 0;
  spent_ = false;
  coarseRead_ = false;
  cpuRead_ = false;
}

bool Budget::mayGoOn() {
  if (!spent_) spent_ = ticks_ > ticksMax_ || isLate();
  return !spent_;
}

bool Budget::isLate() {
  const std::chrono::nanoseconds now = base::coarseTime();
  if (!coarseRead_) {
    coarseRead_ = true;
    coarseStart_ = now;
  }
  if (now - coarseStart_ < kShortCall) return false;
  if (!cpuRead_) {
    cpuRead_ = true;
    cpuStart_ = base::threadCpuTime();
  }
  return now - coarseStart_ > cpuMax_ && base::threadCpuTime() - cpuStart_ > cpuMax_;
}

}  // namespace belay::script
