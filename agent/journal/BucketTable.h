#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/journal/Session.h"

namespace belay::journal {

/// How far a rate limit has been used up. Times are microseconds of the boot clock of `bootId`.
struct BucketRow {
  std::string name;  ///< "step:SLUG/ID", "flow:SLUG", "connection:NAME"
  std::string bootId;
  std::int64_t atUs = 0;       ///< When it was written.
  std::int64_t fullUs = 0;     ///< When all tokens are there again.
  std::int64_t queueUs = 0;    ///< From when on a place in the queue is free.
  std::int64_t blockedUs = 0;  ///< Until when the peer asked to be left alone.
};

/// The token buckets of rate limits.
///
/// Threads: owner. Errors: as Journal says.
class BucketTable {
 public:
  explicit BucketTable(Session& session);

  base::Status put(const BucketRow& row);
  base::Result<std::optional<BucketRow>> find(std::string_view name);

 private:
  Session& session_;
  sqlite::Statement put_;
  sqlite::Statement find_;
};

}  // namespace belay::journal
