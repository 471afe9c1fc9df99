#pragma once

#include <span>
#include <string_view>

#include "agent/flow/Flow.h"
#include "agent/flow/Keys.h"

namespace belay::flow {

/// The options of steps that not every family has.
enum StepOption : unsigned {
  kTakesTimeout = 1,
  kTakesRetry = 2,
  kTakesEffect = 4,
  kTakesPersist = 8,
  kTakesNext = 16,
  kTakesReview = 32
};

/// What a kind of step is.
struct FamilyRow {
  Family family;
  KeyRow key;                ///< Under which its own keys stand in a step.
  EffectClass effect;        ///< Unless the step says otherwise; http goes by its method.
  std::string_view timeout;  ///< Of an attempt when neither step nor defaults say one; empty: none.
  unsigned options;          ///< StepOption bits.
};

/// In the order of the enum.
std::span<const FamilyRow> familyTable();
const FamilyRow& familyRow(Family family);
/// Null pointer when no family has this name.
const FamilyRow* findFamily(std::string_view name);
std::string_view familyName(Family family);
/// Families whose steps are jobs, with a log.
constexpr bool runsAsJob(Family family) {
  return family == Family::kRun || family == Family::kAgent || family == Family::kSsh ||
         family == Family::kPlugin;
}

/// How long an approval waits when its wait says no timeout.
inline constexpr std::string_view kApprovalTimeout = "7d";

}  // namespace belay::flow
