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

bool readChange(const sqlite::Execution& rows, FlowChangeRow& row) {
  const std::int64_t what = rows.integer(2);
  if (what < 0 || what >= static_cast<int>(FlowChange::kCount)) return false;
  row.slug = rows.string(1);
  row.what = static_cast<FlowChange>(what);
  row.release = rows.integer(3);
  row.digest = rows.string(4);
  row.note = rows.string(5);
  row.origin = rows.string(6);
  row.by = rows.string(7);
  row.atMs = rows.integer(8);
  return true;
}

Hash hashAfter(const ChainEnd& end, const FlowChangeRow& row) {
  return ledgerChainNext(end.hash,
                         {row.number, row.atMs, static_cast<std::int64_t>(row.what), row.release},
                         {row.slug, row.digest, row.note, row.origin, row.by});
}

constexpr ChainFormat<FlowChangeRow> kFormat{
    .name = "the ledger of flows",
    .reading = "read the ledger of flows",
    .endSql = "SELECT number, hash FROM flow_changes ORDER BY number DESC LIMIT 1",
    .fromSql = BELAY_LEDGER_QUERY "WHERE number >= ? ORDER BY number LIMIT 1",
    .hashColumn = 9,
    .about = &FlowChangeRow::slug,
    .start = ledgerChainStart,
    .next = hashAfter,
    .read = readChange};

}  // namespace

LedgerTable::LedgerTable(Session& session)
    : session_(session),
      chain_(session, kFormat),
      insert_(session.database(), "record a change of a flow",
              "INSERT INTO flow_changes (number, slug, what, release, digest, note, origin,"
              " by_whom, at_ms, hash) VALUES (?,?,?,?,?,?,?,?,?,?)"),
      list_(session.database(), "read the ledger of flows",
            BELAY_LEDGER_QUERY
            "WHERE slug = ? AND what = ? AND number < ?"
            " ORDER BY number DESC LIMIT ?"),
      release_(session.database(), "find a release",
               BELAY_LEDGER_QUERY "WHERE what = 1 AND slug = ? AND release = ?"),
      releaseOf_(session.database(), "find a release",
                 BELAY_LEDGER_QUERY
                 "WHERE what = 1 AND slug = ? AND digest = ?"
                 " ORDER BY release DESC LIMIT 1") {}

Status LedgerTable::add(FlowChangeRow& row) {
  BELAY_TRY(session_.beginWrite());
  if (row.what == FlowChange::kReleased) {
    BELAY_ASSIGN(const auto there, release(row.slug, row.release));
    if (there) {
      return Error{ErrorCode::kConflict, "flow " + row.slug + " has a release " +
                                             std::to_string(row.release) + " already"};
    }
  }
  BELAY_ASSIGN(const Hash hash, chain_.append(row));
  return session_.write(insert_, row.number, row.slug, static_cast<std::int64_t>(row.what),
                        row.release, row.digest, row.note, row.origin, row.by, row.atMs, hash);
}

Result<std::optional<FlowChangeRow>> LedgerTable::readOne(sqlite::Execution& rows) {
  BELAY_ASSIGN(std::vector<FlowChangeRow> found, chain_.readAll(rows));
  if (found.empty()) return std::optional<FlowChangeRow>{};
  return std::optional<FlowChangeRow>{std::move(found.front())};
}

Result<std::vector<FlowChangeRow>> LedgerTable::list(std::string_view slug, FlowChange what,
                                                     std::int64_t before, std::size_t most) {
  BELAY_TRY(session_.usable());
  const std::int64_t below = before == 0 ? std::numeric_limits<std::int64_t>::max() : before;
  sqlite::Execution rows(list_, slug, static_cast<std::int64_t>(what), below, most);
  return chain_.readAll(rows);
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

}  // namespace belay::journal
