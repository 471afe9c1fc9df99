#include "agent/journal/Retention.h"

#include <algorithm>
#include <optional>

namespace belay::journal {

using base::Result;
using base::Status;

namespace {

/// One transaction stays this small, so that the loop is not held up.
constexpr std::uint64_t kEventsPerCall = 20'000;
constexpr std::uint64_t kOccurrencesPerCall = 10'000;

}  // namespace

Retention::Retention(Session& session, HostChain& hostChain, ScheduleTable& schedules,
                     ResourceTable& resources)
    : session_(session),
      hostChain_(hostChain),
      schedules_(schedules),
      resources_(resources),
      ended_(session.database(), "find old runs",
             "SELECT number, id FROM runs WHERE finished_ms > 0 AND finished_ms < ?"
             " AND status BETWEEN 5 AND 8"
             " AND NOT EXISTS (SELECT 1 FROM run_children WHERE run = number)"
             " ORDER BY finished_ms LIMIT ?"),
      removeEvents_(session.database(), "remove events", "DELETE FROM events WHERE run = ?"),
      orphan_(session.database(), "part a run from its children",
              "DELETE FROM run_children WHERE parent = ?"),
      removeRow_(session.database(), "remove run", "DELETE FROM runs WHERE number = ?"),
      lastEvent_(session.database(), "look for the run of a seal",
                 "SELECT status, (SELECT max(seq) FROM events WHERE run = number)"
                 " FROM runs WHERE id = ?") {
  removeRest_.emplace_back(session.database(), "remove waits", "DELETE FROM waits WHERE run = ?");
  removeRest_.emplace_back(session.database(), "remove timers", "DELETE FROM timers WHERE run = ?");
  removeRest_.emplace_back(session.database(), "remove trigger of a run",
                           "DELETE FROM run_triggers WHERE run = ?");
  removeRest_.emplace_back(session.database(), "remove gates", "DELETE FROM gates WHERE run = ?");
  removeRest_.emplace_back(session.database(), "remove decisions",
                           "DELETE FROM gate_decisions WHERE run = ?");
  removeRest_.emplace_back(session.database(), "remove start keys",
                           "DELETE FROM start_keys WHERE run = ?");
  // Whoever has it may hand it in again until its end: it is known without its run.
  removeRest_.emplace_back(session.database(), "part starts from their run",
                           "UPDATE starts SET run = 0 WHERE run = ?");
}

Result<PruneReport> Retention::prune(std::int64_t beforeMs, std::size_t most, std::int64_t nowMs) {
  BELAY_TRY(session_.outsideTransaction("prune"));
  Result<PruneReport> report = remove(beforeMs, most, nowMs);
  if (!report.ok()) session_.rollback();
  return report;
}

Result<PruneReport> Retention::remove(std::int64_t beforeMs, std::size_t most, std::int64_t nowMs) {
  PruneReport report;
  BELAY_ASSIGN(const std::vector<Ended> runs, ended(beforeMs, most));
  for (const Ended& run : runs) {
    BELAY_TRY(removeRun(run, report));
    ++report.runs;
    if (report.events >= kEventsPerCall) break;
  }
  BELAY_ASSIGN(report.occurrences, schedules_.prune(beforeMs / 1000, kOccurrencesPerCall));
  BELAY_TRY(cutChain(beforeMs, 2 * most, nowMs));
  BELAY_TRY(session_.commit());
  report.more |=
      report.runs < runs.size() || runs.size() == most || report.occurrences == kOccurrencesPerCall;
  return report;
}

Result<std::vector<Retention::Ended>> Retention::ended(std::int64_t beforeMs, std::size_t most) {
  sqlite::Execution rows(ended_, beforeMs, most);
  std::vector<Ended> found;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return found;
    found.push_back({rows.integer(0), rows.string(1)});
  }
}

Status Retention::removeRun(const Ended& run, PruneReport& report) {
  BELAY_TRY(session_.write(removeEvents_, run.number));
  report.events += static_cast<std::uint64_t>(session_.database().changes());
  ResourcesRemoved removed;
  BELAY_TRY(resources_.removeOfRun(run.number, removed));
  report.resources += removed.resources;
  for (sqlite::Statement& statement : removeRest_) BELAY_TRY(session_.write(statement, run.number));
  // A run that a step started goes after the run of that step, whose history names it.
  BELAY_TRY(session_.write(orphan_, run.number));
  report.more |= session_.database().changes() > 0;
  BELAY_TRY(session_.write(removeRow_, run.number));
  return noteFreed(std::move(removed.digests), report);
}

Status Retention::noteFreed(std::vector<std::string> digests, PruneReport& report) {
  std::sort(digests.begin(), digests.end());
  digests.erase(std::unique(digests.begin(), digests.end()), digests.end());
  for (std::string& digest : digests) {
    BELAY_ASSIGN(const bool referenced, resources_.isReferenced(digest));
    if (!referenced) report.freedDigests.push_back(std::move(digest));
  }
  return {};
}

Result<bool> Retention::isNeeded(const SealRow& row, std::int64_t beforeMs) {
  sqlite::Execution rows(lastEvent_, row.runId);
  BELAY_ASSIGN(const bool runIsThere, rows.next());
  if (!runIsThere) return false;
  // A run that was retried is sealed again when it ends again: the old seal may go when it is old.
  const bool ended = engine::isFinal(static_cast<engine::RunStatus>(rows.integer(0)));
  const bool sealedLater = static_cast<std::uint64_t>(rows.integer(1)) > row.runSeq;
  return row.atMs >= beforeMs || (ended && !sealedLater);
}

Status Retention::cutChain(std::int64_t beforeMs, std::size_t most, std::int64_t nowMs) {
  BELAY_ASSIGN(HostChain::End at, hostChain_.anchor());
  std::optional<SealRow> last;
  for (std::size_t taken = 0; taken < most; ++taken) {
    BELAY_ASSIGN(auto row, hostChain_.after(at.seq));
    // A row that does not follow stays: verify must be able to name it.
    if (!row || !HostChain::follows(*row, at)) break;
    BELAY_ASSIGN(const bool needed, isNeeded(*row, beforeMs));
    if (needed) break;
    at = HostChain::End{row->seq, row->hash};
    last = std::move(row);
  }
  return last ? hostChain_.cut(*last, nowMs) : Status{};
}

}  // namespace belay::journal
