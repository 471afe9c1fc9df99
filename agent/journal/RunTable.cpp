#include "agent/journal/RunTable.h"

#include <algorithm>

#include "agent/journal/Chain.h"

#define BELAY_RUN_COLUMNS                                                                \
  "id, slug, flow_digest, source, status, step, error_code, error_message, started_by, " \
  "created_ms, updated_ms, finished_ms, number, "                                        \
  "(SELECT above.id FROM run_children JOIN runs AS above ON above.number = parent"       \
  " WHERE run = runs.number), "                                                          \
  "(SELECT kind FROM run_triggers WHERE run = runs.number)"

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::RunId;
using base::Status;
using engine::RunStatus;
using engine::TriggerKind;

namespace {

constexpr std::int64_t kNewest = INT64_MAX;

/// A row as it lies in the file, with the number by which it is sorted.
struct NumberedRow {
  std::int64_t number = 0;
  RunRow row;
};

Result<NumberedRow> readRow(const sqlite::Execution& at) {
  NumberedRow read;
  read.number = at.integer(12);
  const auto id = RunId::parse(at.text(0));
  const std::int64_t status = at.integer(4), trigger = at.integer(14);
  if (!id.ok() || status < 0 || status >= static_cast<std::int64_t>(RunStatus::kCount) ||
      trigger < 0 || trigger >= static_cast<std::int64_t>(TriggerKind::kCount)) {
    return Error{ErrorCode::kJournalCorrupt,
                 "row " + std::to_string(read.number) + " of the runs is damaged"};
  }
  RunRow& row = read.row;
  row.id = id.value();
  row.slug = at.string(1);
  row.flowDigest = at.string(2);
  row.source = at.string(3);
  row.status = static_cast<RunStatus>(status);
  row.step = at.string(5);
  row.errorCode = at.string(6);
  row.errorMessage = at.string(7);
  row.startedBy = at.string(8);
  row.createdMs = at.integer(9);
  row.updatedMs = at.integer(10);
  row.finishedMs = at.integer(11);
  if (auto parent = RunId::parse(at.text(13))) row.parent = *parent;
  row.trigger = static_cast<TriggerKind>(trigger);
  return read;
}

template <typename Value>
bool isAmong(const Value& value, const std::vector<Value>& wanted) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

bool fits(const RunRow& row, const RunFilter& filter) {
  if (!filter.slug.empty() && row.slug != filter.slug) return false;
  if (!isAmong(row.status, filter.statuses) || !isAmong(row.trigger, filter.triggers)) return false;
  return filter.createdBeforeMs == 0 || row.createdMs < filter.createdBeforeMs;
}

/// Adds the first `filter.most` rows that fit.
Status takeNewest(sqlite::Execution& rows, const RunFilter& filter,
                  std::vector<NumberedRow>& into) {
  for (std::size_t taken = 0; taken < filter.most;) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    BELAY_ASSIGN(NumberedRow read, readRow(rows));
    if (!fits(read.row, filter)) continue;
    into.push_back(std::move(read));
    ++taken;
  }
  return {};
}

/// What several indexes gave, as one list.
std::vector<RunRow> merge(std::vector<NumberedRow> rows, std::size_t most) {
  std::sort(rows.begin(), rows.end(),
            [](const NumberedRow& a, const NumberedRow& b) { return a.number > b.number; });
  std::vector<RunRow> found;
  for (NumberedRow& read : rows) {
    if (found.size() == most) break;
    if (found.empty() || found.back().id != read.row.id) found.push_back(std::move(read.row));
  }
  return found;
}

}  // namespace

