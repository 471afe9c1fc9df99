#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/engine/Engine.h"
#include "agent/engine/Path.h"

namespace belay::engine {

/// The outermost block around a path that has failed and waits for runs to stop.
std::optional<ChildName> outermostEnding(const RunState& state, std::string_view path);

/// What events do to the steps that hold steps: parallel, for_each, loop. A part of apply().
///
/// A child runs one step at a time and ends with the step that goes nowhere. The records of its
/// steps leave the state with it, so that a for_each over many items holds their outputs and
/// nothing else.
///
/// Threads:   any, one at a time per state.
/// Ownership: borrows state and effects.
class Blocks {
 public:
  Blocks(RunState& state, std::int64_t atMs, std::vector<Effect>& effects)
      : state_(state), atMs_(atMs), effects_(effects) {}

  void start(const BlockStarted& event);
  /// False when no such round is due.
  bool advance(const RoundStarted& event);
  /// A step of a child has ended the child. Does nothing when the block has gone.
  void endChild(const StepFinished& last);
  /// The run that a step which was given up has waited for is over.
  void endGivenUp(const std::string& path);
  /// Of a run that stops: begins what finalizes the innermost block that has not been finalized.
  /// False when there is none left.
  bool finalizeNext();
  /// The visit of a step that holds steps has ended, well or badly: nothing of its children stays.
  void end(const StepKey& container);
  /// Arms the pauses of loops again, with what is left of them.
  void resume();
  /// Ends at once the active steps for which `isWanted` holds.
  void dropSteps(const std::function<bool(const ActiveStep&)>& isWanted);
  /// Closes the waits that were opened early at the paths for which `isWanted` holds.
  void closeEarly(const std::function<bool(std::string_view)>& isWanted);
  /// Takes a step up when the run is neither paused nor queued.
  void enter(const std::string& path);
  /// Ends what is in flight in paths that begin with `prefix`, and forgets what has ended there.
  /// Runs that are awaited are asked to stop, and stay in flight.
  void drop(const std::string& prefix);

 private:
  ActiveBlock* find(const std::string& path);
  /// Whether a run is waited for in paths that begin with `prefix`.
  bool awaits(std::string_view prefix) const;
  void giveUp(ActiveBlock& block);
  /// Of a call of code; empty for any other step.
  std::string definitionOf(const std::string& path) const;
  void fill(ActiveBlock& block);
  void begin(ActiveBlock& block, std::string_view child, const std::string& firstStep);
  void conclude(ActiveBlock& block);
  void endFinalize(ActiveBlock& block, const StepFinished& last);

  RunState& state_;
  const std::int64_t atMs_;
  std::vector<Effect>& effects_;
};

}  // namespace belay::engine
