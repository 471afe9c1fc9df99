#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/journal/GateTable.h"
#include "agent/runtime/Core.h"
#include "agent/runtime/LoopPart.h"
#include "agent/trust/Gate.h"
#include "common/statement/Receipt.h"
#include "common/statement/Verify.h"

namespace belay::runtime {

class Waits;

/// A decision as it counts, its form checked by the request's schema. The signature is not looked
/// at. Errors: of trust::voteOf(), kDecisionInvalid for the form, and for what it has not seen.
base::Result<trust::Vote> castVote(const statement::Request& request,
                                   const statement::SignedStatement& statement,
                                   const statement::Decision& decision,
                                   const statement::Roster& roster);

/// A request as people of the roster are asked it; nothing: it is none.
std::optional<statement::Request> gateRequest(const std::string& requestJson);
/// Whether people of the roster answer a request. The row of the journal says so: a request of
/// theirs that cannot be read must not fall to the operators. Errors: of the journal.
base::Result<bool> isGate(journal::Journal& journal, const std::string& requestJson);

/// In which time of this host its approvals are asked: its epoch and, where the policy says so, the
/// boot. What was asked in another one has no answer. Errors: of the journal.
base::Result<std::string> askedIn(Core& core);

/// That an approval that was given still holds where it is used: by the roster in force, in this
/// epoch, in time. What operators of this host answered holds. Errors: kDecisionEpoch,
/// kDecisionExpired, kRosterStale, kStatementQuorum; of the journal.
base::Status stillApproved(Core& core, const std::string& requestJson);

/// Approvals of class page and above: what is asked of the people of the roster, and what they say.
///
/// A decision is judged by the roster that is in force when it is consumed, in the transaction that
/// answers the wait; so are those that came before it. What was asked in an earlier epoch is asked
/// anew.
///
/// Threads: the loop.
/// Errors:  refusals, after which nothing was written; or those that end the transaction.
class Gates final : public LoopPart {
 public:
  Gates(Core& core, Waits& waits) : core_(core), waits_(waits) {}

  /// What became of a decision that counts.
  struct Taken {
    base::WaitId wait;
    base::RunId run;
    statement::Receipt::Gate gate = statement::Receipt::Gate::kOpen;
  };
  /// One that was accepted before is told the same again.
  /// Errors: kDecisionUnknown, kWaitClosed, kDecisionExpired, kDecisionEpoch, kRosterStale,
  /// kArtifactUnseen, kStatement…, kDecision….
  base::Result<Taken> take(const statement::SignedStatement& statement,
                           const statement::Believed<statement::Decision>& decision,
                           const std::string& by);
  /// Success while a request waits for decisions. Errors: the first five of take().
  base::Status waitsFor(const crypto::Digest& request);
  /// Whether exactly this was accepted before.
  base::Result<bool> accepted(const crypto::Digest& request, const std::string& lines);
  /// The receipt about a decision or, without one, about the end of a request.
  base::Result<statement::Receipt> receipt(const crypto::Digest& request,
                                           const std::optional<crypto::Digest>& decision,
                                           const base::Status& taken);

  // Asks anew what is of an earlier epoch, and keeps in the journal how old each request is.
  base::Status work() override;
  void forget() override;
  NextStep next() const override;

 private:
  struct Open;
  base::Result<Open> find(const crypto::Digest& digest);
  base::Result<Taken> takenBefore(const std::string& request);
  base::Status renew();
  base::Status renew(const journal::GateRow& gate);
  std::optional<std::int64_t> nextLook() const;
  base::Status lookAtAges();

  Core& core_;
  Waits& waits_;
  std::string renewedFor_;                 ///< Epoch for which `toRenew_` was read; empty: none.
  std::vector<journal::GateRow> toRenew_;  ///< Of earlier epochs.
  /// At the ages, by the boot clock; nothing: none was open at the last look.
  std::optional<std::int64_t> nextLookMs_ = 0;
};

}  // namespace belay::runtime
