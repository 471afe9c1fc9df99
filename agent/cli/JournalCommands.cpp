#include <memory>

#include "agent/api/Reads.h"
#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/LocalReads.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

// journal stats, verify, backup and prune: by the daemon, or in its file while none runs.

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::size_t kVerifyEventsPerStep = 10'000;
constexpr std::size_t kPruneRunsPerStep = 1'000;
constexpr std::chrono::milliseconds kLong{std::chrono::hours{24}};

constexpr Flag kPruneFlags[] = {
    {"older-than", 0, "DURATION", "runs that ended longer ago than this (required)"}};

/// Asks the daemon for something that may take long; an error that says so when there is none.
Result<api::Envelope> ask(Invocation& invocation, const std::string& target, const Value& body) {
  ApiRequest request;
  request.method = "POST";
  request.target = target;
  if (!body.isNull()) request.body = json::print(body);
  BELAY_ASSIGN(request.timeout, invocation.duration("timeout", kLong));
  return invocation.send(request);
}

Result<std::unique_ptr<journal::Journal>> openOwn(Invocation& invocation, bool readOnly,
                                                  const Error& unreachable) {
  BELAY_ASSIGN(const Installation* where, invocation.installation());
  auto opened = openJournal(*where, invocation.world().clock, readOnly);
  if (!opened && opened.error().code == ErrorCode::kJournalLocked) return unreachable;
  return opened;
}

api::Envelope fromJournal(Value data) {
  api::Envelope out;
  out.data = std::move(data);
  out.meta.set("source", "journal");
  return out;
}

Result<api::Envelope> stats(Invocation& invocation) { return invocation.get("/v1/journal/stats"); }

Result<api::Envelope> verify(Invocation& invocation) {
  auto answer = ask(invocation, "/v1/journal/verify", {});
  if (answer || !invocation.isAway(answer.error())) return answer;
  BELAY_ASSIGN(const auto journal, openOwn(invocation, true, answer.error()));
  journal::VerifyCursor cursor;
  journal::VerifyReport total;
  while (!cursor.done) {
    BELAY_ASSIGN(const journal::VerifyReport report, journal->verify(cursor, kVerifyEventsPerStep));
    total.runs += report.runs;
    total.events += report.events;
    total.hostRows += report.hostRows;
    total.flowChanges += report.flowChanges;
    total.statements += report.statements;
    total.scrubs += report.scrubs;
    total.scrubbedEvents += report.scrubbedEvents;
    if (!report.ok) {
      return Error{ErrorCode::kJournalChainBroken,
                   report.firstBad,
                   {"belay explain BLY-JOURNAL-CHAIN-BROKEN"}};
    }
  }
  return fromJournal(api::verifyReportToJson(total));
}

Result<api::Envelope> backup(Invocation& invocation) {
  // The daemon has another working folder.
  std::string target = invocation.argument(0);
  if (!target.starts_with("/")) {
    const std::string& folder = invocation.world().folder;
    if (folder.empty())
      return Error{ErrorCode::kUsage, "give an absolute path: the working folder is not known"};
    target = folder + "/" + target;
  }
  Value body;
  body.set("target", target);
  auto answer = ask(invocation, "/v1/journal/backup", body);
  if (answer || !invocation.isAway(answer.error())) return answer;
  BELAY_ASSIGN(const auto journal, openOwn(invocation, true, answer.error()));
  BELAY_TRY(journal->backup(target));
  return fromJournal(std::move(body));
}

