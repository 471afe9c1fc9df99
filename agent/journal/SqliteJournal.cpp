#include "agent/journal/SqliteJournal.h"

#include <utility>

#include "agent/journal/Backup.h"
#include "agent/journal/JournalScrub.h"
#include "agent/journal/Statistics.h"

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::RunId;
using base::Status;
using base::WaitId;

namespace {

constexpr std::size_t kEventsCheckedAtOpen = 64;
constexpr std::size_t kSealsCheckedAtOpen = 32;
constexpr std::size_t kFlowChangesCheckedAtOpen = 32;
constexpr std::size_t kStatementsCheckedAtOpen = 8;  // Each may have some 100 KiB.

Error noSuchRun(const RunId& id) {
  return Error{ErrorCode::kRunNotFound, "there is no run " + id.str()};
}

}  // namespace

SqliteJournal::Open::Open(std::unique_ptr<Session> ownedSession, const base::Clock& clock)
    : session(std::move(ownedSession)),
      runs(*session),
      admissions(*session),
      scrubs(*session),
      events(*session, scrubs),
      hostChain(*session),
      waits(*session),
      timers(*session, clock),
      flows(*session),
      ledger(*session),
      statements(*session),
      values(*session),
      resources(*session),
      schedules(*session),
      deliveries(*session),
      buckets(*session),
      link(*session),
      gates(*session),
      starts(*session),
      chainWalk(*session, hostChain, ledger, statements, scrubs),
      retention(*session, hostChain, schedules, resources),
      structureCheck(*session),
      runIdOf(session->database(), "find run", "SELECT id FROM runs WHERE number = ?") {}

SqliteJournal::SqliteJournal(std::unique_ptr<Session> session, const base::Clock& clock)
    : clock_(clock), open_(std::make_unique<Open>(std::move(session), clock)) {}

Status SqliteJournal::ready() const {
  return open_ ? Status{} : Status{Error{ErrorCode::kConflict, "the journal is closed"}};
}

Status SqliteJournal::checkLastRows() {
  BELAY_TRY(open_->events.checkLast(kEventsCheckedAtOpen));
  BELAY_TRY(open_->hostChain.checkLast(kSealsCheckedAtOpen));
  BELAY_TRY(open_->ledger.chain().checkLast(kFlowChangesCheckedAtOpen));
  BELAY_TRY(open_->statements.chain().checkLast(kStatementsCheckedAtOpen));
  return open_->scrubs.chain().checkLast(kStatementsCheckedAtOpen);
}

ResourceTable& SqliteJournal::resourceTable() {
  BELAY_CHECK(open_ != nullptr);
  return open_->resources;
}

ScheduleTable& SqliteJournal::schedules() {
  BELAY_CHECK(open_ != nullptr);
  return open_->schedules;
}

BucketTable& SqliteJournal::buckets() {
  BELAY_CHECK(open_ != nullptr);
  return open_->buckets;
}

DeliveryTable& SqliteJournal::deliveries() {
  BELAY_CHECK(open_ != nullptr);
  return open_->deliveries;
}

LinkTable& SqliteJournal::link() {
  BELAY_CHECK(open_ != nullptr);
  return open_->link;
}

GateTable& SqliteJournal::gates() {
  BELAY_CHECK(open_ != nullptr);
  return open_->gates;
}

StartTable& SqliteJournal::starts() {
  BELAY_CHECK(open_ != nullptr);
  return open_->starts;
}

AdmissionTable& SqliteJournal::admissions() {
  BELAY_CHECK(open_ != nullptr);
  return open_->admissions;
}

Status SqliteJournal::addRun(const RunRow& row, RunHead& head) {
  BELAY_TRY(ready());
  return open_->runs.add(row, head);
}

Status SqliteJournal::updateRun(const RunHead& head, const RunRow& row) {
  BELAY_TRY(ready());
  return open_->runs.update(head, row);
}

Status SqliteJournal::appendEvent(RunHead& head, std::string_view name, std::int64_t atMs,
                                  std::string_view body) {
  BELAY_TRY(ready());
  return open_->events.append(head, name, atMs, body);
}

