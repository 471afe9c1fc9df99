#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace belay::base {

/// The two times of a host. Durations are measured on the boot clock, which goes on while the host
/// sleeps and never jumps; wall time is only shown, and compared with schedules.
///
/// Threads: any.
/// Units:   milliseconds.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Time since the host booted, suspend included (CLOCK_BOOTTIME).
  virtual std::chrono::milliseconds sinceBoot() const = 0;
  /// Milliseconds since 1970-01-01T00:00:00Z.
  virtual std::int64_t wallMs() const = 0;
  /// Names this boot of the host; another value means that sinceBoot() started anew.
  virtual const std::string& bootId() const = 0;
};

/// The host's own clocks.
class PosixClock final : public Clock {
 public:
  PosixClock();
  std::chrono::milliseconds sinceBoot() const override;
  std::int64_t wallMs() const override;
  const std::string& bootId() const override { return bootId_; }

 private:
  std::string bootId_;
};

/// Processor time that the calling thread has used: bounds work without counting what others take.
std::chrono::nanoseconds threadCpuTime();
/// Time since the host booted, a few milliseconds coarse, for code that asks very often.
std::chrono::nanoseconds coarseTime();

}  // namespace belay::base
