#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/runtime/HostTrust.h"
#include "agent/trust/Policy.h"

namespace belay::runtime {

// Signed pins: which release of a flow is live. Everything here reads what the journal's open
// transaction wrote, and writes into it. Threads: the journal's owner. Errors: of the journal
// besides those named.

/// A pin that was accepted.
struct AcceptedPin {
  InForce<statement::Pin> pin;
  std::vector<statement::Signer> signers;
  /// Why it does not count any more, by the roster in force; empty: it counts.
  std::string voidBecause;
};

/// The pins of one flow on one channel.
struct PinChain {
  /// The newest one whose release is here: that one is live.
  std::optional<AcceptedPin> inForce;
  /// The newest one, when its release is not here yet.
  std::optional<AcceptedPin> waiting;
};
base::Result<PinChain> pinChain(journal::Journal& journal, std::string_view flow,
                                std::string_view channel);

struct PinTaken {
  AcceptedPin pin;
  bool existing = false;         ///< It had been accepted before.
  std::optional<Promoted> live;  ///< Nothing: it waits for its release.
};
/// Verifies a pin against the roster, puts it in force, and makes its release live when it is here.
/// A pin is for this host when its selector names all hosts, this host's own key, or a group that
/// this host's card names.
/// Errors: kTrustNone, kStatement…, kPinFloor, kPinSelector, kPinChannel, kPinSize, kFlowArchived;
/// with kStatementFork the fork has been recorded.
base::Result<PinTaken> takePin(journal::Journal& journal, const trust::Policy& policy,
                               const OwnKey& ownKey, const statement::SignedStatement& statement,
                               const Author& author, std::int64_t nowMs);

/// The channel of the pin that this host accepted last; "stable" when there was none.
base::Result<std::string> channelFollowed(journal::Journal& journal, std::string_view flow);

/// When a release of the flow has come: makes it live if a pin waits for it.
base::Result<std::optional<Promoted>> settlePin(journal::Journal& journal,
                                                const trust::Policy& policy, std::string_view flow,
                                                std::int64_t nowMs);

/// Before a release is made live by hand. Errors: kPinRequired, citing the rule.
base::Status refuseWithoutPin(const trust::Policy& policy, std::string_view flow);
/// Before a run starts: where the policy demands a pin, only what it names may run.
/// Errors: kPinRequired, citing the rule; kPinVoid.
base::Status refuseUnpinned(journal::Journal& journal, const trust::Policy& policy,
                            std::string_view flow, std::string_view digest);
/// Counter of the pin in force, which names this content and counts. Whatever the policy demands:
/// what starters ask for is pinned. Errors: kPinRequired, kPinVoid.
base::Result<std::int64_t> pinOf(journal::Journal& journal, const trust::Policy& policy,
                                 std::string_view flow, std::string_view digest);

}  // namespace belay::runtime