Status SqliteJournal::sealRun(const RunHead& head, std::int64_t atMs) {
  BELAY_TRY(ready());
  std::string id;
  {
    sqlite::Execution rows(open_->runIdOf, head.number);
    BELAY_ASSIGN(const bool found, rows.next());
    if (!found) {
      return Error{ErrorCode::kRunNotFound, "there is no run " + std::to_string(head.number)};
    }
    id = rows.string(0);
  }
  return open_->hostChain.seal(id, head, atMs);
}

Result<HostChainEnd> SqliteJournal::hostChainEnd() {
  BELAY_TRY(ready());
  BELAY_ASSIGN(const HostChain::End end, open_->hostChain.end());
  HostChainEnd out{end.seq, {}};
  if (end.seq != 0) std::copy(end.hash.begin(), end.hash.end(), out.hash.begin());
  return out;
}

Status SqliteJournal::addWait(const WaitRow& row) {
  BELAY_TRY(ready());
  return open_->waits.add(row);
}

Status SqliteJournal::closeWait(const WaitId& wait, WaitStatus status, std::int64_t atMs) {
  BELAY_TRY(ready());
  return open_->waits.close(wait, status, atMs);
}

Status SqliteJournal::putTimer(const TimerRow& row) {
  BELAY_TRY(ready());
  return open_->timers.put(row);
}

Status SqliteJournal::removeTimer(const RunHead& head, std::string_view key) {
  BELAY_TRY(ready());
  return open_->timers.remove(head.number, key);
}

Status SqliteJournal::removeTimersOf(const RunHead& head) {
  BELAY_TRY(ready());
  return open_->timers.removeOf(head.number);
}

Status SqliteJournal::putFlow(const FlowRow& row) {
  BELAY_TRY(ready());
  return open_->flows.put(row);
}

Status SqliteJournal::setDraft(std::string_view slug, std::string_view digest, std::int64_t atMs) {
  BELAY_TRY(ready());
  return open_->flows.setDraft(slug, digest, atMs);
}

Status SqliteJournal::putBinding(std::string_view slug, std::string_view name,
                                 std::string_view connection) {
  BELAY_TRY(ready());
  return open_->flows.bind(slug, name, connection);
}

Status SqliteJournal::putKv(const KvRow& row) {
  BELAY_TRY(ready());
  return open_->values.put(row);
}

Status SqliteJournal::removeKv(std::string_view space, std::string_view key) {
  BELAY_TRY(ready());
  return open_->values.remove(space, key);
}

Status SqliteJournal::dropExpiredKv(std::int64_t nowMs, std::size_t most) {
  BELAY_TRY(ready());
  return open_->values.dropExpired(nowMs, most);
}

Status SqliteJournal::addResource(const ResourceRow& row) {
  BELAY_TRY(ready());
  return open_->resources.add(row);
}

Status SqliteJournal::addStartKey(std::string_view key, const RunId& run, std::int64_t atMs) {
  BELAY_TRY(ready());
  return open_->values.addStartKey(key, run, atMs);
}

Status SqliteJournal::setMeta(std::string_view name, std::string_view value) {
  BELAY_TRY(ready());
  return open_->values.setMeta(name, value);
}

Status SqliteJournal::commit() {
  BELAY_TRY(ready());
  return open_->session->commit();
}

void SqliteJournal::rollback() noexcept {
  if (open_) open_->session->rollback();
}

bool SqliteJournal::inTransaction() const { return open_ && open_->session->inTransaction(); }

Result<std::optional<RunRow>> SqliteJournal::run(const RunId& id) {
  BELAY_TRY(ready());
  return open_->runs.find(id);
}

Result<std::vector<RunId>> SqliteJournal::runsByPrefix(std::string_view prefix, std::size_t most) {
  BELAY_TRY(ready());
  return open_->runs.byPrefix(prefix, most);
}

Result<std::vector<RunRow>> SqliteJournal::runs(const RunFilter& filter) {
  BELAY_TRY(ready());
  return open_->runs.list(filter);
}

Result<std::vector<RunRow>> SqliteJournal::unfinishedRuns() {
  BELAY_TRY(ready());
  return open_->runs.unfinished();
}

Result<std::uint64_t> SqliteJournal::countActive() {
  BELAY_TRY(ready());
  return open_->runs.countUnfinished();
}

