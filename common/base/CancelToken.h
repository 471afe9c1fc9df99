#pragma once

#include "common/base/EventFd.h"

namespace belay::base {

/// Tells blocking work in another thread to stop. The work polls fd() together with what it waits
/// for, so a cancel is seen at once and no descriptor is closed under anybody's hands.
///
/// Threads:   any.
/// Ownership: the token must outlive the work that it was given to.
class CancelToken {
 public:
  CancelToken() = default;
  CancelToken(const CancelToken&) = delete;
  CancelToken& operator=(const CancelToken&) = delete;

  /// For good: a token that was cancelled stays so.
  void cancel() noexcept { event_.signal(); }
  bool cancelled() const noexcept;
  /// Readable from cancel() on; never read from it.
  int fd() const noexcept { return event_.fd(); }

 private:
  // Self-synchronised.
  EventFd event_;
};

}  // namespace belay::base
