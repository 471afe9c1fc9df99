#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "agent/runtime/Core.h"
#include "agent/runtime/RunScope.h"
#include "agent/trust/Gate.h"

namespace belay::runtime {

class Steps;

/// What became of an emitted event.
struct Emitted {
  std::size_t answered = 0;  ///< Waits that it answered.
};

/// Opens waits and takes their answers.
///
/// Threads: the loop.
/// Errors:  kWaitNotFound, kWaitClosed (answered, expired, or closed with its run), kWaitKind,
/// kDecisionInvalid,
///          kSchemaViolation to whoever answers; else as Core.
class Waits {
 public:
  Waits(Core& core) : core_(core) {}
  void setSteps(Steps& steps) { steps_ = &steps; }

  /// Opens the wait of a wait or sleep step, or takes over the one that was opened early.
  base::Status open(LiveRun& run, const flow::Step& step, const json::Value& spec,
                    const engine::StepKey& key, const RunScope& scope);
  /// Opens the approval of an attempt; `request` is rendered.
  base::Status openReview(LiveRun& run, const flow::Review& review, const engine::StepKey& key,
                          json::Value request, const RunScope& scope);
  /// Opens the wait that a step names under `callback:` before that step starts; nothing when it
  /// names none.
  base::Status openEarly(LiveRun& run, const flow::Step& step, const std::string& stepPath,
                         const std::string& renderedJson, const RunScope& scope);

  /// The wait that such a step hands out; empty when it names none.
  static std::string handedOut(const LiveRun& run, const std::string& stepPath,
                               const std::string& renderedJson);

  /// Consumes a decision: its key must still be believed, it must be about the very request that
  /// the run made and that the wait shows, its form must fit, and the wait must be open. `by` is
  /// shown beside it.
  base::Status answerApproval(const base::WaitId& wait, const trust::VerifiedDecision& decision,
                              const std::string& by);
  // What Gates needs: see there.
  /// Errors: kWaitNotFound, kWaitClosed.
  base::Result<journal::WaitRow> openApproval(const base::WaitId& wait);
  /// Errors: kDecisionExpired when it is due, and the loop has not come to it yet.
  base::Status checkInTime(const journal::WaitRow& row);
  base::Status answerGate(const journal::WaitRow& row, const trust::Tally& tally,
                          const std::string& decisions);
  /// Opens a wait with the same question in the place of one that is open, and closes that one.
  /// Gives the digest of its request; nothing when the run does not wait there any more, or not
  /// for much longer. Errors: kGateUnanswerable, after which the old one is open.
  base::Result<std::optional<std::string>> openAnew(LiveRun& run, const journal::WaitRow& row);
  /// Its time is up.
  base::Status expire(const base::WaitId& wait);
  /// When, by the boot clock, the first approval was opened that people of the roster answer, since
  /// agesKept().
  std::optional<std::int64_t> gateOpenedMs() const { return gateOpenedMs_; }
  void agesKept() { gateOpenedMs_.reset(); }
  /// `bodyJson` is checked against the schema of the wait; a body that does not match leaves it
  /// open.
  base::Status answerCallback(const base::WaitId& wait, const std::string& bodyJson,
                              const std::string& by);
  /// `slug` not empty: only waits of the runs of that flow.
  base::Result<Emitted> emit(const std::string& name, const std::string& bodyJson,
                             const std::string& by, const std::string& slug = {});
  /// The timer of a wait is due.
  base::Status timeUp(LiveRun& run, const base::WaitId& wait);
  base::Status close(LiveRun& run, const engine::CloseWait& close);

 private:
  struct Open;

  static base::Status openedByCode(const LiveRun& run, const std::string& path);
  base::Result<Open> render(LiveRun& run, const flow::Step& step, const json::Value& spec,
                            const engine::StepKey& key, const RunScope& scope);
  base::Status begin(Open& open, LiveRun& run, const std::optional<std::string>& timeout,
                     const RunScope& scope);
  base::Status renderTime(Open& open, const json::Value& rendered);
  base::Status renderRequest(Open& open, LiveRun& run, const json::Value& rendered);
  base::Status askForApproval(Open& open, LiveRun& run, json::Value& request);
  base::Result<json::Value> artifactsOf(LiveRun& run, const engine::StepKey& key,
                                        const json::Value& rendered);
  base::Status recordOpen(LiveRun& run, Open open);
  base::Status recordGate(const LiveRun& run, const engine::WaitOpened& opened);
  base::Result<journal::WaitRow> openRow(const base::WaitId& wait, flow::WaitKind kind);
  base::Status checkRequest(LiveRun& run, const journal::WaitRow& row,
                            const trust::VerifiedDecision& decision);
  base::Status checkInTime(LiveRun& run, const base::WaitId& wait);
  base::Status resolve(LiveRun& run, engine::WaitResolved resolved, journal::WaitStatus status);
  /// The row of a wait that its run has come past cannot be read: a line of the log, unless that
  /// ends the transaction.
  base::Status unreadable(LiveRun& run, const base::WaitId& wait, base::Error error);
  base::Status finish(LiveRun& run, const engine::WaitOpened& opened,
                      const engine::WaitResolved& resolved);
  base::Status armTimer(LiveRun& run, const engine::WaitOpened& opened);

  Core& core_;
  Steps* steps_ = nullptr;
  std::optional<std::int64_t> gateOpenedMs_;
};

}  // namespace belay::runtime
