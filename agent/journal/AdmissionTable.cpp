#include "agent/journal/AdmissionTable.h"

#define BELAY_ADMISSION_QUERY                                                                  \
  "SELECT run, (SELECT id FROM runs WHERE number = run), slug, lane, release, slots, drains, " \
  "turn,"                                                                                      \
  " place FROM admissions "

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::RunId;
using base::Status;

namespace {

Result<AdmissionRow> readRow(const sqlite::Execution& at) {
  AdmissionRow row;
  row.run = at.integer(0);
  auto id = RunId::parse(at.text(1));
  const std::int64_t turn = at.integer(7);
  if (!id.ok() || turn < 0 || turn > static_cast<int>(Turn::kLeaving)) {
    return Error{ErrorCode::kJournalCorrupt,
                 "row " + std::to_string(row.run) + " of the admissions is damaged"};
  }
  row.id = std::move(*id);
  row.slug = at.string(2);
  row.lane = at.string(3);
  row.release = at.integer(4);
  row.limit = static_cast<std::uint32_t>(at.integer(5));
  row.drains = at.integer(6) != 0;
  row.turn = static_cast<Turn>(turn);
  row.place = at.integer(8);
  return row;
}

Result<std::int64_t> number(sqlite::Execution& rows) {
  BELAY_ASSIGN(const bool any, rows.next());
  return any ? rows.integer(0) : 0;
}

}  // namespace

// The conditions on turn and status are those of the partial indexes.
AdmissionTable::AdmissionTable(Session& session)
    : session_(session),
      add_(session.database(), "queue run",
           "INSERT INTO admissions (run, slug, lane, release, slots, drains, turn, place)"
           " VALUES (?,?,?,?,?,?,?,?)"),
      setTurn_(session.database(), "admit run", "UPDATE admissions SET turn = ? WHERE run = ?"),
      remove_(session.database(), "leave lane", "DELETE FROM admissions WHERE run = ?"),
      find_(session.database(), "find queued run", BELAY_ADMISSION_QUERY "WHERE run = ?"),
      findById_(session.database(), "find queued run",
                BELAY_ADMISSION_QUERY "WHERE run = (SELECT number FROM runs WHERE id = ?)"),
      countQueued_(session.database(), "count lane",
                   "SELECT count(*) FROM admissions WHERE turn = 0 AND slug = ? AND lane = ?"),
      countHeld_(session.database(), "count lane",
                 "SELECT count(*) FROM admissions WHERE turn > 0 AND slug = ? AND lane = ?"),
      countLeaving_(session.database(), "count lane",
                    "SELECT count(*) FROM admissions WHERE turn > 0 AND turn = 3 AND slug = ?"
                    " AND lane = ?"),
      firstQueued_(session.database(), "find queued run",
                   BELAY_ADMISSION_QUERY
                   "WHERE turn = 0 AND slug = ? AND lane = ? ORDER BY place LIMIT 1"),
      firstHeld_(session.database(), "find active run",
                 BELAY_ADMISSION_QUERY
                 "WHERE turn > 0 AND turn < 3 AND slug = ? AND lane = ? ORDER BY place LIMIT 1"),
      held_(session.database(), "list active runs",
            BELAY_ADMISSION_QUERY
            "WHERE turn > 0 AND slug = ? AND lane = ? AND place > ? ORDER BY place LIMIT ?"),
      leastLimit_(session.database(), "find limit",
                  "SELECT min(slots) FROM admissions"
                  " WHERE turn = 0 AND slug = ? AND lane = ? AND place <= ?"),
      firstDraining_(session.database(), "find queued run",
                     BELAY_ADMISSION_QUERY
                     "WHERE turn = 0 AND slug = ? AND lane = ? AND place < ? AND drains = 1"
                     " ORDER BY place LIMIT 1"),
      firstReady_(session.database(), "find queued run",
                  BELAY_ADMISSION_QUERY "WHERE turn = 1 ORDER BY place LIMIT 1"),
      nextLane_(session.database(), "find lane",
                BELAY_ADMISSION_QUERY
                "WHERE turn = 0 AND (slug, lane) > (?, ?) ORDER BY slug, lane, place LIMIT 1"),
      releaseAfter_(session.database(), "find release",
                    "SELECT release FROM admissions WHERE turn < 2 AND slug = ? AND release > ?"
                    " ORDER BY release LIMIT 1"),
      firstOfRelease_(session.database(), "find release",
                      "SELECT place FROM admissions WHERE turn < 2 AND slug = ? AND release = ?"
                      " ORDER BY place LIMIT 1"),
      waitingOthers_(session.database(), "list queued runs",
                     BELAY_ADMISSION_QUERY
                     "WHERE turn < 2 AND slug = ? AND (release, place) > (?, ?) AND release > 0"
                     " AND release <> ? ORDER BY release, place LIMIT ?"),
      waitingSlugs_(session.database(), "list flows of queued runs",
                    "SELECT DISTINCT slug FROM admissions WHERE turn < 2"),
      lastPlace_(session.database(), "find last place", "SELECT max(place) FROM admissions"),
      aheadInLane_(session.database(), "count queue",
                   "SELECT count(*) FROM admissions"
                   " WHERE turn = 0 AND slug = ? AND lane = ? AND place < ?"),
      aheadOnHost_(session.database(), "count queue",
                   "SELECT count(*) FROM admissions WHERE turn = 1 AND place < ?"),
      beforeInLane_(session.database(), "find run before",
                    BELAY_ADMISSION_QUERY
                    "WHERE turn = 0 AND slug = ? AND lane = ? AND place < ?"
                    " ORDER BY place DESC LIMIT 1"),
      beforeOnHost_(session.database(), "find run before",
                    BELAY_ADMISSION_QUERY
                    "WHERE turn = 1 AND place < ? ORDER BY place DESC LIMIT 1"),
      begun_(session.database(), "count runs of releases",
             "SELECT source, count(*) FROM runs WHERE status IN (0, 1, 2, 3, 4) AND status <> 5"
             " AND slug = ? GROUP BY source"),
      countMoving_(session.database(), "count runs at work",
                   "SELECT count(*) FROM runs WHERE status IN (0, 4) AND status <> 5") {}

