#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/journal/FlowLedger.h"
#include "agent/journal/Rows.h"
#include "agent/journal/StatementLedger.h"
#include "common/base/Clock.h"
#include "common/base/Result.h"
#include "common/log/Log.h"

namespace belay::journal {

class AdmissionTable;
class BucketTable;
class DeliveryTable;
class GateTable;
class StartTable;
class LinkTable;
class ResourceTable;
class ScheduleTable;
struct ScrubPlan;
struct ScrubReport;

/// Where the journal lives and how far it may grow.
struct JournalOptions {
  std::string path;                         ///< …/journal.db
  std::uint64_t walMaxBytes = 64ull << 20;  ///< Checkpoint even when busy beyond this.
  std::uint64_t reserveBytes = 4ull << 20;  ///< Released on a full disk; 0: no reserve.
  std::uint64_t cacheBytes = 4ull << 20;    ///< Bound of SQLite's page cache.
  std::string vfs;         ///< Name of a SQLite VFS; empty: the default. For fault injection.
  bool readOnly = false;   ///< For the CLI while the daemon is down: every write fails.
  bool allowFuse = false;  ///< Takes a FUSE file system for a local one.
  /// Waits so long for another process (the CLI reads for moments while the daemon is down).
  std::chrono::milliseconds lockWait{2000};
  /// Magic number of the file system below a folder (statfs); empty: asks the system.
  std::function<base::Result<std::uint64_t>(const std::string& folder)> fileSystemOf;
};

/// A copy of the journal that is made in pieces, while the journal goes on.
///
/// Threads:   the owner thread of the journal.
/// Ownership: the journal must outlive it and stay open. Destroyed too early it leaves no file.
class Backup {
 public:
  virtual ~Backup() = default;

  /// Copies about `pagesMost` pages of 4 KiB; true when the copy is complete and on disk. It holds
  /// what was committed when it became complete. After an error, destroy it.
  virtual base::Result<bool> step(std::size_t pagesMost) = 0;
};

/// The host's one database. Nobody else opens the file while a journal is open.
///
/// Writes collect in one transaction that begins with the first write and ends with commit(): group
/// commit is the caller's, who writes for all runs that have something to write, then commits once.
///
/// Threads:    the owner thread only (the loop).
/// Errors:     kJournalIo, kDiskFull, kJournalCorrupt. After kJournalIo or kJournalCorrupt from a
///             write or a commit it is not known whether the transaction will be there after a
///             restart: acknowledge nothing more and exit; every later call fails with the same
///             error. kDiskFull rolls the transaction back whole; the reserve is released, and see
///             fullMode(). After a rollback, whoever keeps a RunHead reads it again with head().
/// Durability: what was written is on disk when commit() has returned ok, and not before.
class Journal : public FlowLedger, public StatementLedger {
 public:
  /// Opens or creates, migrates forward, checks header, version and the last rows of the chains.
  /// Errors: kJournalForeign, kJournalNewer, kJournalLocked, kNetworkFileSystem,
  ///         kStateFolderUnsafe, kDependencyRefused, kJournalCorrupt, kJournalChainBroken,
  ///         kJournalIo, kDiskFull; kNotFound when there is no file to read, kJournalOlder when a
  ///         reader finds an older version.
  static base::Result<std::unique_ptr<Journal>> open(const JournalOptions& options,
                                                     const base::Clock& clock, log::Log& log);

  /// Schedules and their ledger; webhooks that came and events that start runs. They read and write
  /// in the open transaction like all else. Not after close() (checked).
  virtual ScheduleTable& schedules() = 0;
  virtual DeliveryTable& deliveries() = 0;
  /// What goes to the relay and comes from it.
  virtual LinkTable& link() = 0;
  /// Approvals that people of the roster answer.
  virtual GateTable& gates() = 0;
  /// What became of starts that came from elsewhere.
  virtual StartTable& starts() = 0;
  /// Runs that wait to begin, and those that hold slots of their flow. Reads and writes in the open
  /// transaction like all else. Not after close() (checked).
  virtual AdmissionTable& admissions() = 0;
  /// What belongs to which run, and what is found by search, likewise.
  virtual ResourceTable& resourceTable() = 0;
  /// The token buckets of rate limits, likewise.
  virtual BucketTable& buckets() = 0;

  // --- Writing (in the open transaction).

