#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "common/base/Clock.h"

namespace belay::test {

/// A clock that stands still until a test moves it. Wall time and boot time can be moved apart.
///
/// Threads: any, except setBoot().
class SimClock final : public base::Clock {
 public:
  explicit SimClock(std::int64_t wallMs = 1'800'000'000'000) : wallMs_(wallMs) {}

  std::chrono::milliseconds sinceBoot() const override {
    return std::chrono::milliseconds{bootMs_.load()};
  }
  std::int64_t wallMs() const override { return wallMs_.load(); }
  const std::string& bootId() const override { return bootId_; }

  /// Time passes on both clocks.
  void advance(std::chrono::milliseconds by) {
    bootMs_ += by.count();
    wallMs_ += by.count();
  }
  /// Somebody sets the wall clock; the boot clock does not notice.
  void jumpWall(std::chrono::milliseconds by) { wallMs_ += by.count(); }
  void setBoot(std::string bootId) {
    bootId_ = std::move(bootId);
    bootMs_ = 0;
  }

 private:
  std::atomic<std::int64_t> wallMs_;
  std::atomic<std::int64_t> bootMs_{60'000};
  std::string bootId_ = "boot-1";
};

}  // namespace belay::test
