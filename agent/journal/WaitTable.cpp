#include "agent/journal/WaitTable.h"

#include <algorithm>

#define BELAY_WAIT_QUERY                                                                  \
  "SELECT w.number, w.id, r.id, r.slug, w.step, w.kind, w.status, w.request,"             \
  " w.request_digest, w.token_hash, w.event_name, w.opened_ms, w.closed_ms, w.expires_ms" \
  " FROM waits AS w JOIN runs AS r ON r.number = w.run "

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using base::WaitId;
using flow::WaitKind;

namespace {

constexpr auto kKinds = static_cast<std::int64_t>(WaitKind::kCount);

/// A row as it lies in the file, with the number by which it is sorted.
struct NumberedWait {
  std::int64_t number = 0;
  WaitRow row;
};

Result<NumberedWait> readRow(const sqlite::Execution& at) {
  NumberedWait read;
  read.number = at.integer(0);
  const auto id = WaitId::parse(at.text(1));
  const auto run = base::RunId::parse(at.text(2));
  const std::int64_t kind = at.integer(5);
  const std::int64_t status = at.integer(6);
  if (!id.ok() || !run.ok() || kind < 0 || kind >= kKinds || status < 0 ||
      status > static_cast<std::int64_t>(WaitStatus::kClosed)) {
    return Error{ErrorCode::kJournalCorrupt,
                 "row " + std::to_string(read.number) + " of the waits is damaged"};
  }
  WaitRow& row = read.row;
  row.id = id.value();
  row.run = run.value();
  row.slug = at.string(3);
  row.step = at.string(4);
  row.kind = static_cast<WaitKind>(kind);
  row.status = static_cast<WaitStatus>(status);
  row.requestJson = at.string(7);
  row.requestDigest = at.string(8);
  row.tokenHash = at.string(9);
  row.eventName = at.string(10);
  row.openedMs = at.integer(11);
  row.closedMs = at.integer(12);
  row.expiresMs = at.integer(13);
  return read;
}

/// Adds at most `most` rows that are of the kind and status that the filter wants.
Status collect(sqlite::Execution& rows, const WaitFilter& filter, std::vector<NumberedWait>& into) {
  for (std::size_t taken = 0; taken < filter.most;) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    BELAY_ASSIGN(NumberedWait read, readRow(rows));
    if (filter.kind && read.row.kind != *filter.kind) continue;
    if (filter.openOnly && read.row.status != WaitStatus::kOpen) continue;
    into.push_back(std::move(read));
    ++taken;
  }
  return {};
}

/// The newest of what several indexes gave.
std::vector<WaitRow> newest(std::vector<NumberedWait> found, std::size_t most) {
  std::sort(found.begin(), found.end(),
            [](const NumberedWait& a, const NumberedWait& b) { return a.number > b.number; });
  if (found.size() > most) found.resize(most);
  std::vector<WaitRow> rows;
  rows.reserve(found.size());
  for (NumberedWait& read : found) rows.push_back(std::move(read.row));
  return rows;
}

}  // namespace

WaitTable::WaitTable(Session& session)
    : session_(session),
      insert_(session.database(), "open wait",
              "INSERT INTO waits (id, run, step, kind, status, request, request_digest, token_hash,"
              " event_name, opened_ms, closed_ms, expires_ms)"
              " SELECT ?, number, ?,?,?,?,?,?,?,?,?,? FROM runs WHERE id = ?"),
      close_(session.database(), "close wait",
             "UPDATE waits SET status = ?, closed_ms = ? WHERE id = ? AND status = 0"),
      find_(session.database(), "find wait", BELAY_WAIT_QUERY "WHERE w.id = ?"),
      all_(session.database(), "list waits", BELAY_WAIT_QUERY "ORDER BY w.number DESC"),
      ofRun_(session.database(), "list waits of a run",
             BELAY_WAIT_QUERY
             "WHERE w.run = (SELECT number FROM runs WHERE id = ?)"
             " ORDER BY w.number DESC"),
      open_(session.database(), "list open waits",
            BELAY_WAIT_QUERY "WHERE w.status = 0 AND w.kind = ? ORDER BY w.number DESC"),
      forEvent_(session.database(), "find waits for an event",
                BELAY_WAIT_QUERY
                "WHERE w.status = 0 AND w.kind = 2 AND w.event_name = ?"
                " ORDER BY w.number LIMIT ?") {}

Status WaitTable::add(const WaitRow& row) {
  BELAY_TRY(session_.write(insert_, row.id.str(), row.step, static_cast<int>(row.kind),
                           static_cast<int>(row.status), row.requestJson, row.requestDigest,
                           row.tokenHash, row.eventName, row.openedMs, row.closedMs, row.expiresMs,
                           row.run.str()));
  if (session_.database().changes() == 1) return {};
  return Error{ErrorCode::kRunNotFound, "there is no run " + row.run.str()};
}

Status WaitTable::close(const WaitId& wait, WaitStatus status, std::int64_t atMs) {
  BELAY_CHECK(status != WaitStatus::kOpen);
  BELAY_TRY(session_.write(close_, static_cast<int>(status), atMs, wait.str()));
  if (session_.database().changes() == 1) return {};
  BELAY_ASSIGN(const auto row, find(wait));
  if (!row) return Error{ErrorCode::kWaitNotFound, "there is no wait " + wait.str()};
  return Error{ErrorCode::kWaitClosed, "wait " + wait.str() + " is not open any more"};
}

Result<std::optional<WaitRow>> WaitTable::find(const WaitId& id) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(find_, id.str());
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<WaitRow>{};
  BELAY_ASSIGN(NumberedWait read, readRow(rows));
  return std::optional<WaitRow>{std::move(read.row)};
}

Result<std::vector<WaitRow>> WaitTable::list(const WaitFilter& filter) {
  BELAY_TRY(session_.usable());
  std::vector<NumberedWait> found;
  if (!filter.run.empty()) {
    sqlite::Execution rows(ofRun_, filter.run);
    BELAY_TRY(collect(rows, filter, found));
  } else if (filter.openOnly) {
    return listOpen(filter);
  } else {
    sqlite::Execution rows(all_);
    BELAY_TRY(collect(rows, filter, found));
  }
  return newest(std::move(found), filter.most);
}

Result<std::vector<WaitRow>> WaitTable::listOpen(const WaitFilter& filter) {
  std::vector<NumberedWait> found;
  for (std::int64_t kind = 0; kind < kKinds; ++kind) {
    if (filter.kind && static_cast<std::int64_t>(*filter.kind) != kind) continue;
    sqlite::Execution rows(open_, kind);
    BELAY_TRY(collect(rows, filter, found));
  }
  return newest(std::move(found), filter.most);
}

Result<std::vector<WaitRow>> WaitTable::forEvent(std::string_view eventName, std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(forEvent_, eventName, most);
  std::vector<WaitRow> found;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return found;
    BELAY_ASSIGN(NumberedWait read, readRow(rows));
    found.push_back(std::move(read.row));
  }
}

}  // namespace belay::journal