// Unfinished: not final, and not only waiting. The partial index serves each of these statuses.
RunTable::RunTable(Session& session)
    : session_(session),
      insert_(session.database(), "add run",
              "INSERT INTO runs (id, slug, flow_digest, source, status, step, error_code,"
              " error_message, started_by, created_ms, updated_ms, finished_ms)"
              " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"),
      insertChild_(session.database(), "add child run",
                   "INSERT INTO run_children (run, parent) SELECT ?, number FROM runs"
                   " WHERE id = ?"),
      insertTrigger_(session.database(), "add trigger of a run",
                     "INSERT INTO run_triggers (run, kind) VALUES (?,?)"),
      update_(session.database(), "update run",
              "UPDATE runs SET status = ?, step = ?, error_code = ?, error_message = ?,"
              " updated_ms = ?, finished_ms = ? WHERE number = ?"),
      find_(session.database(), "find run", "SELECT " BELAY_RUN_COLUMNS " FROM runs WHERE id = ?"),
      number_(session.database(), "find run", "SELECT number FROM runs WHERE id = ?"),
      prefix_(session.database(), "find runs",
              "SELECT id FROM runs WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"),
      all_(session.database(), "list runs",
           "SELECT " BELAY_RUN_COLUMNS " FROM runs WHERE number < ? ORDER BY number DESC"),
      bySlug_(session.database(), "list runs of a flow",
              "SELECT " BELAY_RUN_COLUMNS
              " FROM runs WHERE slug = ? AND number < ? ORDER BY number DESC"),
      byStatus_(session.database(), "list runs by status",
                "SELECT " BELAY_RUN_COLUMNS
                " FROM runs WHERE status = ? AND status <> 5 AND number < ? ORDER BY number DESC"),
      succeeded_(session.database(), "list runs by status",
                 "SELECT " BELAY_RUN_COLUMNS
                 " FROM runs WHERE +status = ? AND number < ? ORDER BY number DESC"),
      byParent_(session.database(), "list child runs",
                "SELECT " BELAY_RUN_COLUMNS
                " FROM runs WHERE number IN (SELECT run FROM run_children WHERE parent = ?"
                " AND run < ?) ORDER BY number DESC"),
      byTrigger_(session.database(), "list runs by trigger",
                 "SELECT " BELAY_RUN_COLUMNS
                 " FROM run_triggers AS t CROSS JOIN runs ON number = t.run"
                 " WHERE t.kind = ? AND t.run < ? ORDER BY t.run DESC"),
      manual_(session.database(), "list runs by trigger",
              "SELECT " BELAY_RUN_COLUMNS
              " FROM runs WHERE number < ? AND NOT EXISTS"
              " (SELECT 1 FROM run_triggers WHERE run = runs.number) ORDER BY number DESC"),
      unfinished_(session.database(), "list unfinished runs",
                  "SELECT " BELAY_RUN_COLUMNS
                  " FROM runs WHERE status IN (0, 2, 3, 4) AND status <> 5 ORDER BY number"),
      countUnfinished_(session.database(), "count unfinished runs",
                       "SELECT count(*) FROM runs WHERE status IN (0, 1, 2, 3, 4, 9)"
                       " AND status <> 5") {}

Status RunTable::add(const RunRow& row, RunHead& head) {
  BELAY_TRY(session_.write(insert_, row.id.str(), row.slug, row.flowDigest, row.source,
                           static_cast<int>(row.status), row.step, row.errorCode, row.errorMessage,
                           row.startedBy, row.createdMs, row.updatedMs, row.finishedMs));
  head = RunHead{session_.database().lastInsertId(), 0, runChainStart(row.id.str())};
  if (!row.parent.empty()) BELAY_TRY(session_.write(insertChild_, head.number, row.parent.str()));
  if (row.trigger == TriggerKind::kManual) return {};
  return session_.write(insertTrigger_, head.number, static_cast<int>(row.trigger));
}

Status RunTable::update(const RunHead& head, const RunRow& row) {
  BELAY_TRY(session_.write(update_, static_cast<int>(row.status), row.step, row.errorCode,
                           row.errorMessage, row.updatedMs, row.finishedMs, head.number));
  if (session_.database().changes() == 1) return {};
  return Error{ErrorCode::kRunNotFound, "there is no run " + row.id.str()};
}

Result<std::optional<RunRow>> RunTable::find(const RunId& id) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(find_, id.str());
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<RunRow>{};
  BELAY_ASSIGN(NumberedRow read, readRow(rows));
  return std::optional<RunRow>{std::move(read.row)};
}

