#include "agent/runtime/TokenBucket.h"

#include <algorithm>

namespace belay::runtime {

TokenBucket::TokenBucket(journal::BucketRow& row, base::RateLimit limit, const std::string& bootId,
                         std::int64_t nowUs)
    : row_(row), nowUs_(nowUs) {
  if (limit.max > 0) {
    intervalUs_ = std::max<std::int64_t>(limit.per.count() * 1000 / limit.max, 1);
    burstUs_ = intervalUs_ * (limit.max - 1);
  }
  if (row_.bootId != bootId) {
    const std::int64_t moveUs = nowUs - row_.atUs;
    row_.fullUs += moveUs;
    // Timers went on meanwhile: whose turn has come asks again, and queues up in that order.
    row_.queueUs = nowUs;
    row_.blockedUs += moveUs;
    row_.bootId = bootId;
  }
  row_.atUs = nowUs;
}

std::int64_t TokenBucket::tokenUs() const {
  return intervalUs_ == 0 ? row_.blockedUs : std::max(row_.fullUs - burstUs_, row_.blockedUs);
}

std::int64_t TokenBucket::earliestUs(bool isTurn) const {
  return isTurn || row_.queueUs <= nowUs_ ? tokenUs() : std::max(row_.queueUs, tokenUs());
}

void TokenBucket::take() { row_.fullUs = std::max(row_.fullUs, nowUs_) + intervalUs_; }

std::int64_t TokenBucket::enqueueUs(bool isTurn) {
  const std::int64_t tokenAtUs = tokenUs();
  // The one before was a little late: this one is not sent to the end for that.
  if (isTurn && tokenAtUs - nowUs_ < intervalUs_) return tokenAtUs;
  const std::int64_t turnUs = std::max({row_.queueUs, tokenAtUs, nowUs_});
  row_.queueUs = turnUs + intervalUs_;
  return turnUs;
}

void TokenBucket::block(std::int64_t untilUs) {
  if (untilUs <= row_.blockedUs) return;
  row_.blockedUs = untilUs;
  // It goes on with one, not with all at once.
  if (intervalUs_ > 0) row_.fullUs = std::max(row_.fullUs, untilUs + burstUs_);
  // Who waits comes in its order, finds the peer closed, and queues up behind that time again.
  if (row_.queueUs > nowUs_) row_.queueUs = untilUs;
}

std::int64_t TokenBucket::waiting() const {
  return intervalUs_ == 0 ? 0 : std::max<std::int64_t>(row_.queueUs - nowUs_, 0) / intervalUs_;
}

}  // namespace belay::runtime
