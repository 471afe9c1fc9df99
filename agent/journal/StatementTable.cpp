#include "agent/journal/StatementTable.h"

#include <utility>

#define BELAY_STATEMENT_QUERY                                                                   \
  "SELECT number, kind, fate, subject, counter, digest, text, quorum, signers, by_whom, at_ms," \
  " hash FROM statements "

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

Error broken(std::int64_t number, std::string_view why) {
  return Error{
      ErrorCode::kJournalChainBroken,
      "row " + std::to_string(number) + " of the ledger of statements: " + std::string(why),
      {"belay journal verify"}};
}

Result<StatementTable::Kept> readKept(const sqlite::Execution& rows) {
  StatementTable::Kept kept;
  StatementRow& row = kept.row;
  row.number = rows.integer(0);
  const std::int64_t kind = rows.integer(1), fate = rows.integer(2);
  if (kind < 0 || kind >= static_cast<int>(StatementKind::kCount) || fate < 0 ||
      fate >= static_cast<int>(StatementFate::kCount)) {
    return broken(row.number, "its kind is damaged");
  }
  if (!copyHash(rows.blob(11), kept.hash)) return broken(row.number, "its hash is damaged");
  row.kind = static_cast<StatementKind>(kind);
  row.fate = static_cast<StatementFate>(fate);
  row.subject = rows.string(3);
  row.counter = rows.integer(4);
  row.digest = rows.string(5);
  row.text = rows.string(6);
  row.quorum = rows.integer(7);
  row.signers = rows.string(8);
  row.by = rows.string(9);
  row.atMs = rows.integer(10);
  return kept;
}

Hash hashAfter(const StatementTable::End& end, const StatementRow& row) {
  return statementChainNext(end.hash,
                            {row.number, row.atMs, static_cast<std::int64_t>(row.kind),
                             static_cast<std::int64_t>(row.fate), row.counter, row.quorum},
                            {row.subject, row.digest, row.text, row.signers, row.by});
}

}  // namespace

StatementTable::StatementTable(Session& session)
    : session_(session),
      insert_(session.database(), "record a statement",
              "INSERT INTO statements (number, kind, fate, subject, counter, digest, text, quorum,"
              " signers, by_whom, at_ms, hash) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"),
      end_(session.database(), "read the ledger of statements",
           "SELECT number, hash FROM statements ORDER BY number DESC LIMIT 1"),
      list_(session.database(), "read the ledger of statements",
            BELAY_STATEMENT_QUERY
            "WHERE fate = 0 AND kind = ? AND subject = ? ORDER BY counter DESC LIMIT ?"),
      forks_(session.database(), "read the ledger of statements",
             BELAY_STATEMENT_QUERY "WHERE fate = 1 ORDER BY number DESC LIMIT ?"),
      knownFork_(session.database(), "read the ledger of statements",
                 "SELECT 1 FROM statements WHERE fate = 1 AND kind = ? AND digest = ?"),
      after_(session.database(), "read the ledger of statements",
             BELAY_STATEMENT_QUERY "WHERE number > ? ORDER BY number LIMIT 1"),
      backwards_(session.database(), "read the ledger of statements",
                 BELAY_STATEMENT_QUERY "ORDER BY number DESC LIMIT ?") {}

StatementTable::End StatementTable::start() { return {0, statementChainStart()}; }

bool StatementTable::follows(const Kept& kept, const End& end) {
  return kept.row.number == end.number + 1 && kept.hash == hashAfter(end, kept.row);
}

Status StatementTable::add(StatementRow& row) {
  BELAY_TRY(session_.beginWrite());
  End end = start();
  {
    sqlite::Execution rows(end_);
    BELAY_ASSIGN(const bool found, rows.next());
    if (found) {
      end.number = rows.integer(0);
      if (!copyHash(rows.blob(1), end.hash)) return broken(end.number, "its hash is damaged");
    }
  }
  row.number = end.number + 1;
  return session_.write(insert_, row.number, static_cast<std::int64_t>(row.kind),
                        static_cast<std::int64_t>(row.fate), row.subject, row.counter, row.digest,
                        row.text, row.quorum, row.signers, row.by, row.atMs, hashAfter(end, row));
}

Result<std::vector<StatementRow>> StatementTable::readAll(sqlite::Execution& rows) {
  std::vector<StatementRow> found;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return found;
    BELAY_ASSIGN(Kept kept, readKept(rows));
    found.push_back(std::move(kept.row));
  }
}

Result<std::vector<StatementRow>> StatementTable::list(StatementKind kind, std::string_view subject,
                                                       std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(list_, static_cast<std::int64_t>(kind), subject, most);
  return readAll(rows);
}

Result<std::vector<StatementRow>> StatementTable::forks(std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(forks_, most);
  return readAll(rows);
}

Result<bool> StatementTable::isKnownFork(StatementKind kind, std::string_view digest) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(knownFork_, static_cast<std::int64_t>(kind), digest);
  return rows.next();
}

Result<std::optional<StatementTable::Kept>> StatementTable::after(std::int64_t number) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(after_, number);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<Kept>{};
  BELAY_ASSIGN(Kept kept, readKept(rows));
  return std::optional<Kept>{std::move(kept)};
}

Status StatementTable::checkLast(std::size_t most) {
  sqlite::Execution rows(backwards_, most);
  std::optional<Kept> newer;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) break;
    BELAY_ASSIGN(Kept kept, readKept(rows));
    if (newer && !follows(*newer, {kept.row.number, kept.hash})) {
      return broken(newer->row.number, "it does not follow the row before it");
    }
    newer = std::move(kept);
  }
  if (!newer || newer->row.number > 1 || follows(*newer, start())) return {};
  return broken(newer->row.number, "it does not follow the start");
}

}  // namespace belay::journal
