#pragma once

#include <chrono>
#include <optional>

#include "common/base/CancelToken.h"
#include "common/base/Clock.h"
#include "common/base/Result.h"

namespace belay::tls {

/// The moment at which blocking work on sockets must have ended, and the token that can end it
/// earlier.
///
/// Threads:   any.
/// Ownership: clock and token must outlive it.
class Deadline {
 public:
  /// `cancel` may be null.
  Deadline(const base::Clock& clock, std::chrono::milliseconds timeout,
           const base::CancelToken* cancel)
      : clock_(clock), until_(clock.sinceBoot() + timeout), timeout_(timeout), cancel_(cancel) {}

  /// This moment, or `timeout` from now where that is earlier.
  Deadline within(std::chrono::milliseconds timeout) const;
  /// Never negative.
  std::chrono::milliseconds left() const;
  const base::CancelToken* cancel() const { return cancel_; }

  /// kTimeout when it has passed: for loops that seldom wait.
  base::Status check() const;
  /// Returns when `fd` has one of `events` (poll(2)), or an error or end to report. A `silenceMax`
  /// other than zero bounds this one wait. Errors: kTimeout, kCancelled, kIo.
  base::Status wait(int fd, short events, std::chrono::milliseconds silenceMax = {}) const;

 private:
  const base::Clock& clock_;
  std::chrono::milliseconds until_;
  std::chrono::milliseconds timeout_;  // For messages.
  const base::CancelToken* cancel_;
};

}  // namespace belay::tls