Status AdmissionTable::add(const AdmissionRow& row) {
  return session_.write(add_, row.run, row.slug, row.lane, row.release,
                        static_cast<std::int64_t>(row.limit), row.drains ? 1 : 0,
                        static_cast<int>(row.turn), row.place);
}

Status AdmissionTable::setTurn(std::int64_t run, Turn turn) {
  return session_.write(setTurn_, static_cast<int>(turn), run);
}

Status AdmissionTable::remove(std::int64_t run) { return session_.write(remove_, run); }

Result<std::optional<AdmissionRow>> AdmissionTable::one(sqlite::Execution& rows) {
  BELAY_TRY(session_.usable());
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<AdmissionRow>{};
  BELAY_ASSIGN(AdmissionRow row, readRow(rows));
  return std::optional<AdmissionRow>{std::move(row)};
}

Result<std::vector<AdmissionRow>> AdmissionTable::all(sqlite::Execution& rows) {
  BELAY_TRY(session_.usable());
  std::vector<AdmissionRow> found;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return found;
    BELAY_ASSIGN(AdmissionRow row, readRow(rows));
    found.push_back(std::move(row));
  }
}

Result<std::optional<AdmissionRow>> AdmissionTable::find(std::int64_t run) {
  sqlite::Execution rows(find_, run);
  return one(rows);
}

Result<std::optional<AdmissionRow>> AdmissionTable::find(const RunId& run) {
  sqlite::Execution rows(findById_, run.str());
  return one(rows);
}

Result<LaneCounts> AdmissionTable::count(std::string_view slug, std::string_view lane) {
  BELAY_TRY(session_.usable());
  LaneCounts counts;
  sqlite::Execution queued(countQueued_, slug, lane);
  BELAY_ASSIGN(counts.queued, number(queued));
  sqlite::Execution held(countHeld_, slug, lane);
  BELAY_ASSIGN(counts.held, number(held));
  sqlite::Execution leaving(countLeaving_, slug, lane);
  BELAY_ASSIGN(counts.leaving, number(leaving));
  return counts;
}

Result<std::optional<AdmissionRow>> AdmissionTable::firstQueued(std::string_view slug,
                                                                std::string_view lane) {
  sqlite::Execution rows(firstQueued_, slug, lane);
  return one(rows);
}

