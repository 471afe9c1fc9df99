#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/journal/GateTable.h"
#include "agent/runtime/Core.h"
#include "agent/trust/Gate.h"
#include "common/statement/Receipt.h"
#include "common/statement/Verify.h"

namespace belay::runtime {

class Waits;

/// A decision as it counts, its form checked by the request's schema. The signature is not looked
/// at. Errors: of trust::voteOf(), kDecisionInvalid for the form.
base::Result<trust::Vote> castVote(const statement::Request& request,
                                   const statement::SignedStatement& statement,
                                   const statement::Decision& decision,
                                   const statement::Roster& roster);

/// Whether a request is one that people of the roster answer.
std::optional<statement::Request> gateRequest(const std::string& requestJson);

/// Approvals of class page and above: what is asked of the people of the roster, and what they say.
///
/// A decision is judged by the roster that is in force when it is consumed, in the transaction that
/// answers the wait; so are those that came before it.
///
/// Threads: the loop.
/// Errors:  refusals, after which nothing was written; or those that end the transaction.
class Gates {
 public:
  Gates(Core& core, Waits& waits) : core_(core), waits_(waits) {}

  /// What became of a decision that counts.
  struct Taken {
    base::WaitId wait;
    base::RunId run;
    statement::Receipt::Gate gate = statement::Receipt::Gate::kOpen;
  };
  /// Errors: kDecisionUnknown, kWaitClosed, kDecisionExpired, kDecisionEpoch, kStatement…,
  /// kDecision….
  base::Result<Taken> take(const statement::SignedStatement& statement,
                           const statement::Believed<statement::Decision>& decision,
                           const std::string& by);
  /// Success while a request waits for decisions. Errors: the first four of take().
  base::Status waitsFor(const crypto::Digest& request);
  /// The receipt about a decision or, without one, about the end of a request.
  base::Result<statement::Receipt> receipt(const crypto::Digest& request,
                                           const std::optional<crypto::Digest>& decision,
                                           const base::Status& taken);

 private:
  struct Open;
  base::Result<Open> find(const crypto::Digest& digest);
  base::Status checkAge(const journal::GateRow& gate, const statement::Request& request) const;
  base::Result<std::vector<trust::Vote>> counted(const statement::Request& request,
                                                 const statement::Roster& roster,
                                                 std::string_view name, std::string& lines);

  Core& core_;
  Waits& waits_;
};

/// The request of an approval that is about to be opened, for people of the roster; nothing where
/// policy and roster leave it to this host's operators (class local).
/// `rendered`: the approval's options, and of a review its effect.
/// Errors: kGateUnanswerable, kInvalidArgument when it is too large.
base::Result<std::optional<statement::Request>> askPeople(Core& core, const LiveRun& run,
                                                          const engine::WaitOpened& opened,
                                                          const json::Value& rendered);

/// How a wait stands, as receipts say it.
statement::Receipt::Gate gateOf(const journal::WaitRow& row);

}  // namespace belay::runtime
