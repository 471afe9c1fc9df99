#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/journal/StartTable.h"
#include "agent/runtime/Core.h"
#include "agent/runtime/Starts.h"
#include "common/statement/Offer.h"
#include "common/statement/StartReceipt.h"
#include "common/statement/Verify.h"

namespace belay::runtime {

/// Starts that starters of the roster have signed: over the relay, or as a file.
///
/// A start is judged where it is consumed, in the transaction that begins its run. What a believed
/// one came to is final, and told the same again however often it comes: after a restart, under
/// another number of a message, with another clock. A key of a person begins one run, also where
/// another statement brings it again.
///
/// Threads: the loop.
/// Errors:  refusals; or those that end the transaction.
class RemoteStarts {
 public:
  RemoteStarts(Core& core, Starter& starter) : core_(core), starter_(starter) {}

  /// The run. `by`: who brought it.
  /// Errors: kStartHost, kStartEpoch, kStatement…, kHostQuarantined, kLimit, after which nothing
  /// was written; kStartExpired, kPolicyRefused, kStartConflict, kStartRelease, kStartSkipped,
  /// kNotFound, kFlow…, kPin… and those of the start, which are kept.
  base::Result<Started> take(const statement::SignedStatement& statement,
                             const statement::Believed<statement::Start>& believed,
                             const std::string& by);
  /// What its sender is told; nothing where anybody could have made it, and about the sender's own
  /// statement it would be no word at all.
  base::Result<std::optional<statement::StartReceipt>> receipt(
      const statement::SignedStatement& statement, const base::Status& taken);

  /// What this host offers, as the policy lets it be told; none without a roster.
  base::Result<std::optional<statement::Offer>> offer();

 private:
  struct Asked;
  base::Status check(const Asked& asked);
  base::Result<Started> begin(const Asked& asked, journal::StartRow& row);
  base::Result<Started> repeat(const journal::StartRow& row) const;
  base::Status keep(journal::StartRow row);
  base::Status sweep();
  base::Result<std::int64_t> latestEnd();
  base::Status offerFlow(const std::string& slug, statement::Offer& offer);

  Core& core_;
  Starter& starter_;
};

}  // namespace belay::runtime
