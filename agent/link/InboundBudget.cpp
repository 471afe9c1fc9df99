#include "agent/link/InboundBudget.h"

#include <algorithm>
#include <cmath>

#include "common/wire/Protocol.h"

namespace belay::link {

namespace {

using std::chrono::milliseconds;

/// So many messages at once, and so many a minute after that.
struct Row {
  std::string_view kind;
  double burst;
  double perMinute;
};
// Releases are checked, which takes a moment each; a pin is a few signatures. The last but one is
// for all other kinds, the last for what was refused, of any kind.
constexpr std::size_t kOther = 6;
constexpr std::size_t kRefused = 7;
constexpr std::array<Row, 8> kRows{{
    {wire::kCallback, 10'000, 60'000},
    {wire::kWebhook, 10'000, 60'000},
    {wire::kPin, 1'000, 600},
    {wire::kRelease, 200, 600},
    {wire::kDecision, 1'000, 6'000},
    {wire::kStart, 200, 600},
    {"", 200, 600},
    {"", 500, 600},
}};
constexpr double kBytesOfOne = 64 << 10;
constexpr double kMsOfMinute = 60'000;
/// Who waits, waits for more than one message: each turn costs a request.
constexpr double kWaitedFor = 10;

std::size_t rowOf(std::string_view kind) {
  const auto row = std::find_if(kRows.begin(), kRows.begin() + kOther,
                                [&](const Row& each) { return each.kind == kind; });
  return static_cast<std::size_t>(row - kRows.begin());
}

milliseconds waitFor(std::size_t row, double missing) {
  return milliseconds{
      static_cast<std::int64_t>(std::ceil(missing * kMsOfMinute / kRows.at(row).perMinute))};
}

}  // namespace

double& InboundBudget::tokensOf(std::size_t row, milliseconds now) {
  Bucket& bucket = buckets_.at(row);
  const Row& rule = kRows.at(row);
  if (!bucket.used) bucket.tokens = rule.burst;
  const auto passed = static_cast<double>((now - bucket.at).count());
  if (bucket.used && passed > 0) {
    bucket.tokens = std::min(rule.burst, bucket.tokens + passed * rule.perMinute / kMsOfMinute);
  }
  bucket.used = true;
  bucket.at = now;
  return bucket.tokens;
}

milliseconds InboundBudget::take(std::string_view kind, std::size_t bytes, milliseconds now) {
  const double debt = tokensOf(kRefused, now);
  if (debt < 1) return waitFor(kRefused, kWaitedFor - debt);
  const std::size_t row = rowOf(kind);
  double& tokens = tokensOf(row, now);
  // Not more than the whole of it, or the message would never come.
  const double cost =
      std::clamp(static_cast<double>(bytes) / kBytesOfOne, 1.0, kRows.at(row).burst);
  if (tokens < cost) return waitFor(row, std::max(kWaitedFor, cost) - tokens);
  tokens -= cost;
  return milliseconds{0};
}

void InboundBudget::refused(std::size_t count, milliseconds now) {
  tokensOf(kRefused, now) -= static_cast<double>(count);
}

}  // namespace belay::link
