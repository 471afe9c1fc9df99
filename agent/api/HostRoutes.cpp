#include <array>
#include <utility>

#include "agent/api/Reads.h"
#include "agent/api/Routes.h"
#include "agent/link/Link.h"
#include "agent/link/Standing.h"
#include "agent/runtime/HostGuard.h"
#include "common/base/Units.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using runtime::HostEpoch;

namespace {

constexpr std::size_t kRunsPerPage = 500;

/// Whether whoever calls may say what this host is: root, or of a user's daemon that user.
Status requireRoot(const Backend& backend, const ExchangePtr& exchange, const char* verb) {
  const uid_t owner = backend.options.rootUid;
  if (exchange->caller().uid == owner) return {};
  const std::string uid = std::to_string(owner);
  const std::string as = owner == 0 ? "sudo" : "sudo -u '#" + uid + "'";
  return Error{ErrorCode::kPermission,
               (owner == 0 ? "only root" : "only uid " + uid + ", as whom this daemon runs,") +
                   " decides whether this host is the one that it was",
               {as + " belay host " + verb}};
}

/// All runs that have not ended; those above others come first or last, as it happens.
Result<std::vector<base::RunId>> openRuns(journal::Journal& journal) {
  journal::RunFilter filter;
  using engine::RunStatus;
  filter.statuses = {RunStatus::kRunning,   RunStatus::kWaiting,  RunStatus::kPaused,
                     RunStatus::kAmbiguous, RunStatus::kStopping, RunStatus::kQueued};
  filter.most = kRunsPerPage;
  std::vector<base::RunId> out;
  while (true) {
    BELAY_ASSIGN(const std::vector<journal::RunRow> rows, journal.runs(filter));
    for (const journal::RunRow& row : rows) out.push_back(row.id);
    if (rows.size() < kRunsPerPage) return out;
    filter.before = rows.back().id.str();
  }
}

Status cancelAll(runtime::Runtime& runtime, const std::vector<base::RunId>& runs,
                 const std::string& by) {
  for (const base::RunId& run : runs) {
    const Status done = runtime.control(run, runtime::Verb::kCancel, by);
    // One that ended with the run above it is not there to be cancelled any more.
    if (!done && runtime::endsTransaction(done.error().code)) return done;
  }
  return {};
}

Value epochJson(const HostEpoch& epoch) {
  Value out;
  out.set("epoch", epoch.text()).set("sessions", epoch.sessions);
  out.set("quarantined", epoch.quarantine.has_value());
  if (!epoch.quarantine) return out;
  Value quarantine;
  quarantine.set("cause", epoch.quarantine->cause).set("message", epoch.quarantine->message);
  quarantine.set("since", base::formatInstant(epoch.quarantine->sinceMs));
  out.set("quarantine", std::move(quarantine));
  return out;
}

enum class Leftover { kAsk, kContinue, kCancel };

Result<Leftover> readLeftover(const ExchangePtr& exchange) {
  BELAY_ASSIGN(const Value body, exchange->bodyObject());
  BELAY_TRY(checkMembers(body, "runs"));
  BELAY_ASSIGN(const std::string word, textMember(body, "runs", false));
  if (word.empty()) return Leftover::kAsk;
  if (word == "continue") return Leftover::kContinue;
  if (word == "cancel") return Leftover::kCancel;
  return Error{ErrorCode::kInvalidArgument, "\"runs\" is \"continue\" or \"cancel\""};
}

Result<Changed> release(runtime::Runtime& runtime, Leftover leftover, const std::string& by) {
  BELAY_ASSIGN(const bool quarantined, runtime.guard().quarantined());
  if (!quarantined) return Error{ErrorCode::kConflict, "this host is not in quarantine"};
  BELAY_ASSIGN(const std::vector<base::RunId> open, openRuns(runtime.journal()));
  if (!open.empty() && leftover == Leftover::kAsk) {
    return Error{ErrorCode::kInvalidArgument,
                 std::to_string(open.size()) + " runs have not ended here; if another machine has " +
                     "gone on with them, they must not go on twice",
                 {"belay run list --status running,waiting,paused,queued",
                  "belay host release-quarantine --runs cancel",
                  "belay host release-quarantine --runs continue"}};
  }
  if (leftover == Leftover::kCancel) BELAY_TRY(cancelAll(runtime, open, by));
  BELAY_TRY(runtime.guard().release());
  BELAY_ASSIGN(const HostEpoch* const epoch, runtime.guard().epoch());
  Changed changed;
  changed.data.set("host", epochJson(*epoch)).set("open_runs", static_cast<std::int64_t>(open.size()));
  changed.data.set("cancelled", leftover == Leftover::kCancel);
  return changed;
}

}  // namespace

Result<Value> readHost(ReadContext& context, const ReadArguments&) {
  BELAY_ASSIGN(const HostEpoch epoch, runtime::readHostEpoch(context.journal));
  BELAY_ASSIGN(const link::Standing standing, link::readStanding(context.journal));
  Value host = epochJson(epoch);
  if (standing.linked()) host.set("name", standing.identity.host);
  json::Array machine;
  for (const auto& [file, digest] : epoch.machine) {
    Value fact;
    fact.set("file", file).set("sha256", digest);
    machine.push_back(std::move(fact));
  }
  host.set("machine", std::move(machine));
  Value out;
  out.set("host", std::move(host));
  return out;
}

void releaseQuarantine(Backend& backend, const ExchangePtr& exchange) {
  const Status may = requireRoot(backend, exchange, "release-quarantine");
  if (!may) return exchange->fail(may.error());
  const auto leftover = readLeftover(exchange);
  if (!leftover) return exchange->fail(leftover.error());
  const std::string by = "uid:" + std::to_string(exchange->caller().uid);
  backend.change(exchange, [&backend, leftover = *leftover, by](runtime::Runtime& runtime) {
    auto changed = release(runtime, leftover, by);
    // It looks again, and finds that it may go on once this is committed.
    if (changed && backend.deps.link) backend.deps.link->wake();
    return changed;
  });
}

void rekeyHost(Backend& backend, const ExchangePtr& exchange) {
  const Status may = requireRoot(backend, exchange, "rekey");
  if (!may) return exchange->fail(may.error());
  backend.work(exchange, [&backend, exchange](Workers::Tools&) {
    if (!backend.deps.link) {
      return exchange->fail(Error{ErrorCode::kUnsupported, "this daemon has no link"});
    }
    const Status done = backend.deps.link->rekey();
    if (!done) return exchange->fail(done.error());
    Value out;
    out.set("rekeyed", true);
    exchange->ok(std::move(out));
  });
}

}  // namespace belay::api
