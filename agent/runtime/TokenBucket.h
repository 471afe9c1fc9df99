#pragma once

#include <cstdint>
#include <string>

#include "agent/journal/BucketTable.h"
#include "common/base/RateLimit.h"

namespace belay::runtime {

/// A token bucket with a queue, as times instead of counts: whoever finds no token gets the time of
/// its turn at once, so that nobody looks again before, and a thousand who wait wake up once each.
///
/// Pure: the row is read and written by others. Times are microseconds of the boot clock.
///
/// Threads:   any, one at a time.
/// Ownership: borrows the row.
class TokenBucket {
 public:
  /// Brings the row to this boot: what had been used up still is, as if no time had passed, because
  /// only the wall clock could say how much did.
  TokenBucket(journal::BucketRow& row, base::RateLimit limit, const std::string& bootId,
              std::int64_t nowUs);

  /// From when on there is a token for whoever asks now; at most `nowUs`: at once. Others who wait
  /// go first, unless it is the turn of this one (`isTurn`).
  std::int64_t earliestUs(bool isTurn) const;
  void take();
  /// Takes a place in the queue; its time. `isTurn`: had one, and found no token, because those
  /// before were late, or the host was away.
  std::int64_t enqueueUs(bool isTurn);
  /// The peer asks to be left alone for a time.
  void block(std::int64_t untilUs);
  /// How many wait for a place before the one that comes now.
  std::int64_t waiting() const;

 private:
  std::int64_t tokenUs() const;

  journal::BucketRow& row_;
  std::int64_t intervalUs_ = 0;  ///< Between tokens; 0: no limit.
  std::int64_t burstUs_ = 0;     ///< What a full bucket may be ahead.
  const std::int64_t nowUs_;
};

}  // namespace belay::runtime
