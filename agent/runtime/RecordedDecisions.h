#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "agent/engine/Event.h"
#include "agent/engine/RunState.h"
#include "agent/flow/Flow.h"
#include "agent/trust/Decision.h"
#include "common/base/Result.h"

namespace belay::runtime {

/// What persons decided according to the history of a run: the latest visit of each approval, and
/// of code, which is given all results again, every visit. A history that was read from disk is
/// held against the signatures once before the run goes on from it, because the chain of the
/// journal has no key: a row that was altered together with all hashes behind it still fits the
/// chain.
///
/// Threads: owner.
class RecordedDecisions {
 public:
  void note(const engine::EventBody& body);
  /// An answer that was taken since: its decision was verified then.
  void settle(const engine::WaitResolved& resolved);

  /// The step at a path; null pointer: not known, as of calls of code that have ended.
  using FindStep = std::function<const flow::Step*(const std::string& path)>;
  /// That each decision is signed by a key of `keys`, for the request that the run made, and says
  /// what the history says; that no approval counts as given without one; and that no step with a
  /// review has begun without one for what it does. Errors: kDecisionInvalid naming the step.
  base::Status verify(const engine::RunState& state, const trust::DecisionKeys& keys,
                      const FindStep& findStep) const;

 private:
  struct Asked {
    engine::WaitOpened opened;
    std::optional<engine::WaitResolved> resolved;
    std::string outputJson;  ///< Of code, whose state does not keep it.
    bool settled = false;    ///< Verified when it was taken.
  };
  std::string nameOf(const engine::StepKey& key) const;
  void noteCalls(const engine::CodeAdvanced& advanced);
  base::Status verifyReview(const engine::ActiveStep& active) const;
  base::Status verifyReviews(const engine::RunState& state, const FindStep& findStep) const;
  base::Status verifyApprovals(const engine::RunState& state, const FindStep& findStep) const;
  static base::Status verifyAnswer(const Asked& asked, const trust::DecisionKeys& keys);

  bool isCode_ = false;
  std::map<std::string, Asked> asked_;  ///< By nameOf().
};

}  // namespace belay::runtime
