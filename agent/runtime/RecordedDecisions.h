#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "agent/engine/Event.h"
#include "agent/engine/RunState.h"
#include "agent/flow/Flow.h"
#include "agent/journal/Journal.h"
#include "agent/trust/Decision.h"
#include "common/base/Result.h"
#include "common/statement/Request.h"

namespace belay::runtime {

/// Who is believed about decisions of the past.
struct DecisionTrust {
  const trust::DecisionKeys& local;
  journal::Journal& journal;  ///< Its ledger has the rosters.
};

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
  base::Status verify(const engine::RunState& state, const DecisionTrust& trust,
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
  static base::Status verifyAnswer(const Asked& asked, const DecisionTrust& trust);
  static base::Status verifyLocal(const Asked& asked, const trust::DecisionKeys& keys);
  static base::Status verifyGate(const Asked& asked, const statement::Request& request,
                                 journal::Journal& journal);

  bool isCode_ = false;
  std::map<std::string, Asked> asked_;  ///< By nameOf().
};

}  // namespace belay::runtime
