#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/engine/Engine.h"

namespace belay::engine {

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
  /// The visit of a step that holds steps has ended, well or badly: nothing of its children stays.
  void end(const StepKey& container);
  /// Arms the pauses of loops again, with what is left of them.
  void resume();
  /// Ends at once the active steps for which `isWanted` holds.
  void dropSteps(const std::function<bool(const ActiveStep&)>& isWanted);
  /// Closes the waits that were opened early in paths that begin with `prefix`.
  void closeEarly(std::string_view prefix = {});
  /// Takes a step up when the run is neither paused nor queued.
  void enter(const std::string& path);
  /// Ends what is in flight in paths that begin with `prefix`, and forgets what has ended there.
  void drop(const std::string& prefix);

 private:
  ActiveBlock* find(const std::string& path);
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