Result<std::optional<AdmissionRow>> AdmissionTable::firstHeld(std::string_view slug,
                                                              std::string_view lane) {
  sqlite::Execution rows(firstHeld_, slug, lane);
  return one(rows);
}

Result<std::vector<AdmissionRow>> AdmissionTable::held(std::string_view slug, std::string_view lane,
                                                       std::int64_t after, std::size_t most) {
  sqlite::Execution rows(held_, slug, lane, after, most);
  return all(rows);
}

Result<std::int64_t> AdmissionTable::leastLimit(std::string_view slug, std::string_view lane,
                                                std::int64_t place) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(leastLimit_, slug, lane, place);
  return number(rows);
}

Result<std::optional<AdmissionRow>> AdmissionTable::firstDraining(std::string_view slug,
                                                                  std::string_view lane,
                                                                  std::int64_t place) {
  sqlite::Execution rows(firstDraining_, slug, lane, place);
  return one(rows);
}

Result<std::optional<AdmissionRow>> AdmissionTable::firstReady() {
  sqlite::Execution rows(firstReady_);
  return one(rows);
}

Result<std::optional<AdmissionRow>> AdmissionTable::nextLane(std::string_view slug,
                                                             std::string_view lane) {
  sqlite::Execution rows(nextLane_, slug, lane);
  return one(rows);
}

Result<bool> AdmissionTable::othersBefore(std::string_view slug, std::int64_t release,
                                          std::int64_t place) {
  BELAY_TRY(session_.usable());
  // From release to release, so that the queue of one is never read through.
  for (std::int64_t at = 0;;) {
    sqlite::Execution releases(releaseAfter_, slug, at);
    BELAY_ASSIGN(at, number(releases));
    if (at == 0) return false;
    if (at == release) continue;
    sqlite::Execution places(firstOfRelease_, slug, at);
    BELAY_ASSIGN(const std::int64_t first, number(places));
    if (first < place) return true;
  }
}

Result<std::vector<AdmissionRow>> AdmissionTable::waitingOthers(const AdmissionRow& after,
                                                                std::int64_t release,
                                                                std::size_t most) {
  sqlite::Execution rows(waitingOthers_, after.slug, after.release, after.place, release, most);
  return all(rows);
}

Result<std::vector<std::string>> AdmissionTable::waitingSlugs() {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(waitingSlugs_);
  std::vector<std::string> found;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return found;
    found.push_back(rows.string(0));
  }
}

Result<std::int64_t> AdmissionTable::lastPlace() {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(lastPlace_);
  return number(rows);
}

Result<std::optional<QueuePlace>> AdmissionTable::place(const RunId& run, bool counted) {
  BELAY_ASSIGN(const std::optional<AdmissionRow> row, find(run));
  if (!row || row->turn > Turn::kReady) return std::optional<QueuePlace>{};
  QueuePlace place{row->turn, row->lane, row->limit, 0, {}};
  const bool inLane = row->turn == Turn::kQueued;
  std::optional<AdmissionRow> before;
  if (inLane) {
    sqlite::Execution found(beforeInLane_, row->slug, row->lane, row->place);
    BELAY_ASSIGN(before, one(found));
  } else {
    sqlite::Execution found(beforeOnHost_, row->place);
    BELAY_ASSIGN(before, one(found));
  }
  if (before && counted) {
    sqlite::Execution lane(aheadInLane_, row->slug, row->lane, row->place);
    sqlite::Execution host(aheadOnHost_, row->place);
    BELAY_ASSIGN(const std::int64_t ahead, number(inLane ? lane : host));
    place.ahead = static_cast<std::uint64_t>(ahead);
  }
  if (!before && inLane && row->limit != 0) {
    BELAY_ASSIGN(before, firstHeld(row->slug, row->lane));
  }
  if (before) place.behind = before->id;
  return std::optional<QueuePlace>{std::move(place)};
}

Result<std::vector<ReleaseCount>> AdmissionTable::begun(std::string_view slug) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(begun_, slug);
  std::vector<ReleaseCount> found;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return found;
    found.push_back({rows.string(0), rows.integer(1)});
  }
}

Result<std::int64_t> AdmissionTable::countMoving() {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(countMoving_);
  return number(rows);
}

}  // namespace belay::journal
