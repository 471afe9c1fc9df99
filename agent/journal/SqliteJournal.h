#pragma once

#include <memory>
#include <string>

#include "agent/journal/AdmissionTable.h"
#include "agent/journal/BucketTable.h"
#include "agent/journal/ChainWalk.h"
#include "agent/journal/DeliveryTable.h"
#include "agent/journal/EventTable.h"
#include "agent/journal/FlowTable.h"
#include "agent/journal/HostChain.h"
#include "agent/journal/Journal.h"
#include "agent/journal/LedgerTable.h"
#include "agent/journal/GateTable.h"
#include "agent/journal/LinkTable.h"
#include "agent/journal/ResourceTable.h"
#include "agent/journal/Retention.h"
#include "agent/journal/RunTable.h"
#include "agent/journal/ScheduleTable.h"
#include "agent/journal/ScrubTable.h"
#include "agent/journal/Session.h"
#include "agent/journal/StartTable.h"
#include "agent/journal/StatementTable.h"
#include "agent/journal/StructureCheck.h"
#include "agent/journal/TimerTable.h"
#include "agent/journal/ValueTable.h"
#include "agent/journal/WaitTable.h"

namespace belay::journal {

/// The Journal in one SQLite file: one table object per kind of row, over one session.
class SqliteJournal final : public Journal {
 public:
  SqliteJournal(std::unique_ptr<Session> session, const base::Clock& clock);

  /// Checks the last rows of the chains; part of open.
  base::Status checkLastRows();

  ScheduleTable& schedules() override;
  ResourceTable& resourceTable() override;
  DeliveryTable& deliveries() override;
  LinkTable& link() override;
  GateTable& gates() override;
  StartTable& starts() override;
  AdmissionTable& admissions() override;
  BucketTable& buckets() override;
  base::Status addRun(const RunRow& row, RunHead& head) override;
  base::Status updateRun(const RunHead& head, const RunRow& row) override;
  base::Status appendEvent(RunHead& head, std::string_view name, std::int64_t atMs,
                           std::string_view body) override;
  base::Status sealRun(const RunHead& head, std::int64_t atMs) override;
  base::Status addWait(const WaitRow& row) override;
  base::Status closeWait(const base::WaitId& wait, WaitStatus status, std::int64_t atMs) override;
  base::Status putTimer(const TimerRow& row) override;
  base::Status removeTimer(const RunHead& head, std::string_view key) override;
  base::Status removeTimersOf(const RunHead& head) override;
  base::Status putFlow(const FlowRow& row) override;
  base::Status setDraft(std::string_view slug, std::string_view digest, std::int64_t atMs) override;
  base::Status putBinding(std::string_view slug, std::string_view name,
                          std::string_view connection) override;
  base::Status putKv(const KvRow& row) override;
  base::Status removeKv(std::string_view space, std::string_view key) override;
  base::Status dropExpiredKv(std::int64_t nowMs, std::size_t most) override;
  base::Status addResource(const ResourceRow& row) override;
  base::Status addStartKey(std::string_view key, const base::RunId& run,
                           std::int64_t atMs) override;
  base::Status setMeta(std::string_view name, std::string_view value) override;
  base::Status commit() override;
  void rollback() noexcept override;
  bool inTransaction() const override;

