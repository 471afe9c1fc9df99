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

bool readStatement(const sqlite::Execution& rows, StatementRow& row) {
  const std::int64_t kind = rows.integer(1), fate = rows.integer(2);
  if (kind < 0 || kind >= static_cast<int>(StatementKind::kCount)) return false;
  if (fate < 0 || fate >= static_cast<int>(StatementFate::kCount)) return false;
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
  return true;
}

Hash hashAfter(const ChainEnd& end, const StatementRow& row) {
  return statementChainNext(end.hash,
                            {row.number, row.atMs, static_cast<std::int64_t>(row.kind),
                             static_cast<std::int64_t>(row.fate), row.counter, row.quorum},
                            {row.subject, row.digest, row.text, row.signers, row.by});
}

constexpr ChainFormat<StatementRow> kFormat{
    .name = "the ledger of statements",
    .reading = "read the ledger of statements",
    .endSql = "SELECT number, hash FROM statements ORDER BY number DESC LIMIT 1",
    .fromSql = BELAY_STATEMENT_QUERY "WHERE number >= ? ORDER BY number LIMIT 1",
    .hashColumn = 11,
    .about = &StatementRow::subject,
    .start = statementChainStart,
    .next = hashAfter,
    .read = readStatement};

}  // namespace

StatementTable::StatementTable(Session& session)
    : session_(session),
      chain_(session, kFormat),
      insert_(session.database(), "record a statement",
              "INSERT INTO statements (number, kind, fate, subject, counter, digest, text, quorum,"
              " signers, by_whom, at_ms, hash) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"),
      list_(session.database(), "read the ledger of statements",
            BELAY_STATEMENT_QUERY
            "WHERE fate = 0 AND kind = ? AND subject = ? ORDER BY counter DESC LIMIT ?"),
      forks_(session.database(), "read the ledger of statements",
             BELAY_STATEMENT_QUERY "WHERE fate = 1 ORDER BY number DESC LIMIT ?"),
      knownFork_(session.database(), "read the ledger of statements",
                 "SELECT 1 FROM statements WHERE fate = 1 AND kind = ? AND digest = ?") {}

Status StatementTable::add(StatementRow& row) {
  BELAY_TRY(session_.beginWrite());
  BELAY_ASSIGN(const Hash hash, chain_.append(row));
  return session_.write(insert_, row.number, static_cast<std::int64_t>(row.kind),
                        static_cast<std::int64_t>(row.fate), row.subject, row.counter, row.digest,
                        row.text, row.quorum, row.signers, row.by, row.atMs, hash);
}

Result<std::vector<StatementRow>> StatementTable::list(StatementKind kind, std::string_view subject,
                                                       std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(list_, static_cast<std::int64_t>(kind), subject, most);
  return chain_.readAll(rows);
}

Result<std::vector<StatementRow>> StatementTable::forks(std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(forks_, most);
  return chain_.readAll(rows);
}

Result<bool> StatementTable::isKnownFork(StatementKind kind, std::string_view digest) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(knownFork_, static_cast<std::int64_t>(kind), digest);
  return rows.next();
}

}  // namespace belay::journal
