#include "agent/journal/ValueTable.h"

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::RunId;
using base::Status;

namespace {

KvRow readRow(const sqlite::Execution& rows) {
  return {rows.string(0), rows.string(1), rows.string(2), rows.integer(3), rows.integer(4)};
}

}  // namespace

ValueTable::ValueTable(Session& session)
    : session_(session),
      put_(session.database(), "put kv",
           "INSERT OR REPLACE INTO kv (space, key, value, expires_ms, updated_ms)"
           " VALUES (?,?,?,?,?)"),
      remove_(session.database(), "remove kv", "DELETE FROM kv WHERE space = ? AND key = ?"),
      dropExpired_(session.database(), "drop expired kv",
                   "DELETE FROM kv WHERE (space, key) IN (SELECT space, key FROM kv"
                   " WHERE expires_ms > 0 AND expires_ms <= ? ORDER BY expires_ms LIMIT ?)"),
      find_(session.database(), "read kv",
            "SELECT space, key, value, expires_ms, updated_ms FROM kv WHERE space = ? AND key = ?"
            " AND (expires_ms = 0 OR expires_ms > ?)"),
      list_(session.database(), "list kv",
            "SELECT space, key, value, expires_ms, updated_ms FROM kv WHERE space = ? AND key >= ?"
            " AND (expires_ms = 0 OR expires_ms > ?) ORDER BY key"),
      addStartKey_(session.database(), "remember start key",
                   "INSERT INTO start_keys (key, run, at_ms)"
                   " SELECT ?, number, ? FROM runs WHERE id = ?"),
      runByStartKey_(session.database(), "find start key",
                     "SELECT r.id FROM start_keys AS s JOIN runs AS r ON r.number = s.run"
                     " WHERE s.key = ?"),
      setMeta_(session.database(), "set meta",
               "INSERT OR REPLACE INTO meta (name, value) VALUES (?,?)"),
      meta_(session.database(), "read meta", "SELECT value FROM meta WHERE name = ?") {}

Status ValueTable::put(const KvRow& row) {
  return session_.write(put_, row.space, row.key, row.valueJson, row.expiresMs, row.updatedMs);
}

Status ValueTable::remove(std::string_view space, std::string_view key) {
  return session_.write(remove_, space, key);
}

Status ValueTable::dropExpired(std::int64_t nowMs, std::size_t most) {
  return session_.write(dropExpired_, nowMs, most);
}

Result<std::optional<KvRow>> ValueTable::find(std::string_view space, std::string_view key,
                                              std::int64_t nowMs) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(find_, space, key, nowMs);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<KvRow>{};
  return std::optional<KvRow>{readRow(rows)};
}

Result<std::vector<KvRow>> ValueTable::list(std::string_view space, std::string_view prefix,
                                            std::int64_t nowMs, std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(list_, space, prefix, nowMs);
  std::vector<KvRow> found;
  while (found.size() < most) {
    BELAY_ASSIGN(const bool more, rows.next());
    // Keys are in the order of their bytes: what begins with the prefix stands together.
    if (!more || rows.text(1).substr(0, prefix.size()) != prefix) break;
    found.push_back(readRow(rows));
  }
  return found;
}

Status ValueTable::addStartKey(std::string_view key, const RunId& run, std::int64_t atMs) {
  BELAY_TRY(session_.write(addStartKey_, key, atMs, run.str()));
  if (session_.database().changes() == 1) return {};
  return Error{ErrorCode::kRunNotFound, "there is no run " + run.str()};
}

Result<std::optional<RunId>> ValueTable::runByStartKey(std::string_view key) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(runByStartKey_, key);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<RunId>{};
  auto id = RunId::parse(rows.text(0));
  if (!id.ok()) return Error{ErrorCode::kJournalCorrupt, "the run of a start key is damaged"};
  return std::optional<RunId>{std::move(id).value()};
}

Status ValueTable::setMeta(std::string_view name, std::string_view value) {
  return session_.write(setMeta_, name, value);
}

Result<std::optional<std::string>> ValueTable::meta(std::string_view name) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(meta_, name);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<std::string>{};
  return std::optional<std::string>{rows.string(0)};
}

}  // namespace belay::journal
