#include "relay/service/Rates.h"

#include <algorithm>

namespace belay::service {

namespace {

constexpr double kMsOfMinute = 60'000;
constexpr double kBurstPart = 3;

}  // namespace

bool Rates::take(const std::string& key, std::int64_t perMinute, std::chrono::milliseconds now) {
  const double burst = std::max(1.0, static_cast<double>(perMinute) / kBurstPart);
  auto found = byKey_.find(key);
  if (found == byKey_.end()) {
    if (buckets_.size() >= keysMax_) {
      byKey_.erase(buckets_.back().key);
      buckets_.pop_back();
    }
    buckets_.push_front({key, burst, now});
    found = byKey_.emplace(buckets_.front().key, buckets_.begin()).first;
  } else {
    buckets_.splice(buckets_.begin(), buckets_, found->second);
  }
  Bucket& bucket = *found->second;
  const double passed = static_cast<double>((now - bucket.at).count());
  bucket.tokens =
      std::min(burst, bucket.tokens + passed * static_cast<double>(perMinute) / kMsOfMinute);
  bucket.at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

}  // namespace belay::service
