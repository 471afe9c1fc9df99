#include "agent/journal/StructureCheck.h"

#include <array>
#include <string>

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Status;

namespace {

/// SQLite checks so much in some hundredths of a second.
constexpr std::int64_t kSmallFilePages = 2048;

/// A table with row numbers, by which a check can go on: one piece, from a row on. The lengths make
/// SQLite load all of each row.
struct TableRow {
  const char* name;
  const char* piece;
};
constexpr std::array<TableRow, 10> kNumbered{{
    {"runs",
     "SELECT max(number), sum(n) FROM (SELECT number, length(id) + length(slug) +"
     " length(flow_digest) + length(step) + length(error_message) + finished_ms AS n"
     " FROM runs NOT INDEXED WHERE number > ? ORDER BY number LIMIT ?)"},
    {"waits",
     "SELECT max(number), sum(n) FROM (SELECT number, length(id) + length(request) +"
     " length(event_name) + expires_ms AS n"
     " FROM waits NOT INDEXED WHERE number > ? ORDER BY number LIMIT ?)"},
    {"run_resources",
     "SELECT max(number), sum(n) FROM (SELECT number, length(ref) + length(digest) + length(step) +"
     " created_ms AS n FROM run_resources NOT INDEXED WHERE number > ? ORDER BY number LIMIT ?)"},
    {"host_chain",
     "SELECT max(seq), sum(n) FROM (SELECT seq, length(run_id) + length(hash) + at_ms AS n"
     " FROM host_chain NOT INDEXED WHERE seq > ? ORDER BY seq LIMIT ?)"},
    {"admissions",
     "SELECT max(run), sum(n) FROM (SELECT run, length(slug) + length(lane) + release + place AS n"
     " FROM admissions NOT INDEXED WHERE run > ? ORDER BY run LIMIT ?)"},
    {"flow_changes",
     "SELECT max(number), sum(n) FROM (SELECT number, length(slug) + length(digest) + length(note) "
     "+"
     " length(origin) + length(by_whom) + length(hash) + at_ms AS n"
     " FROM flow_changes NOT INDEXED WHERE number > ? ORDER BY number LIMIT ?)"},
    {"run_children",
     "SELECT max(run), sum(parent) FROM (SELECT run, parent"
     " FROM run_children NOT INDEXED WHERE run > ? ORDER BY run LIMIT ?)"},
    {"run_triggers",
     "SELECT max(run), sum(kind) FROM (SELECT run, kind"
     " FROM run_triggers NOT INDEXED WHERE run > ? ORDER BY run LIMIT ?)"},
    {"statements",
     "SELECT max(number), sum(n) FROM (SELECT number, length(subject) + length(digest) +"
     " length(text) + length(signers) + length(by_whom) + length(hash) + at_ms AS n"
     " FROM statements NOT INDEXED WHERE number > ? ORDER BY number LIMIT ?)"},
    {"scrubs",
     "SELECT max(number), sum(n) FROM (SELECT number, length(secret) + length(place) + length(run) +"
     " length(before) + length(after) + length(hash) + at_ms AS n"
     " FROM scrubs NOT INDEXED WHERE number > ? ORDER BY number LIMIT ?)"},
}};

/// The others are small: SQLite checks each at once.
constexpr std::array<const char*, 8> kOthers{
    "PRAGMA quick_check(flows)",  "PRAGMA quick_check(host_anchor)", "PRAGMA quick_check(meta)",
    "PRAGMA quick_check(timers)", "PRAGMA quick_check(flow_heads)",  "PRAGMA quick_check(bindings)",
    "PRAGMA quick_check(kv)",     "PRAGMA quick_check(start_keys)"};

}  // namespace

StructureCheck::StructureCheck(Session& session)
    : session_(session),
      events_(session.database(), "check events",
              "SELECT e.place, length(e.body) + length(e.name) + length(e.hash),"
              " (SELECT i.place FROM events AS i INDEXED BY events_by_run"
              "  WHERE i.run = e.run AND i.seq = e.seq)"
              " FROM events AS e NOT INDEXED WHERE e.place > ? ORDER BY e.place LIMIT ?") {}

Status StructureCheck::step(CheckCursor& cursor, std::size_t rowsMost) {
  BELAY_TRY(session_.outsideTransaction("check"));
  if (cursor.done) return {};
  if (cursor.table == 0 && cursor.row == 0) {
    BELAY_ASSIGN(const std::int64_t pages,
                 session_.database().readInteger("PRAGMA page_count", "check"));
    if (pages <= kSmallFilePages) {
      cursor.done = true;
      return checkBySqlite("PRAGMA quick_check(1)");
    }
  }
  return cursor.table == 0 ? stepEvents(cursor, rowsMost) : stepTable(cursor, rowsMost);
}

Status StructureCheck::checkBySqlite(const char* pragma) {
  BELAY_ASSIGN(const std::string found, session_.database().readText(pragma, "quick check"));
  if (found == "ok") return {};
  return Error{ErrorCode::kJournalCorrupt, session_.database().path() + ": " + found};
}

Status StructureCheck::stepEvents(CheckCursor& cursor, std::size_t rowsMost) {
  sqlite::Execution rows(events_, cursor.row, rowsMost);
  for (std::size_t taken = 0; taken < rowsMost; ++taken) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) {
      cursor = CheckCursor{1, 0, false};
      return {};
    }
    cursor.row = rows.integer(0);
    if (rows.isNull(2) || rows.integer(2) != cursor.row) {
      return Error{ErrorCode::kJournalCorrupt, session_.database().path() + ": event in row " +
                                                   std::to_string(cursor.row) +
                                                   " is not found through its index"};
    }
  }
  return {};
}

Status StructureCheck::stepTable(CheckCursor& cursor, std::size_t rowsMost) {
  const std::size_t index = cursor.table - 1;
  bool whole = true;
  if (index < kNumbered.size()) {
    sqlite::Statement piece(session_.database(), "check rows", kNumbered.at(index).piece);
    sqlite::Execution rows(piece, cursor.row, rowsMost);
    BELAY_ASSIGN(const bool any, rows.next());
    whole = !any || rows.isNull(0);
    if (!whole) cursor.row = rows.integer(0);
  } else {
    BELAY_TRY(checkBySqlite(kOthers.at(index - kNumbered.size())));
  }
  if (!whole) return {};
  cursor = CheckCursor{cursor.table + 1, 0, cursor.table == kNumbered.size() + kOthers.size()};
  return {};
}

}  // namespace belay::journal