  base::Result<std::optional<RunRow>> run(const base::RunId& id) override;
  base::Result<std::vector<base::RunId>> runsByPrefix(std::string_view prefix,
                                                      std::size_t most) override;
  base::Result<std::vector<RunRow>> runs(const RunFilter& filter) override;
  base::Result<std::vector<RunRow>> unfinishedRuns() override;
  base::Result<std::uint64_t> countActive() override;
  base::Result<RunHead> head(const base::RunId& id) override;
  base::Result<HostChainEnd> hostChainEnd() override;
  base::Result<std::vector<EventRow>> events(const base::RunId& id, std::uint64_t after,
                                             std::size_t most) override;
  base::Result<std::optional<WaitRow>> wait(const base::WaitId& id) override;
  base::Result<std::vector<WaitRow>> waits(const WaitFilter& filter) override;
  base::Result<std::vector<WaitRow>> waitsForEvent(std::string_view eventName,
                                                   std::size_t most) override;
  base::Result<std::vector<TimerRow>> dueTimers(std::int64_t bootMs, std::int64_t wallMs,
                                                std::size_t most) override;
  base::Result<NextDue> nextDue() override;
  base::Result<std::optional<TimerRow>> timer(const RunHead& head, std::string_view key) override;
  base::Status rebaseTimers(std::string_view bootId, std::int64_t bootMs,
                            std::int64_t wallMs) override;
  base::Result<std::optional<FlowRow>> flowByDigest(std::string_view digest) override;
  base::Result<std::optional<FlowHeadRow>> flowHead(std::string_view slug) override;
  base::Result<std::vector<FlowHeadRow>> flowHeads() override;
  base::Result<std::uint64_t> runsOfFlow(std::string_view slug) override;
  base::Result<std::vector<BindingRow>> bindings(std::string_view slug) override;
  base::Result<std::optional<KvRow>> kv(std::string_view space, std::string_view key,
                                        std::int64_t nowMs) override;
  base::Result<std::vector<KvRow>> kvList(std::string_view space, std::string_view prefix,
                                          std::int64_t nowMs, std::size_t most) override;
  base::Result<std::optional<ResourceRow>> resource(std::string_view ref) override;
  base::Result<std::vector<ResourceRow>> resources(const ResourceFilter& filter) override;
  base::Result<bool> isReferenced(std::string_view digest) override;
  base::Result<std::optional<base::RunId>> runByStartKey(std::string_view key) override;
  base::Result<std::optional<std::string>> meta(std::string_view name) override;

  base::Status addFlowChange(FlowChangeRow& row) override;
  base::Result<std::optional<FlowChangeRow>> lastFlowChange(std::string_view slug,
                                                            FlowChange what) override;
  base::Result<std::vector<FlowChangeRow>> flowChanges(std::string_view slug, FlowChange what,
                                                       std::int64_t before,
                                                       std::size_t most) override;
  base::Result<std::optional<FlowChangeRow>> release(std::string_view slug,
                                                     std::int64_t release) override;
  base::Result<std::optional<FlowChangeRow>> releaseOf(std::string_view slug,
                                                       std::string_view digest) override;

  base::Status addStatement(StatementRow& row) override;
  base::Result<std::vector<StatementRow>> statements(StatementKind kind, std::string_view subject,
                                                     std::size_t most) override;
  base::Result<std::vector<StatementRow>> forks(std::size_t most) override;
  base::Result<bool> isKnownFork(StatementKind kind, std::string_view digest) override;

  base::Status upkeep(bool idle) override;
  base::Result<JournalStats> stats() override;
  base::Result<VerifyReport> verify(VerifyCursor& cursor, std::size_t eventsMost) override;
  base::Status quickCheck(CheckCursor& cursor, std::size_t rowsMost) override;
  base::Result<PruneReport> prune(std::int64_t beforeMs, std::size_t most) override;
  base::Result<ScrubReport> scrub(const ScrubPlan& plan) override;
  base::Status backup(const std::string& target) override;
  base::Result<std::unique_ptr<Backup>> beginBackup(const std::string& target) override;
  bool fullMode() const override;
  void enterFullMode(const base::Error& error) noexcept override;
  base::Status recoverReserve() override;
  base::Status close() override;

 private:
  /// All that a closed journal does not have. Destroyed from the end: the session comes last.
  struct Open {
    Open(std::unique_ptr<Session> ownedSession, const base::Clock& clock);
    std::unique_ptr<Session> session;
    RunTable runs;
    AdmissionTable admissions;
    ScrubTable scrubs;
    EventTable events;
    HostChain hostChain;
    WaitTable waits;
    TimerTable timers;
    FlowTable flows;
    LedgerTable ledger;
    StatementTable statements;
    ValueTable values;
    ResourceTable resources;
    ScheduleTable schedules;
    DeliveryTable deliveries;
    BucketTable buckets;
    LinkTable link;
    GateTable gates;
    StartTable starts;
    ChainWalk chainWalk;
    Retention retention;
    StructureCheck structureCheck;
    sqlite::Statement runIdOf;
  };
  base::Status ready() const;

  const base::Clock& clock_;
  std::unique_ptr<Open> open_;
};

}  // namespace belay::journal