Result<RunHead> SqliteJournal::head(const RunId& id) {
  BELAY_TRY(ready());
  BELAY_ASSIGN(const std::int64_t number, open_->runs.numberOf(id.str()));
  if (number == 0) return noSuchRun(id);
  return open_->events.head(number, id);
}

Result<std::vector<EventRow>> SqliteJournal::events(const RunId& id, std::uint64_t after,
                                                    std::size_t most) {
  BELAY_TRY(ready());
  BELAY_ASSIGN(const std::int64_t number, open_->runs.numberOf(id.str()));
  if (number == 0) return noSuchRun(id);
  return open_->events.read(number, id, after, most);
}

Result<std::optional<WaitRow>> SqliteJournal::wait(const WaitId& id) {
  BELAY_TRY(ready());
  return open_->waits.find(id);
}

Result<std::vector<WaitRow>> SqliteJournal::waits(const WaitFilter& filter) {
  BELAY_TRY(ready());
  return open_->waits.list(filter);
}

Result<std::vector<WaitRow>> SqliteJournal::waitsForEvent(std::string_view eventName,
                                                          std::size_t most) {
  BELAY_TRY(ready());
  return open_->waits.forEvent(eventName, most);
}

Result<std::vector<TimerRow>> SqliteJournal::dueTimers(std::int64_t bootMs, std::int64_t wallMs,
                                                       std::size_t most) {
  BELAY_TRY(ready());
  return open_->timers.due(bootMs, wallMs, most);
}

Result<std::optional<TimerRow>> SqliteJournal::timer(const RunHead& head, std::string_view key) {
  BELAY_TRY(ready());
  return open_->timers.find(head.number, key);
}

Result<NextDue> SqliteJournal::nextDue() {
  BELAY_TRY(ready());
  return open_->timers.next();
}

Status SqliteJournal::rebaseTimers(std::string_view bootId, std::int64_t bootMs,
                                   std::int64_t wallMs) {
  BELAY_TRY(ready());
  return open_->timers.rebase(bootId, bootMs, wallMs);
}

Result<std::optional<FlowRow>> SqliteJournal::flowByDigest(std::string_view digest) {
  BELAY_TRY(ready());
  return open_->flows.byDigest(digest);
}

Result<std::optional<FlowHeadRow>> SqliteJournal::flowHead(std::string_view slug) {
  BELAY_TRY(ready());
  return open_->flows.head(slug);
}

Result<std::vector<FlowHeadRow>> SqliteJournal::flowHeads() {
  BELAY_TRY(ready());
  return open_->flows.heads();
}

Result<std::uint64_t> SqliteJournal::runsOfFlow(std::string_view slug) {
  BELAY_TRY(ready());
  return open_->flows.runsOf(slug);
}

Result<std::vector<BindingRow>> SqliteJournal::bindings(std::string_view slug) {
  BELAY_TRY(ready());
  return open_->flows.bindings(slug);
}

Result<std::optional<KvRow>> SqliteJournal::kv(std::string_view space, std::string_view key,
                                               std::int64_t nowMs) {
  BELAY_TRY(ready());
  return open_->values.find(space, key, nowMs);
}

Result<std::vector<KvRow>> SqliteJournal::kvList(std::string_view space, std::string_view prefix,
                                                 std::int64_t nowMs, std::size_t most) {
  BELAY_TRY(ready());
  return open_->values.list(space, prefix, nowMs, most);
}

Result<std::optional<ResourceRow>> SqliteJournal::resource(std::string_view ref) {
  BELAY_TRY(ready());
  return open_->resources.find(ref);
}

Result<std::vector<ResourceRow>> SqliteJournal::resources(const ResourceFilter& filter) {
  BELAY_TRY(ready());
  return open_->resources.list(filter);
}

Result<bool> SqliteJournal::isReferenced(std::string_view digest) {
  BELAY_TRY(ready());
  return open_->resources.isReferenced(digest);
}

Result<std::optional<RunId>> SqliteJournal::runByStartKey(std::string_view key) {
  BELAY_TRY(ready());
  return open_->values.runByStartKey(key);
}