  /// Adds a run; fills in `head` for its first event. kConflict when the id is there already.
  virtual base::Status addRun(const RunRow& row, RunHead& head) = 0;
  /// Replaces what can change of a run's row: status, times, step, error.
  virtual base::Status updateRun(const RunHead& head, const RunRow& row) = 0;
  /// Appends one event to a run's chain; advances `head`.
  virtual base::Status appendEvent(RunHead& head, std::string_view name, std::int64_t atMs,
                                   std::string_view body) = 0;
  /// Puts the head of a run that ended (or ended again, after a retry) into the host's chain.
  virtual base::Status sealRun(const RunHead& head, std::int64_t atMs) = 0;

  virtual base::Status addWait(const WaitRow& row) = 0;
  /// Changes an open wait to `status`; kWaitClosed when it is not open.
  virtual base::Status closeWait(const base::WaitId& wait, WaitStatus status,
                                 std::int64_t atMs) = 0;

  /// One timer per (run, key); the same key again moves it.
  virtual base::Status putTimer(const TimerRow& row) = 0;
  virtual base::Status removeTimer(const RunHead& head, std::string_view key) = 0;
  virtual base::Status removeTimersOf(const RunHead& head) = 0;

  /// A flow never changes under its digest: the same digest again does nothing.
  virtual base::Status putFlow(const FlowRow& row) = 0;
  virtual base::Status setDraft(std::string_view slug, std::string_view digest,
                                std::int64_t atMs) = 0;
  virtual base::Status putBinding(std::string_view slug, std::string_view name,
                                  std::string_view connection) = 0;

  virtual base::Status putKv(const KvRow& row) = 0;
  virtual base::Status removeKv(std::string_view space, std::string_view key) = 0;
  virtual base::Status dropExpiredKv(std::int64_t nowMs, std::size_t most) = 0;

  virtual base::Status addResource(const ResourceRow& row) = 0;
  /// Remembers which run an idempotency key of a start made; kConflict when the key is known.
  virtual base::Status addStartKey(std::string_view key, const base::RunId& run,
                                   std::int64_t atMs) = 0;
  virtual base::Status setMeta(std::string_view name, std::string_view value) = 0;

  /// Durability: everything written since the last commit is on disk on success.
  virtual base::Status commit() = 0;
  /// Forgets everything written since the last commit.
  virtual void rollback() noexcept = 0;
  virtual bool inTransaction() const = 0;

  // --- Reading (sees what the open transaction wrote).

  virtual base::Result<std::optional<RunRow>> run(const base::RunId& id) = 0;
  /// Ids that begin with `prefix`, at most `most`.
  virtual base::Result<std::vector<base::RunId>> runsByPrefix(std::string_view prefix,
                                                              std::size_t most) = 0;
  /// Newest first. kRunNotFound when filter.before is not there (any more).
  virtual base::Result<std::vector<RunRow>> runs(const RunFilter& filter) = 0;
  /// Runs that have not ended and do not only wait: what recovery must look at.
  virtual base::Result<std::vector<RunRow>> unfinishedRuns() = 0;
  /// How many runs have not ended, those that wait included. Reads all their rows of an index.
  virtual base::Result<std::uint64_t> countActive() = 0;
  virtual base::Result<RunHead> head(const base::RunId& id) = 0;
  virtual base::Result<HostChainEnd> hostChainEnd() = 0;
  /// Events with seq > after, in order, each checked against the chain (kJournalChainBroken).
  virtual base::Result<std::vector<EventRow>> events(const base::RunId& id, std::uint64_t after,
                                                     std::size_t most) = 0;

  virtual base::Result<std::optional<WaitRow>> wait(const base::WaitId& id) = 0;
  /// Newest first.
  virtual base::Result<std::vector<WaitRow>> waits(const WaitFilter& filter) = 0;
  /// Open waits for an event of this name, oldest first.
  virtual base::Result<std::vector<WaitRow>> waitsForEvent(std::string_view eventName,
                                                           std::size_t most) = 0;

