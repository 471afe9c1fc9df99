#pragma once

#include <cstdint>
#include <string>

#include "agent/agents/DriveResult.h"
#include "agent/agents/DriveSpec.h"

namespace belay::agents {

/// The budgets of time: says when the next one is hit, and which.
///
/// Threads: owner.
/// Units:   milliseconds of one clock, which the caller reads.
class Watchdog {
 public:
  Watchdog(const Budgets& budgets, std::int64_t nowMs)
      : budgets_(budgets), startedMs_(nowMs), progressMs_(nowMs) {}

  void sawProgress(std::int64_t nowMs) {
    progressMs_ = nowMs;
    quiet_ = false;
  }

  /// When expired() has to be asked again at the latest; -1: never.
  std::int64_t nextMs() const;
  /// The member of `budgets` that is hit; empty: none.
  std::string expired(std::int64_t nowMs) const;

 private:
  const Budgets& budgets_;
  const std::int64_t startedMs_;
  std::int64_t progressMs_;
  bool quiet_ = true;  // No sign of life yet.
};

/// kNoOutput, kStalled, kTimeout for theirs; kOverBudget for all others.
Outcome outcomeOfBudget(const std::string& budget);

/// That a member of `budgets` is used up, by the name that flows and settings have for it.
std::string spentText(const std::string& budget);

}  // namespace belay::agents