Result<std::optional<std::string>> SqliteJournal::meta(std::string_view name) {
  BELAY_TRY(ready());
  return open_->values.meta(name);
}

Status SqliteJournal::addFlowChange(FlowChangeRow& row) {
  BELAY_TRY(ready());
  return open_->ledger.add(row);
}

Result<std::optional<FlowChangeRow>> SqliteJournal::lastFlowChange(std::string_view slug,
                                                                   FlowChange what) {
  BELAY_TRY(ready());
  return open_->ledger.last(slug, what);
}

Result<std::vector<FlowChangeRow>> SqliteJournal::flowChanges(std::string_view slug,
                                                              FlowChange what, std::int64_t before,
                                                              std::size_t most) {
  BELAY_TRY(ready());
  return open_->ledger.list(slug, what, before, most);
}

Result<std::optional<FlowChangeRow>> SqliteJournal::release(std::string_view slug,
                                                            std::int64_t release) {
  BELAY_TRY(ready());
  return open_->ledger.release(slug, release);
}

Result<std::optional<FlowChangeRow>> SqliteJournal::releaseOf(std::string_view slug,
                                                              std::string_view digest) {
  BELAY_TRY(ready());
  return open_->ledger.releaseOf(slug, digest);
}

Status SqliteJournal::addStatement(StatementRow& row) {
  BELAY_TRY(ready());
  return open_->statements.add(row);
}

Result<std::vector<StatementRow>> SqliteJournal::statements(StatementKind kind,
                                                            std::string_view subject,
                                                            std::size_t most) {
  BELAY_TRY(ready());
  return open_->statements.list(kind, subject, most);
}

Result<std::vector<StatementRow>> SqliteJournal::forks(std::size_t most) {
  BELAY_TRY(ready());
  return open_->statements.forks(most);
}

Result<bool> SqliteJournal::isKnownFork(StatementKind kind, std::string_view digest) {
  BELAY_TRY(ready());
  return open_->statements.isKnownFork(kind, digest);
}

Status SqliteJournal::upkeep(bool idle) {
  BELAY_TRY(ready());
  return open_->session->upkeep(idle);
}

Result<JournalStats> SqliteJournal::stats() {
  BELAY_TRY(ready());
  BELAY_TRY(open_->session->usable());
  return readStats(*open_->session);
}

Result<VerifyReport> SqliteJournal::verify(VerifyCursor& cursor, std::size_t eventsMost) {
  BELAY_TRY(ready());
  return open_->chainWalk.walk(cursor, eventsMost);
}

Status SqliteJournal::quickCheck(CheckCursor& cursor, std::size_t rowsMost) {
  BELAY_TRY(ready());
  return open_->structureCheck.step(cursor, rowsMost);
}

Result<PruneReport> SqliteJournal::prune(std::int64_t beforeMs, std::size_t most) {
  BELAY_TRY(ready());
  auto report = open_->retention.prune(beforeMs, most, clock_.wallMs());
  // A read can meet the full disk too: for room in memory it writes out what was changed before it.
  if (!report) BELAY_TRY(open_->session->settle(report.error()));
  return report;
}

Result<ScrubReport> SqliteJournal::scrub(const ScrubPlan& plan) {
  BELAY_TRY(ready());
  return JournalScrub(*open_->session, open_->scrubs, plan, clock_.wallMs()).run();
}

Status SqliteJournal::backup(const std::string& target) {
  BELAY_TRY(ready());
  return backUp(*open_->session, target);
}

Result<std::unique_ptr<Backup>> SqliteJournal::beginBackup(const std::string& target) {
  BELAY_TRY(ready());
  return journal::beginBackup(*open_->session, target);
}

bool SqliteJournal::fullMode() const { return open_ && open_->session->fullMode(); }

void SqliteJournal::enterFullMode(const base::Error& error) noexcept {
  if (open_) open_->session->enterFullMode(error);
}

Status SqliteJournal::recoverReserve() {
  BELAY_TRY(ready());
  return open_->session->recoverReserve();
}

Status SqliteJournal::close() {
  BELAY_TRY(ready());
  BELAY_TRY(open_->session->outsideTransaction("close"));
  Status moved = open_->session->checkpoint();
  open_.reset();
  return moved;
}

}  // namespace belay::journal
