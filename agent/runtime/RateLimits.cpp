#include "agent/runtime/RateLimits.h"

#include "agent/journal/BucketTable.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

/// That wait in one queue.
constexpr std::int64_t kWaitingMax = 10'000;

}  // namespace

std::int64_t RateLimits::nowUs() const { return core_.world().clock.sinceBoot().count() * 1000; }

std::vector<RateLimits::Limit> RateLimits::limitsOf(const LiveRun& run, const flow::Step& step) {
  std::vector<Limit> limits;
  const std::string& slug = run.state.created.slug;
  if (step.rateLimit) limits.emplace_back("step:" + slug + "/" + step.id.str(), *step.rateLimit);
  if (run.flow->flow.rateLimit) limits.emplace_back("flow:" + slug, *run.flow->flow.rateLimit);
  return limits;
}

Result<journal::BucketRow> RateLimits::rowOf(const std::string& bucket) {
  BELAY_ASSIGN(std::optional<journal::BucketRow> row, core_.world().journal.buckets().find(bucket));
  if (!row) {
    row.emplace().name = bucket;
    row->bootId = core_.world().clock.bootId();
  }
  return std::move(*row);
}

Result<std::optional<RateLimits::Hold>> RateLimits::take(const std::vector<Limit>& limits,
                                                         bool isTurn) {
  const std::string bootId = core_.world().clock.bootId();
  const std::int64_t now = nowUs();
  std::vector<journal::BucketRow> rows;
  std::optional<Hold> hold;
  for (const auto& [name, limit] : limits) {
    BELAY_ASSIGN(journal::BucketRow row, rowOf(name));
    rows.push_back(std::move(row));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    TokenBucket bucket(rows[i], limits[i].second, bootId, now);
    if (bucket.earliestUs(isTurn) <= now) continue;
    if (!isTurn && bucket.waiting() >= kWaitingMax) {
      return Error{ErrorCode::kLimit, std::to_string(kWaitingMax) + " attempts wait for " +
                                          limits[i].first + " already (rate_limit)"};
    }
    const std::int64_t delayMs = (bucket.enqueueUs(isTurn) - now + 999) / 1000;
    if (!hold || delayMs > hold->delayMs) hold = Hold{limits[i].first, delayMs};
    BELAY_TRY(core_.world().journal.buckets().put(rows[i]));
  }
  if (hold) return hold;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    // One that only keeps what a peer asked for needs no row of each attempt.
    if (limits[i].second.max == 0) continue;
    TokenBucket(rows[i], limits[i].second, bootId, now).take();
    BELAY_TRY(core_.world().journal.buckets().put(rows[i]));
  }
  return hold;
}

Status RateLimits::block(const Limit& limit, std::int64_t delayMs) {
  BELAY_ASSIGN(journal::BucketRow row, rowOf(limit.first));
  TokenBucket(row, limit.second, core_.world().clock.bootId(), nowUs())
      .block(nowUs() + delayMs * 1000);
  return core_.world().journal.buckets().put(row);
}

}  // namespace belay::runtime
