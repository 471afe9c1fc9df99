#include "agent/runtime/HostTrust.h"

#include <utility>

#include "common/base/Text.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using journal::Journal;
using journal::StatementFate;
using journal::StatementKind;
using journal::StatementRow;
using statement::Believed;
using statement::Card;
using statement::Root;
using statement::Roster;
using statement::SignedStatement;

namespace {

/// The journal's note of the card's lines.
constexpr std::string_view kCardNote = "host_card";

Error damaged(const StatementRow& row) {
  return Error{ErrorCode::kJournalCorrupt,
               "row " + std::to_string(row.number) + " of the ledger of statements is no statement",
               {"belay journal verify"}};
}

Error noRoster() {
  return Error{ErrorCode::kTrustNone,
               "this host believes no roster yet, so no signature can be checked",
               {"belay trust install --root FILE --root-digest DIGEST --roster FILE"}};
}

/// The newest accepted one, read again from its bytes.
template <typename Document>
Result<std::optional<InForce<Document>>> newest(Journal& journal, StatementKind kind) {
  BELAY_ASSIGN(std::vector<StatementRow> rows, journal.statements(kind, "", 1));
  if (rows.empty()) return std::optional<InForce<Document>>{};
  auto signedOne = SignedStatement::parse(rows.front().text);
  if (!signedOne.ok()) return damaged(rows.front());
  auto document = Document::parse(signedOne->unverifiedPayload());
  if (!document.ok()) return damaged(rows.front());
  return std::optional<InForce<Document>>{
      InForce<Document>{std::move(*document), std::move(rows.front())}};
}

template <typename Document>
std::optional<statement::ChainEnd> endOf(const std::optional<InForce<Document>>& inForce) {
  if (!inForce) return std::nullopt;
  return chainEndOf(inForce->row);
}

/// What is to be written, when everything has been checked.
struct Plan {
  std::optional<StatementRow> root;
  std::optional<StatementRow> roster;
  std::optional<StatementRow> fork;
  std::string card;  ///< Its lines.
};

/// Puts a verified document into the plan: nothing to write when it is in force already. A fork
/// goes there too, and is the error.
template <typename Document>
Status place(const std::optional<InForce<Document>>& before, const Believed<Document>& believed,
             StatementRow row, std::optional<StatementRow>& into, Plan& plan,
             const std::string& what) {
  row.counter = believed.document().version;
  const auto known = statement::checkChain(endOf(before), row.counter, believed.digest(),
                                           believed.document().prev, what);
  if (!known && known.error().code == ErrorCode::kStatementFork) {
    row.fate = StatementFate::kFork;
    plan.fork = std::move(row);
  }
  if (!known) return known.error();
  if (!*known) into = std::move(row);
  return {};
}

class Taking {
 public:
  Taking(const HostTrust& before, const std::optional<std::string>& cardBefore,
         const TrustOffer& offer, const Author& author, std::int64_t nowMs)
      : before_(before), cardBefore_(cardBefore), offer_(offer), author_(author), nowMs_(nowMs) {}

  Status check(Plan& plan) {
    if (offer_.root) BELAY_TRY(checkRoot(plan));
    if (offer_.roster) BELAY_TRY(checkRoster(plan));
    return offer_.card ? checkCard(plan) : Status{};
  }

 private:
  Result<Believed<Root>> verifyRoot() const {
    const SignedStatement& offered = *offer_.root;
    if (before_.root) {
      if (offer_.rootDigest && offered.digest() != *offer_.rootDigest) {
        return Error{ErrorCode::kTrustDigest, "the root document has the digest " +
                                                  offered.digest().hex() + ", not " +
                                                  offer_.rootDigest->hex()};
      }
      if (offered.digest() == before_.root->digest()) {
        return statement::verifyFirstRoot(offered, before_.root->digest());
      }
      return statement::verifyNextRoot(offered, before_.root->document, before_.fleet);
    }
    if (offer_.rootDigest) return statement::verifyFirstRoot(offered, *offer_.rootDigest);
    return Error{ErrorCode::kInvalidArgument,
                 "the first root document of a host is believed by its digest, which is missing",
                 {"ask whoever keeps the root keys for the digest, by another way than the file"}};
  }

