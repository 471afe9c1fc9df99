#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/engine/RunState.h"
#include "agent/flow/CodeCalls.h"
#include "agent/runtime/FlowCache.h"
#include "agent/script/Program.h"
#include "common/base/Result.h"

namespace belay::runtime {

/// How a call of code ended, as the journal has it.
struct CodeResult {
  engine::StepFinished finished;
  std::int64_t atMs = 0;
};

/// One round of a run's code: the results that it was given, and what it then asked for. The first
/// has no results: it is the start.
struct CodeRound {
  std::vector<CodeResult> results;
  std::vector<engine::CodeCall> calls;
  std::string interpreter;  ///< That made the round.
};

/// What the journal has for the code of a run: its rounds, and the results that came behind the
/// last.
///
/// Threads: owner.
class CodeFeed {
 public:
  /// Takes what belongs here, of the events of a run in their order; of other runs nothing.
  void note(std::int64_t atMs, const engine::EventBody& body);
  /// A result of a run that goes on.
  void add(std::int64_t atMs, const engine::StepFinished& finished) {
    results_.push_back({finished, atMs});
  }

  std::vector<CodeRound> takeRounds() { return std::exchange(rounds_, {}); }
  std::vector<CodeResult> takeResults() { return std::exchange(results_, {}); }

 private:
  void on(const engine::CodeAdvanced& e);

  std::string interpreter_;  // empty: no run of code
  bool more_ = false;
  std::vector<CodeRound> rounds_;
  std::vector<CodeResult> results_;
};

/// What one run of code may ask for.
struct CodeBounds {
  std::size_t callsMax = 100'000;  ///< In all.
  std::size_t openMax = 1'000;     ///< At a time.
};

/// Takes the calls of a program: holds them against the record as long as there is one, and checks
/// them where it ends.
///
/// Threads:   owner.
/// Ownership: the flow must outlive it.
class CodeLedger final : public script::ProgramCalls {
 public:
  CodeLedger(const flow::Flow& flow, const CodeBounds& bounds) : flow_(flow), bounds_(bounds) {}

  base::Status take(const script::ProgramCall& call) override;

  /// From here on the code is to ask for exactly these.
  void expect(CodeRound& round);
  /// That it did. Errors: kCodeDiverged.
  base::Status met();
  /// The code has nothing to wait for, and the record goes on.
  base::Error endedEarly() const;
  /// From here on its calls are new.
  void endReplay() { replaying_ = false; }
  std::vector<engine::CodeCall> takeNew() { return std::exchange(new_, {}); }

 private:
  /// What refuses a call, then and now alike.
  base::Status check(const script::ProgramCall& call) const;
  base::Error diverged(const std::string& step, const std::string& recorded,
                       const std::string& asked) const;

  const flow::Flow& flow_;
  const CodeBounds bounds_;
  bool replaying_ = true;
  std::string interpreter_;
  std::deque<engine::CodeCall> expected_;
  std::optional<base::Error> divergence_;
  std::string last_;  // path of the latest call that was as recorded
  std::vector<engine::CodeCall> new_;
  std::size_t calls_ = 0;
};

/// The code of a run in memory.
///
/// Ownership: the flow must outlive it.
struct CodeRun {
  /// Of a run that is rebuilt. Errors: kJournalCorrupt when a definition in the state is none.
  static base::Result<std::unique_ptr<CodeRun>> open(const LoadedFlow& flow,
                                                     const engine::RunState& state, CodeFeed feed);
  /// Makes the step of the undo that is due, which a call of its own has defined.
  base::Status takeUndo(const LoadedFlow& flow, const engine::RunState& state);
  /// The step of a call that has not ended; aborts when there is none.
  const flow::CallStep& at(const std::string& path) const;

  CodeFeed feed;
  bool feedIsWhole = true;  ///< False once a program that was fed has been dropped.
  std::map<std::string, flow::CallStep> steps;  ///< By path; those that have ended may stay.
  std::unique_ptr<CodeLedger> ledger;           ///< Set with the program, which it outlives.
  std::unique_ptr<script::Program> program;
};

}  // namespace belay::runtime