Result<std::int64_t> RunTable::numberOf(std::string_view id) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(number_, id);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? rows.integer(0) : 0;
}

Result<std::vector<RunId>> RunTable::byPrefix(std::string_view prefix, std::size_t most) {
  BELAY_TRY(session_.usable());
  const std::string end = std::string(prefix) + '{';  // follows 'z', the last character of an id
  sqlite::Execution rows(prefix_, prefix, end, most);
  std::vector<RunId> ids;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return ids;
    auto id = RunId::parse(rows.text(0));
    if (!id.ok()) return Error{ErrorCode::kJournalCorrupt, "the id of a run is damaged"};
    ids.push_back(std::move(id).value());
  }
}

Status RunTable::collect(sqlite::Execution& rows, const RunFilter& filter,
                         std::vector<RunRow>& into) {
  while (into.size() < filter.most) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    BELAY_ASSIGN(NumberedRow read, readRow(rows));
    if (fits(read.row, filter)) into.push_back(std::move(read.row));
  }
  return {};
}

Result<std::vector<RunRow>> RunTable::list(const RunFilter& filter) {
  BELAY_TRY(session_.usable());
  std::int64_t below = kNewest;
  if (!filter.before.empty()) {
    BELAY_ASSIGN(below, numberOf(filter.before));
    if (below == 0) return Error{ErrorCode::kRunNotFound, "there is no run " + filter.before};
  }
  std::vector<RunRow> found;
  if (!filter.parent.empty()) {
    BELAY_ASSIGN(const std::int64_t parent, numberOf(filter.parent));
    sqlite::Execution rows(byParent_, parent, below);
    BELAY_TRY(collect(rows, filter, found));
    return found;
  }
  if (!filter.statuses.empty()) return listByStatus(filter, below);
  if (!filter.triggers.empty() && filter.slug.empty()) return listByTrigger(filter, below);
  if (filter.slug.empty()) {
    sqlite::Execution rows(all_, below);
    BELAY_TRY(collect(rows, filter, found));
  } else {
    sqlite::Execution rows(bySlug_, filter.slug, below);
    BELAY_TRY(collect(rows, filter, found));
  }
  return found;
}

/// The newest of each status, merged: bounded work whatever the statuses are.
Result<std::vector<RunRow>> RunTable::listByStatus(const RunFilter& filter, std::int64_t below) {
  std::vector<NumberedRow> merged;
  for (const RunStatus status : filter.statuses) {
    // Nearly all runs succeed: those are not in the index, and near in the table.
    sqlite::Statement& statement = status == RunStatus::kSucceeded ? succeeded_ : byStatus_;
    sqlite::Execution rows(statement, static_cast<int>(status), below);
    BELAY_TRY(takeNewest(rows, filter, merged));
  }
  return merge(std::move(merged), filter.most);
}

/// The same of triggers: most runs of a host may be those of one schedule.
Result<std::vector<RunRow>> RunTable::listByTrigger(const RunFilter& filter, std::int64_t below) {
  std::vector<NumberedRow> merged;
  for (const TriggerKind kind : filter.triggers) {
    if (kind == TriggerKind::kManual) {
      sqlite::Execution rows(manual_, below);
      BELAY_TRY(takeNewest(rows, filter, merged));
    } else {
      sqlite::Execution rows(byTrigger_, static_cast<int>(kind), below);
      BELAY_TRY(takeNewest(rows, filter, merged));
    }
  }
  return merge(std::move(merged), filter.most);
}

Result<std::vector<RunRow>> RunTable::unfinished() {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(unfinished_);
  std::vector<RunRow> found;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return found;
    BELAY_ASSIGN(NumberedRow read, readRow(rows));
    found.push_back(std::move(read.row));
  }
}

Result<std::uint64_t> RunTable::countUnfinished() {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(countUnfinished_);
  BELAY_ASSIGN(const bool any, rows.next());
  return any ? static_cast<std::uint64_t>(rows.integer(0)) : 0;
}

}  // namespace belay::journal
