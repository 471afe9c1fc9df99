#pragma once

#include <array>
#include <string>

#include "agent/runtime/AgentLedger.h"
#include "agent/runtime/BlockSteps.h"
#include "agent/runtime/ChildRuns.h"
#include "agent/runtime/CodeSteps.h"
#include "agent/runtime/Compensations.h"
#include "agent/runtime/Core.h"
#include "agent/runtime/RateLimits.h"
#include "agent/runtime/Reviews.h"
#include "agent/runtime/RunScope.h"

namespace belay::runtime {

class Waits;

/// Enters steps, takes their results, and chooses what follows them. All evaluation of expressions
/// happens here, before the event that records it.
///
/// Threads: the loop.
/// Errors:  only those that end the transaction; what goes wrong with a step is the step's failure.
class Steps {
 public:
  Steps(Core& core, Waits& waits, Starter& starter)
      : core_(core),
        waits_(waits),
        blocks_(core, *this),
        children_(core, *this, starter),
        code_(core, *this),
        reviews_(core, *this, waits),
        compensations_(core, *this),
        limits_(core),
        agents_(core.world().journal) {}

  BlockSteps& blocks() { return blocks_; }
  CodeSteps& code() { return code_; }
  Reviews& reviews() { return reviews_; }
  Compensations& compensations() { return compensations_; }

  void setPerformer(flow::Family family, Performer& performer);
  void setInline(flow::Family family, InlineStep& step);
  void setChildStandIn(ChildStandIn& standIn) { children_.setStandIn(standIn); }

  base::Status enter(LiveRun& run, const std::string& path);
  /// Orders the attempt that the journal says has started.
  base::Status perform(LiveRun& run, const engine::StepKey& key, bool recovering);
  /// Takes a result; one that is no longer wanted is dropped.
  base::Status finishAttempt(LiveRun& run, const engine::StepKey& key, StepResult result);
  base::Status retryNow(LiveRun& run, const std::string& path);
  base::Status cancel(LiveRun& run, const engine::CancelStep& cancel);
  base::Status finishRun(LiveRun& run, engine::RunEnd end);
  /// Records the end of a run, and what it means to the run that has started it.
  base::Status endRun(LiveRun& run, engine::RunFinished finished);
  base::Status resolve(LiveRun& run, const std::string& path, engine::Resolution resolution,
                       const std::string& by, const std::string& note);

  /// What the journal is to say before an attempt leaves the process.
  engine::StepStarted intend(LiveRun& run, const flow::Step& step, const engine::StepKey& key,
                             std::string renderedJson, std::int64_t timeoutMs) const;
  /// Records that intent, after it has opened the wait whose token the attempt hands out.
  base::Status startAttempt(LiveRun& run, const flow::Step& step, const engine::StepKey& key,
                            std::string renderedJson, std::int64_t timeoutMs);
  base::Result<Attempt> attemptOf(LiveRun& run, const flow::Step& step,
                                  const engine::StepStarted& started);
  /// What the attempt comes to, when history and policy let it pass.
  base::Result<trust::RenderedEffect> permit(LiveRun& run, const Attempt& attempt);

  /// Ends a visit well: evaluates `next` with the outcome in scope, and records both.
  base::Status succeed(LiveRun& run, const flow::Step& step, engine::StepFinished finished);
  /// Ends a visit badly: on_error decides where the run goes.
  base::Status fail(LiveRun& run, const flow::Step& step, engine::StepFinished finished,
                    engine::Failure failure);

  /// The value under the family's key with its expressions evaluated.
  base::Result<std::string> render(LiveRun& run, const flow::Step& step, const json::Value& spec,
                                   const engine::StepKey& key);
  /// What a try may take; 0: for ever.
  base::Result<std::int64_t> timeoutOf(LiveRun& run, const flow::Step& step,
                                       const engine::StepKey& key);
  /// Keeps a text that is too large for the journal as a resource of the step, and gives its
  /// reference.
  base::Result<std::string> storeLarge(LiveRun& run, const std::string& path,
                                       const std::string& text, const std::string& what);
  /// A duration, or a template that gives one. Errors: kInvalidArgument, below `leastMs` too.
  base::Result<std::int64_t> durationOf(LiveRun& run, const std::string& text,
                                        const RunScope& scope, std::int64_t leastMs = 1);
  /// Since the visit began, by the wall clock; never below 0.
  std::int64_t elapsedMs(const LiveRun& run, const engine::StepKey& key) const;

  /// Carries out an order after its commit.
  void carryOut(const Order& order);

 private:
  base::Status enterFamily(LiveRun& run, const flow::Step& step, const json::Value& spec,
                           const engine::StepKey& key);
  base::Status enterSwitch(LiveRun& run, const flow::Step& step, const engine::StepKey& key);
  base::Status enterInline(LiveRun& run, const flow::Step& step, const json::Value& spec,
                           const engine::StepKey& key);
  /// Whether the end of this try is the beginning of the next.
  base::Status tryAgain(LiveRun& run, const flow::Step& step, const engine::StepKey& key,
                        StepResult& result, bool& again);
  base::Status startPerformed(LiveRun& run, const flow::Step& step, const json::Value& spec,
                              const engine::StepKey& key);
  /// Records the intent, or that it waits for a token; `isTurn`: it has waited.
  base::Status begin(LiveRun& run, const flow::Step& step, engine::StepStarted started,
                     bool isTurn);
  base::Result<std::optional<RateLimits::Limit>> connectionLimit(
      LiveRun& run, const flow::Step& step, const engine::StepStarted& started);
  base::Status permitNow(LiveRun& run, const flow::Step& step, const Attempt& attempt);
  /// Whether the flow may keep so many bytes more. Errors: kResourceQuota.
  base::Status checkQuota(const LiveRun& run, std::uint64_t more);
  base::Status keepResources(LiveRun& run, const engine::StepKey& key,
                             std::vector<journal::ResourceRow>& rows);
  base::Status skip(LiveRun& run, const flow::Step& step, const engine::StepKey& key);
  /// Where the run goes after `finished`. Errors: of the expression, kStepUnknownNext.
  base::Result<engine::Next> chooseNext(LiveRun& run, const flow::Step& step,
                                        const engine::StepFinished& finished);
  base::Status keepLarge(LiveRun& run, engine::StepFinished& finished);
  /// Of a step that has failed: what cannot be kept is not there, and the failure stands.
  base::Status keepOrDrop(LiveRun& run, engine::StepFinished& finished);
  base::Status endUndo(LiveRun& run, engine::StepFinished finished);
  base::Status recordFailure(LiveRun& run, const flow::Step& step, engine::StepFinished finished,
                             engine::Failure failure, engine::Next next);
  RunScope scopeOf(LiveRun& run, const engine::StepKey& key) const;
  Performer& performerOf(flow::Family family);

  Core& core_;
  Waits& waits_;
  BlockSteps blocks_;
  ChildRuns children_;
  CodeSteps code_;
  Reviews reviews_;
  Compensations compensations_;
  RateLimits limits_;
  AgentLedger agents_;
  std::array<Performer*, static_cast<std::size_t>(flow::Family::kCount)> performers_{};
  std::array<InlineStep*, static_cast<std::size_t>(flow::Family::kCount)> inlines_{};
};

struct StepAt {
  const flow::Step& step;
  const json::Value& spec;
};
/// The step of a run at a path; aborts when there is none: the flow was validated and is pinned,
/// and of code the calls that have not ended were checked.
StepAt findStep(const LiveRun& run, const std::string& path);
const flow::Step& stepAt(const LiveRun& run, const std::string& path);

}  // namespace belay::runtime
