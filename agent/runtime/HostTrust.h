#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/journal/Journal.h"
#include "agent/runtime/FlowLifecycle.h"
#include "common/base/Result.h"
#include "common/statement/Verify.h"

namespace belay::runtime {

// Whom this host believes. Everything here reads what the journal's open transaction wrote, and
// writes into it. Threads: the journal's owner. Errors: of the journal besides those named.

/// A document that is in force, and the row of the journal that keeps it.
template <typename Document>
struct InForce {
  Document document;
  journal::StatementRow row;

  crypto::Digest digest() const;
};

/// The root document and the roster in force.
struct HostTrust {
  std::optional<InForce<statement::Root>> root;
  std::optional<InForce<statement::Roster>> roster;
  crypto::Digest fleet;  ///< Zero while there is no root document.
};
base::Result<HostTrust> hostTrust(journal::Journal& journal);
/// The roster. Errors: kTrustNone.
base::Result<statement::Roster> rosterInForce(journal::Journal& journal);
/// All rosters that this host has believed, newest first; of very many the newest.
base::Result<std::vector<statement::Roster>> believedRosters(journal::Journal& journal);

/// The public part of this host's own key.
using OwnKey = std::function<base::Result<crypto::P256PublicKey>()>;

/// The card that was installed, as a registrar of the roster in force has signed it. It is verified
/// each time: whoever takes a registrar's key out of the roster takes the cards that it has signed.
/// Errors: kTrustNone, kStatement….
base::Result<std::optional<statement::Card>> installedCard(journal::Journal& journal);
/// The same; nothing, too, where the host has another key since.
base::Result<std::optional<statement::Card>> hostCard(journal::Journal& journal,
                                                      const OwnKey& ownKey);

/// What somebody wants the host to believe.
struct TrustOffer {
  std::optional<statement::SignedStatement> root;
  /// Which root document is meant. The first one is believed by nothing else.
  std::optional<crypto::Digest> rootDigest;
  std::optional<statement::SignedStatement> roster;
  std::int64_t leastRoster = 0;  ///< A lower version is refused: it may be an old one.
  std::optional<statement::SignedStatement> card;  ///< Of this host.
  OwnKey ownKey;                                   ///< Goes with `card`.
};
struct TrustTaken {
  bool newRoot = false;
  bool newRoster = false;
  bool newCard = false;
  HostTrust now;
};
/// Verifies what is offered, and puts it in force: all of it or nothing. What is in force
/// already changes nothing.
/// Errors: kTrustDigest, kTrustNone, kHostUnknown for the card of another host, kStatement…; with
/// kStatementFork the fork has been recorded.
base::Result<TrustTaken> takeTrust(journal::Journal& journal, const TrustOffer& offer,
                                   const Author& author, std::int64_t nowMs);

/// The chain's end that a row is. The journal's own word (checked).
statement::ChainEnd chainEndOf(const journal::StatementRow& row);
/// A row for a statement that was verified. `quorum` persons had to sign.
journal::StatementRow statementRow(journal::StatementKind kind,
                                   const statement::SignedStatement& statement,
                                   const std::vector<statement::Signer>& signers,
                                   std::int64_t quorum, const Author& author, std::int64_t nowMs);
/// Keeps a refused statement as evidence, once.
base::Status recordFork(journal::Journal& journal, journal::StatementRow row);
/// Who signed a row.
std::vector<statement::Signer> signersOf(const journal::StatementRow& row);

}  // namespace belay::runtime