  Status checkRoot(Plan& plan) {
    BELAY_ASSIGN(const Believed<Root> believed, verifyRoot());
    root_ = believed.document();
    fleet_ = root_->fleetName(believed.digest());
    return place(before_.root, believed,
                 statementRow(StatementKind::kRoot, *offer_.root, believed.signers(),
                              root_->threshold, author_, nowMs_),
                 plan.root, plan, "the root document");
  }

  Status checkRoster(Plan& plan) {
    if (!root_ && before_.root) {
      root_ = before_.root->document;
      fleet_ = before_.fleet;
    }
    if (!root_) {
      return Error{ErrorCode::kTrustNone,
                   "a roster is checked against a root document, and this host has none",
                   {"belay trust install --root FILE --root-digest DIGEST --roster FILE"}};
    }
    const bool same = before_.roster && offer_.roster->digest() == before_.roster->digest();
    // One that is in force may have been signed by an older root document.
    if (same) return {};
    BELAY_ASSIGN(const Believed<Roster> believed,
                 statement::verifyRoster(*offer_.roster, *root_, fleet_));
    roster_ = believed.document();
    if (believed.document().version < offer_.leastRoster) {
      return Error{ErrorCode::kStatementOld,
                   "the roster has version " + std::to_string(believed.document().version) +
                       "; at least " + std::to_string(offer_.leastRoster) + " was asked for"};
    }
    return place(before_.roster, believed,
                 statementRow(StatementKind::kRoster, *offer_.roster, believed.signers(),
                              root_->threshold, author_, nowMs_),
                 plan.roster, plan, "the roster");
  }

  Status checkCard(Plan& plan) {
    if (!roster_ && before_.roster) roster_ = before_.roster->document;
    if (!roster_) return noRoster();
    BELAY_ASSIGN(const auto believed, statement::verifyCard(*offer_.card, *roster_));
    const Card& card = believed.document();
    BELAY_ASSIGN(const crypto::P256PublicKey own, offer_.ownKey());
    if (card.host() != own.thumbprint()) {
      return Error{ErrorCode::kHostUnknown, "the card is of host " + base::visible(card.label) +
                                                ", " + card.host() + "; this one is " +
                                                own.thumbprint()};
    }
    plan.card = offer_.card->lines();
    if (!cardBefore_) return {};
    BELAY_ASSIGN(const SignedStatement there, SignedStatement::parse(*cardBefore_));
    BELAY_ASSIGN(const Card had, Card::parse(there.unverifiedPayload()));
    const bool follows = had.host() != card.host() || had.counter < card.counter;
    if (follows || there.digest() == offer_.card->digest()) return {};
    return Error{ErrorCode::kStatementOld, "the card has counter " + std::to_string(card.counter) +
                                               "; this host has one with " +
                                               std::to_string(had.counter)};
  }

  const HostTrust& before_;
  const std::optional<std::string>& cardBefore_;
  const TrustOffer& offer_;
  const Author& author_;
  const std::int64_t nowMs_;
  std::optional<Root> root_;
  std::optional<Roster> roster_;
  crypto::Digest fleet_;
};

}  // namespace

template <typename Document>
crypto::Digest InForce<Document>::digest() const {
  return chainEndOf(row).digest;
}
template struct InForce<Root>;
template struct InForce<Roster>;
template struct InForce<statement::Pin>;

statement::ChainEnd chainEndOf(const StatementRow& row) {
  const auto digest = crypto::Digest::fromHex(row.digest);
  // Rows are covered by the chain; one that is damaged so is found when the journal is verified,
  // and equals nothing until then.
  return {row.counter, digest.value_or(crypto::Digest{})};
}

