#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/agents/Adapter.h"
#include "agent/agents/DriveResult.h"
#include "agent/agents/DriveSpec.h"
#include "agent/agents/Event.h"

namespace belay::agents {

/// Adds up what an agent says into its result.
///
/// Threads:   owner.
/// Ownership: borrows the spec.
class Tally {
 public:
  explicit Tally(const DriveSpec& spec);

  void take(const Event& event);

  /// The budget of turns, tokens or money that is used up, as its member's name; empty: none.
  std::string overBudget() const;
  bool denied() const { return !result_.denials.empty(); }
  bool finished() const { return ending_.last.has_value(); }
  /// Of the last announced retry since there was progress: what it says about the reason.
  Outcome retryReason() const;

  /// What is known of the end so far; the driver adds how the process ended.
  Ending& ending() { return ending_; }
  const std::string& text() const { return text_; }
  /// Text and everything else but the verdict.
  DriveResult& result();

 private:
  void takeText(const Event& event);
  void takeUsage(const Event& event);

  const DriveSpec& spec_;
  DriveResult result_;
  Ending ending_;
  std::string text_;
};

}  // namespace belay::agents
