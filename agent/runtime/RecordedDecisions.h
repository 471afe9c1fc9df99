#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/engine/Event.h"
#include "agent/engine/RunState.h"
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
  bool empty() const { return asked_.empty(); }
  /// A step whose wait was answered since: that decision was verified when it was taken.
  void settle(const engine::StepKey& key) { asked_.erase(nameOf(key)); }

  /// That each decision is signed by a key of `keys`, for the request that the run made, and says
  /// what the history says; and that no approval counts as given without one. Errors:
  /// kDecisionInvalid naming the step.
  base::Status verify(const engine::RunState& state, const trust::DecisionKeys& keys) const;

 private:
  struct Asked {
    engine::WaitOpened opened;
    std::optional<engine::WaitResolved> resolved;
    std::string outputJson;  ///< Of code, whose state does not keep it.
  };
  std::string nameOf(const engine::StepKey& key) const;
  static base::Status verifyAnswer(const Asked& asked, const trust::DecisionKeys& keys);

  bool isCode_ = false;
  std::map<std::string, Asked> asked_;  ///< By nameOf().
};

}  // namespace belay::runtime
