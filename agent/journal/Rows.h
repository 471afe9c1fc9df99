#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/engine/RunState.h"
#include "agent/flow/Flow.h"
#include "common/base/Ids.h"

namespace belay::journal {

/// Where a run's chain ends. Kept beside the run's state, so that appending needs no read.
struct RunHead {
  std::int64_t number = 0;              ///< The run's row; small, for keys.
  std::uint64_t seq = 0;                ///< Of the last event; from 1, no gaps.
  std::array<std::uint8_t, 32> hash{};  ///< Of the last event; before the first, of the run's id.
};

/// Projection of a run: what lists show.
struct RunRow {
  base::RunId id;
  std::string slug;
  std::string flowDigest;
  std::string source;  ///< "live:N", "release:N" or "draft"
  engine::RunStatus status = engine::RunStatus::kRunning;
  std::string step;  ///< Where it is, or where it failed.
  std::string errorCode;
  std::string errorMessage;
  std::string startedBy;
  std::int64_t createdMs = 0;
  std::int64_t updatedMs = 0;
  std::int64_t finishedMs = 0;
  base::RunId parent;  ///< The run of which a step started this one; empty: none, or it is gone.
  engine::TriggerKind trigger = engine::TriggerKind::kManual;
};

struct RunFilter {
  std::string slug;                           ///< Empty: all.
  std::vector<engine::RunStatus> statuses;    ///< Empty: all.
  std::vector<engine::TriggerKind> triggers;  ///< Empty: all.
  std::int64_t createdBeforeMs = 0;           ///< 0: no bound.
  std::string parent;                         ///< Only runs that this one started; empty: all.
  std::string before;                         ///< Page: runs older than this id; empty: all.
  std::size_t most = 50;
};

struct EventRow {
  std::uint64_t seq = 0;
  std::string name;
  std::int64_t atMs = 0;
  std::string body;
};

enum class WaitStatus : std::uint8_t { kOpen, kAnswered, kRejected, kTimedOut, kClosed };

struct WaitRow {
  base::WaitId id;
  base::RunId run;
  std::string slug;
  std::string step;  ///< Path.
  flow::WaitKind kind = flow::WaitKind::kTime;
  WaitStatus status = WaitStatus::kOpen;
  std::string requestJson;
  std::string requestDigest;
  std::string tokenHash;
  std::string eventName;
  std::int64_t openedMs = 0;
  std::int64_t closedMs = 0;
  std::int64_t expiresMs = 0;  ///< 0: never.
};

struct WaitFilter {
  bool openOnly = true;
  std::string run;  ///< Empty: all.
  std::optional<flow::WaitKind> kind;
  std::size_t most = 100;
};

/// Something that is due: a retry, a timeout, the end of a sleep.
struct TimerRow {
  std::int64_t runNumber = 0;
  base::RunId run;             ///< Filled in by reads.
  std::string key;             ///< "retry:PATH", "timeout:PATH", "wait:ID": one timer each per run.
  std::string bootId;          ///< Boot that dueBootMs belongs to.
  std::int64_t dueBootMs = 0;  ///< On the boot clock; ignored when onWallClock.
  std::int64_t dueWallMs = 0;
  bool onWallClock = false;
};

struct NextDue {
  std::optional<std::int64_t> bootMs;
  std::optional<std::int64_t> wallMs;
};

struct FlowRow {
  std::string digest;
  std::string slug;
  std::string format;   ///< "yaml" or "json"
  std::string content;  ///< Verbatim.
  std::int64_t createdMs = 0;
};

struct FlowHeadRow {
  std::string slug;
  std::string draftDigest;
  std::int64_t updatedMs = 0;
};

struct BindingRow {
  std::string name;
  std::string connection;
};

struct KvRow {
  std::string space;
  std::string key;
  std::string valueJson;
  std::int64_t expiresMs = 0;  ///< Wall; 0: never.
  std::int64_t updatedMs = 0;
};

struct ResourceRow {
  std::string ref;     ///< "res://…"
  std::string digest;  ///< Hex SHA-256 of the content.
  base::RunId run;
  std::string step;
  std::string name;
  std::string mediaType;
  std::uint64_t size = 0;
  std::int64_t createdMs = 0;
  flow::Keep keep = flow::Keep::kRun;
  std::string indexText = {};  ///< Of add(): what search finds it by; empty: nothing.
  // Filled in by reads.
  std::string slug = {};  ///< Of the flow; its run may be gone.
  std::int64_t number = 0;
  bool indexed = false;
};

struct ResourceFilter {
  std::string run;   ///< Empty: all.
  std::string slug;  ///< Empty: all.
  bool largestFirst = false;
  std::size_t most = 100;
};

/// What the resources of one flow take; each counts once for every run and step that has it.
struct ResourceUsage {
  std::string slug;
  std::uint64_t bytes = 0;
  std::uint64_t resources = 0;
};

struct JournalStats {
  std::uint64_t fileBytes = 0, walBytes = 0, pages = 0, freePages = 0;
  std::uint64_t runs = 0, events = 0, openWaits = 0, timers = 0, kv = 0, resources = 0;
  std::uint64_t commits = 0;  ///< Since this journal was opened.
  int schemaVersion = 0;
};

/// Where the chain over the runs that ended is.
struct HostChainEnd {
  std::uint64_t runs = 0;
  std::array<std::uint8_t, 32> hash{};  ///< Zero: none has ended.
};

/// How far a verification has come. Value-initialised: at the beginning.
struct VerifyCursor {
  RunHead run;                ///< Run and last event that were verified.
  std::int64_t hostSeq = -1;  ///< Row of the host's chain; negative: not begun.
  std::array<std::uint8_t, 32> hostHash{};
  std::int64_t ledgerRow = -1;  ///< Of the ledger of flows; negative: not begun.
  std::array<std::uint8_t, 32> ledgerHash{};
  std::int64_t statementRow = -1;  ///< Of the ledger of statements; negative: not begun.
  std::array<std::uint8_t, 32> statementHash{};
  std::int64_t scrubRow = -1;  ///< Of the ledger of scrubs; negative: not begun.
  std::array<std::uint8_t, 32> scrubHash{};
  bool done = false;
};

/// How far a check of the structure has come.
struct CheckCursor {
  std::size_t table = 0;
  std::int64_t row = 0;
  bool done = false;
};

struct VerifyReport {
  std::uint64_t runs = 0, events = 0, hostRows = 0, flowChanges = 0, statements = 0;
  std::uint64_t scrubs = 0;          ///< Rows of their ledger.
  std::uint64_t scrubbedEvents = 0;  ///< Events whose text is not the one that their hash was made of.
  bool ok = true;
  std::string firstBad;  ///< "run r…, event 12: …"
};

struct PruneReport {
  std::uint64_t runs = 0, events = 0, resources = 0, occurrences = 0;
  std::vector<std::string> freedDigests;  ///< Content that no resource has any more.
  bool more = false;                      ///< There are more runs to remove.
};

}  // namespace belay::journal
