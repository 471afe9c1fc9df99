#include "agent/journal/LedgerTable.h"

#include <limits>
#include <utility>

#define BELAY_LEDGER_QUERY                                                         \
  "SELECT number, slug, what, release, digest, note, origin, by_whom, at_ms, hash" \
  " FROM flow_changes "

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

Error ledgerBroken(std::int64_t number, std::string_view why) {
  return Error{ErrorCode::kJournalChainBroken,
               "row " + std::to_string(number) + " of the ledger of flows: " + std::string(why),
               {"belay journal verify"}};
}

Result<LedgerTable::Kept> readKept(const sqlite::Execution& rows) {
  LedgerTable::Kept kept;
  FlowChangeRow& row = kept.row;
  row.number = rows.integer(0);
  const std::int64_t what = rows.integer(2);
  if (what < 0 || what >= static_cast<int>(FlowChange::kCount)) {
    return ledgerBroken(row.number, "its kind is damaged");
  }
  if (!copyHash(rows.blob(9), kept.hash)) return ledgerBroken(row.number, "its hash is damaged");
  row.slug = rows.string(1);
  row.what = static_cast<FlowChange>(what);
  row.release = rows.integer(3);
  row.digest = rows.string(4);
  row.note = rows.string(5);
  row.origin = rows.string(6);
  row.by = rows.string(7);
  row.atMs = rows.integer(8);
  return kept;
}

Hash hashAfter(const LedgerTable::End& end, const FlowChangeRow& row) {
  return ledgerChainNext(end.hash,
                         {row.number, row.atMs, static_cast<std::int64_t>(row.what), row.release},
                         {row.slug, row.digest, row.note, row.origin, row.by});
}

}  // namespace

LedgerTable::LedgerTable(Session& session)
    : session_(session),
      insert_(session.database(), "record a change of a flow",
              "INSERT INTO flow_changes (number, slug, what, release, digest, note, origin,"
              " by_whom, at_ms, hash) VALUES (?,?,?,?,?,?,?,?,?,?)"),
      end_(session.database(), "read the ledger of flows",
           "SELECT number, hash FROM flow_changes ORDER BY number DESC LIMIT 1"),
      list_(session.database(), "read the ledger of flows",
            BELAY_LEDGER_QUERY
            "WHERE slug = ? AND what = ? AND number < ?"
            " ORDER BY number DESC LIMIT ?"),
      release_(session.database(), "find a release",
               BELAY_LEDGER_QUERY "WHERE what = 1 AND slug = ? AND release = ?"),
      releaseOf_(session.database(), "find a release",
                 BELAY_LEDGER_QUERY
                 "WHERE what = 1 AND slug = ? AND digest = ?"
                 " ORDER BY release DESC LIMIT 1"),
      after_(session.database(), "read the ledger of flows",
             BELAY_LEDGER_QUERY "WHERE number > ? ORDER BY number LIMIT 1"),
      backwards_(session.database(), "read the ledger of flows",
                 BELAY_LEDGER_QUERY "ORDER BY number DESC LIMIT ?") {}

LedgerTable::End LedgerTable::start() { return {0, ledgerChainStart()}; }

bool LedgerTable::follows(const Kept& kept, const End& end) {
  return kept.row.number == end.number + 1 && kept.hash == hashAfter(end, kept.row);
}

Status LedgerTable::add(FlowChangeRow& row) {
  BELAY_TRY(session_.beginWrite());
  if (row.what == FlowChange::kReleased) {
    BELAY_ASSIGN(const auto there, release(row.slug, row.release));
    if (there) {
      return Error{ErrorCode::kConflict, "flow " + row.slug + " has a release " +
                                             std::to_string(row.release) + " already"};
    }
  }
  End end = start();
  {
    sqlite::Execution rows(end_);
    BELAY_ASSIGN(const bool found, rows.next());
    if (found) {
      end.number = rows.integer(0);
      if (!copyHash(rows.blob(1), end.hash)) return ledgerBroken(end.number, "its hash is damaged");
    }
  }
  row.number = end.number + 1;
  return session_.write(insert_, row.number, row.slug, static_cast<std::int64_t>(row.what),
                        row.release, row.digest, row.note, row.origin, row.by, row.atMs,
                        hashAfter(end, row));
}

Result<std::vector<FlowChangeRow>> LedgerTable::readAll(sqlite::Execution& rows) {
  std::vector<FlowChangeRow> found;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return found;
    BELAY_ASSIGN(Kept kept, readKept(rows));
    found.push_back(std::move(kept.row));
  }
}

Result<std::optional<FlowChangeRow>> LedgerTable::readOne(sqlite::Execution& rows) {
  BELAY_ASSIGN(std::vector<FlowChangeRow> found, readAll(rows));
  if (found.empty()) return std::optional<FlowChangeRow>{};
  return std::optional<FlowChangeRow>{std::move(found.front())};
}

Result<std::vector<FlowChangeRow>> LedgerTable::list(std::string_view slug, FlowChange what,
                                                     std::int64_t before, std::size_t most) {
  BELAY_TRY(session_.usable());
  const std::int64_t below = before == 0 ? std::numeric_limits<std::int64_t>::max() : before;
  sqlite::Execution rows(list_, slug, static_cast<std::int64_t>(what), below, most);
  return readAll(rows);
}

Result<std::optional<FlowChangeRow>> LedgerTable::last(std::string_view slug, FlowChange what) {
  BELAY_ASSIGN(std::vector<FlowChangeRow> found, list(slug, what, 0, 1));
  if (found.empty()) return std::optional<FlowChangeRow>{};
  return std::optional<FlowChangeRow>{std::move(found.front())};
}

Result<std::optional<FlowChangeRow>> LedgerTable::release(std::string_view slug,
                                                          std::int64_t release) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(release_, slug, release);
  return readOne(rows);
}

Result<std::optional<FlowChangeRow>> LedgerTable::releaseOf(std::string_view slug,
                                                            std::string_view digest) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(releaseOf_, slug, digest);
  return readOne(rows);
}

Result<std::optional<LedgerTable::Kept>> LedgerTable::after(std::int64_t number) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(after_, number);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<Kept>{};
  BELAY_ASSIGN(Kept kept, readKept(rows));
  return std::optional<Kept>{std::move(kept)};
}

Status LedgerTable::checkLast(std::size_t most) {
  sqlite::Execution rows(backwards_, most);
  std::optional<Kept> newer;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) break;
    BELAY_ASSIGN(Kept kept, readKept(rows));
    if (newer && !follows(*newer, {kept.row.number, kept.hash})) {
      return ledgerBroken(newer->row.number, "it does not follow the row before it");
    }
    newer = std::move(kept);
  }
  if (!newer || newer->row.number > 1 || follows(*newer, start())) return {};
  return ledgerBroken(newer->row.number, "it does not follow the start");
}

}  // namespace belay::journal