StatementRow statementRow(StatementKind kind, const SignedStatement& statement,
                          const std::vector<statement::Signer>& signers, std::int64_t quorum,
                          const Author& author, std::int64_t nowMs) {
  StatementRow row;
  row.kind = kind;
  row.digest = statement.digest().hex();
  row.text = statement.lines();
  row.quorum = quorum;
  for (const statement::Signer& signer : signers)
    row.signers += signer.kid + " " + signer.person + "\n";
  row.by = author.by;
  row.atMs = nowMs;
  return row;
}

std::vector<statement::Signer> signersOf(const StatementRow& row) {
  std::vector<statement::Signer> out;
  for (const std::string_view line : base::split(row.signers, '\n')) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) continue;
    out.push_back({std::string(line.substr(0, space)), std::string(line.substr(space + 1))});
  }
  return out;
}

Status recordFork(Journal& journal, StatementRow row) {
  row.fate = StatementFate::kFork;
  BELAY_ASSIGN(const bool known, journal.isKnownFork(row.kind, row.digest));
  if (known) return {};
  return journal.addStatement(row);
}

Result<HostTrust> hostTrust(Journal& journal) {
  HostTrust out;
  BELAY_ASSIGN(out.root, newest<Root>(journal, StatementKind::kRoot));
  BELAY_ASSIGN(out.roster, newest<Roster>(journal, StatementKind::kRoster));
  if (out.root) out.fleet = out.root->document.fleetName(out.root->digest());
  return out;
}

Result<Roster> rosterInForce(Journal& journal) {
  BELAY_ASSIGN(auto roster, newest<Roster>(journal, StatementKind::kRoster));
  if (roster) return std::move(roster->document);
  return noRoster();
}

Result<std::optional<Card>> installedCard(Journal& journal) {
  BELAY_ASSIGN(const std::optional<std::string> lines, journal.meta(kCardNote));
  if (!lines) return std::optional<Card>{};
  BELAY_ASSIGN(const SignedStatement statement, SignedStatement::parse(*lines));
  BELAY_ASSIGN(const Roster roster, rosterInForce(journal));
  BELAY_ASSIGN(const auto believed, statement::verifyCard(statement, roster));
  return std::optional<Card>{believed.document()};
}

Result<std::optional<Card>> hostCard(Journal& journal, const OwnKey& ownKey) {
  BELAY_ASSIGN(std::optional<Card> card, installedCard(journal));
  if (!card) return card;
  BELAY_ASSIGN(const crypto::P256PublicKey own, ownKey());
  if (card->host() != own.thumbprint()) card.reset();
  return card;
}

Result<std::vector<Roster>> believedRosters(Journal& journal) {
  constexpr std::size_t kMost = 256;
  BELAY_ASSIGN(const auto rows, journal.statements(StatementKind::kRoster, "", kMost));
  std::vector<Roster> out;
  for (const journal::StatementRow& row : rows) {
    BELAY_ASSIGN(const auto statement, statement::SignedStatement::parse(row.text));
    BELAY_ASSIGN(Roster roster, Roster::parse(statement.unverifiedPayload()));
    out.push_back(std::move(roster));
  }
  return out;
}

Result<TrustTaken> takeTrust(Journal& journal, const TrustOffer& offer, const Author& author,
                             std::int64_t nowMs) {
  BELAY_ASSIGN(const HostTrust before, hostTrust(journal));
  Plan plan;
  BELAY_ASSIGN(const std::optional<std::string> cardBefore, journal.meta(kCardNote));
  const Status checked = Taking(before, cardBefore, offer, author, nowMs).check(plan);
  if (plan.fork) BELAY_TRY(recordFork(journal, std::move(*plan.fork)));
  BELAY_TRY(checked);
  if (plan.root) BELAY_TRY(journal.addStatement(*plan.root));
  if (plan.roster) BELAY_TRY(journal.addStatement(*plan.roster));
  const bool newCard = !plan.card.empty() && plan.card != cardBefore;
  if (newCard) BELAY_TRY(journal.setMeta(kCardNote, plan.card));
  TrustTaken out{plan.root.has_value(), plan.roster.has_value(), newCard, {}};
  BELAY_ASSIGN(out.now, hostTrust(journal));
  return out;
}

}  // namespace belay::runtime