Result<api::Envelope> prune(Invocation& invocation) {
  if (!invocation.has("older-than")) {
    return Error{ErrorCode::kUsage,
                 "say what may go: --older-than 30d",
                 {"belay journal prune --older-than 30d"}};
  }
  BELAY_ASSIGN(const std::chrono::milliseconds age, invocation.duration("older-than", {}));
  Value body;
  body.set("older_than", invocation.flag("older-than"));
  auto answer = ask(invocation, "/v1/journal/prune", body);
  if (answer || !invocation.isAway(answer.error())) return answer;
  BELAY_ASSIGN(const auto journal, openOwn(invocation, false, answer.error()));
  const std::int64_t beforeMs = invocation.nowMs() - age.count();
  std::uint64_t runs = 0, events = 0, resources = 0;
  for (bool more = true; more;) {
    BELAY_ASSIGN(const journal::PruneReport report, journal->prune(beforeMs, kPruneRunsPerStep));
    runs += report.runs;
    events += report.events;
    resources += report.resources;
    more = report.more;
  }
  BELAY_TRY(journal->close());
  Value data;
  data.set("runs", runs)
      .set("events", events)
      .set("resources", resources)
      .set("before", base::formatInstant(beforeMs));
  return fromJournal(std::move(data));
}

std::string number(const Value& data, std::string_view name) {
  return std::to_string(data.integer(name));
}
std::string bytes(const Value& data, std::string_view name) {
  return base::formatBytes(static_cast<std::uint64_t>(data.integer(name)));
}

std::string printStats(const Invocation& invocation, const Value& data) {
  const Value* journal = data.find("journal");
  if (!journal) return "";
  Table table({"WHAT", ""});
  table.row({"file", bytes(*journal, "file_bytes")});
  table.row({"write-ahead log", bytes(*journal, "wal_bytes")});
  table.row({"free pages", number(*journal, "free_pages") + " of " + number(*journal, "pages")});
  for (const char* name : {"runs", "events", "open_waits", "timers", "kv", "resources"}) {
    std::string label(name);
    for (char& c : label) c = c == '_' ? ' ' : c;
    table.row({label, number(*journal, name)});
  }
  table.row({"commits since start", number(*journal, "commits")});
  table.row({"schema", number(*journal, "schema_version")});
  if (journal->flag("full_mode"))
    invocation.note("the disk is full: only cancels, answers and prunes are taken");
  return table.print(invocation.style());
}

std::string printVerified(const Invocation& invocation, const Value& data) {
  if (data.integer("scrubs") > 0 || data.integer("scrubbed_events") > 0) {
    invocation.note(number(data, "scrubbed_events") + " events have another text than they were " +
                    "written with, by " + number(data, "scrubs") + " records of belay scrub");
  }
  return invocation.style().status("ok") + ": " + number(data, "runs") + " runs, " +
         number(data, "events") + " events, " + number(data, "host_rows") +
         " rows of the host's chain, " + number(data, "flow_changes") + " changes of flows and " +
         number(data, "statements") + " signed statements match\n";
}

std::string printBackup(const Invocation&, const Value& data) {
  return "wrote " + shown(data.text("target")) + "\n";
}

std::string printPruned(const Invocation&, const Value& data) {
  return "removed " + number(data, "runs") + " runs with " + number(data, "events") +
         " events and " + number(data, "resources") + " resources, all that had ended before " +
         data.text("before") + "\n";
}

}  // namespace

const Command kJournalStatsCommand{"journal stats",
                                   "",
                                   "show how large the journal is and what is in it",
                                   "Works without a daemon.",
                                   {},
                                   &stats,
                                   &printStats};
const Command kJournalVerifyCommand{
    "journal verify",
    "",
    "check every row of the journal against its hash chains",
    "Names the first row that does not match; the exit code is 5 then. Works without a daemon.",
    {},
    &verify,
    &printVerified};
const Command kJournalBackupCommand{"journal backup",
                                    "FILE",
                                    "copy the journal into a new file, while it is in use",
                                    "FILE must not exist. Works without a daemon.",
                                    {},
                                    &backup,
                                    &printBackup,
                                    Completes::kFile};
const Command kJournalPruneCommand{
    "journal prune",
    "",
    "remove runs that ended long ago, with all they stored",
    "What stays is still provable: the host's chain keeps an anchor. Works without a daemon.",
    kPruneFlags,
    &prune,
    &printPruned};

}  // namespace belay::cli