  /// Timers that are due, earliest first: those of the boot clock, then those of the wall clock.
  virtual base::Result<std::vector<TimerRow>> dueTimers(std::int64_t bootMs, std::int64_t wallMs,
                                                        std::size_t most) = 0;
  /// Nothing when there is none under this key.
  virtual base::Result<std::optional<TimerRow>> timer(const RunHead& head,
                                                      std::string_view key) = 0;
  /// When the next timer of each clock is due; nothing when there is none.
  virtual base::Result<NextDue> nextDue() = 0;
  /// After a reboot: moves timers of another boot onto this boot's clock, by the wall time that is
  /// left; a wall clock that has jumped back cannot make it longer than it was when it was armed.
  virtual base::Status rebaseTimers(std::string_view bootId, std::int64_t bootMs,
                                    std::int64_t wallMs) = 0;

  virtual base::Result<std::optional<FlowRow>> flowByDigest(std::string_view digest) = 0;
  virtual base::Result<std::optional<FlowHeadRow>> flowHead(std::string_view slug) = 0;
  virtual base::Result<std::vector<FlowHeadRow>> flowHeads() = 0;
  /// How many runs of the flow are kept. Reads all their rows of an index.
  virtual base::Result<std::uint64_t> runsOfFlow(std::string_view slug) = 0;
  virtual base::Result<std::vector<BindingRow>> bindings(std::string_view slug) = 0;

  /// Nothing when the key has expired.
  virtual base::Result<std::optional<KvRow>> kv(std::string_view space, std::string_view key,
                                                std::int64_t nowMs) = 0;
  /// Keys that begin with `prefix` and have not expired, in order.
  virtual base::Result<std::vector<KvRow>> kvList(std::string_view space, std::string_view prefix,
                                                  std::int64_t nowMs, std::size_t most) = 0;

  virtual base::Result<std::optional<ResourceRow>> resource(std::string_view ref) = 0;
  /// Newest first.
  virtual base::Result<std::vector<ResourceRow>> resources(const ResourceFilter& filter) = 0;
  /// True when a resource has this content.
  virtual base::Result<bool> isReferenced(std::string_view digest) = 0;
  virtual base::Result<std::optional<base::RunId>> runByStartKey(std::string_view key) = 0;
  virtual base::Result<std::optional<std::string>> meta(std::string_view name) = 0;

  // --- Upkeep. None of these may be called inside an open transaction.

  /// Checkpoints when idle or over walMaxBytes; cheap when there is nothing to do. Call it after
  /// every commit, and when there is nothing else to do. A full disk is no error: see fullMode().
  virtual base::Status upkeep(bool idle) = 0;
  /// Rows and pages, for `journal stats`.
  virtual base::Result<JournalStats> stats() = 0;
  /// Walks all chains. Bounded work per call: go on with the cursor until it is done. A row that
  /// does not match is in the report; errors are for what cannot be read.
  virtual base::Result<VerifyReport> verify(VerifyCursor& cursor, std::size_t eventsMost) = 0;
  /// Looks at the structure of the file, a piece per call (about `rowsMost` rows): go on until the
  /// cursor is done. Errors: kJournalCorrupt, naming what is damaged.
  virtual base::Status quickCheck(CheckCursor& cursor, std::size_t rowsMost) = 0;
  /// Removes runs that ended before `beforeMs`, at most `most`; the host's chain keeps an anchor.
  /// Durability: on disk on success.
  virtual base::Result<PruneReport> prune(std::int64_t beforeMs, std::size_t most) = 0;
  /// Looks for values that should not stand anywhere, or takes them out (JournalScrub.h).
  virtual base::Result<ScrubReport> scrub(const ScrubPlan& plan) = 0;
  /// A compact copy in a new file, complete and on disk on success; kConflict when `target` exists.
  /// Takes seconds for a large journal: beginBackup() is for a loop.
  virtual base::Status backup(const std::string& target) = 0;
  /// Begins a copy in pieces.
  virtual base::Result<std::unique_ptr<Backup>> beginBackup(const std::string& target) = 0;
  /// True while the disk is full: only attempt small writes that free or decide something.
  virtual bool fullMode() const = 0;
  /// The disk was found full by somebody else, who stores what belongs to the journal's rows.
  virtual void enterFullMode(const base::Error& error) noexcept = 0;
  /// Tries to take the reserve back; ends fullMode() when it could.
  virtual base::Status recoverReserve() = 0;
  /// Checkpoints and closes the file, whether the checkpoint succeeds or not: what was committed is
  /// on disk either way. Later calls fail. kConflict inside a transaction.
  virtual base::Status close() = 0;
};

}  // namespace belay::journal
