#pragma once

#include <cstdint>
#include <optional>

#include "common/base/Result.h"

namespace belay::runtime {

/// When somebody next wants to run; nothing set: when something is posted.
struct NextStep {
  bool now = false;
  std::optional<std::int64_t> bootMs;
  std::optional<std::int64_t> wallMs;
};

/// What takes part in the loop's transactions on its own account, such as schedules: it starts runs
/// and writes to the journal beside the runs that are there.
///
/// Threads: the loop.
class LoopPart {
 public:
  virtual ~LoopPart() = default;

  /// Called in every round, after the requests and before the commit. A bounded piece of work.
  /// Errors: only those that end the transaction.
  virtual base::Status work() = 0;
  /// After a rollback: nothing since the last commit has happened.
  virtual void forget() = 0;
  /// Asked before the loop waits.
  virtual NextStep next() const = 0;
};

}  // namespace belay::runtime
