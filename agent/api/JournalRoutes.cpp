#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "agent/api/Routes.h"
#include "agent/jobs/JobCgroup.h"
#include "common/base/Units.h"
#include "version/Version.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

// Pieces of work between which the loop turns to everybody else.
constexpr std::size_t kVerifyEventsPerTurn = 2'000;
constexpr std::size_t kPruneRunsPerTurn = 100;
constexpr std::size_t kBackupPagesPerTurn = 1'000;

/// A walk over the whole journal, a piece after each commit.
class Verification : public std::enable_shared_from_this<Verification> {
 public:
  Verification(Backend& backend, ExchangePtr exchange)
      : backend_(backend), exchange_(std::move(exchange)) {}

  void goOn() {
    const bool posted = backend_.afterCommit(
        [self = shared_from_this()](runtime::Runtime& runtime) { self->step(runtime.journal()); });
    if (!posted) exchange_->fail(busy());
  }

 private:
  void step(journal::Journal& journal) {
    const auto report = journal.verify(cursor_, kVerifyEventsPerTurn);
    if (!report) return exchange_->fail(report.error());
    total_.runs += report->runs;
    total_.events += report->events;
    total_.hostRows += report->hostRows;
    total_.flowChanges += report->flowChanges;
    total_.statements += report->statements;
    total_.scrubs += report->scrubs;
    total_.scrubbedEvents += report->scrubbedEvents;
    if (!report->ok) {
      return exchange_->fail(Error{ErrorCode::kJournalChainBroken,
                                   report->firstBad,
                                   {"belay explain BLY-JOURNAL-CHAIN-BROKEN"}});
    }
    if (!cursor_.done) return goOn();
    exchange_->ok(verifyReportToJson(total_));
  }

  Backend& backend_;
  ExchangePtr exchange_;
  journal::VerifyCursor cursor_;
  journal::VerifyReport total_;
};

/// Removal of old runs, a batch after each commit.
class Pruning : public std::enable_shared_from_this<Pruning> {
 public:
  Pruning(Backend& backend, ExchangePtr exchange, std::int64_t beforeMs)
      : backend_(backend), exchange_(std::move(exchange)), beforeMs_(beforeMs) {}

  void goOn() {
    const bool posted = backend_.afterCommit(
        [self = shared_from_this()](runtime::Runtime& runtime) { self->step(runtime.journal()); });
    if (!posted) exchange_->fail(busy());
  }

 private:
  void step(journal::Journal& journal) {
    const auto report = journal.prune(beforeMs_, kPruneRunsPerTurn);
    if (!report) return exchange_->fail(report.error());
    runs_ += report->runs;
    events_ += report->events;
    resources_ += report->resources;
    if (report->more) return goOn();
    Value data;
    data.set("runs", runs_).set("events", events_).set("resources", resources_);
    data.set("before", base::formatInstant(beforeMs_));
    backend_.deps.log.info("journal.pruned",
                           {{"runs", runs_}, {"by", exchange_->caller().shown()}});
    exchange_->ok(std::move(data));
  }

  Backend& backend_;
  ExchangePtr exchange_;
  const std::int64_t beforeMs_;
  std::uint64_t runs_ = 0, events_ = 0, resources_ = 0;
};

/// A copy of the whole journal, some pages after each commit.
class Copying : public std::enable_shared_from_this<Copying> {
 public:
  Copying(Backend& backend, ExchangePtr exchange, std::string target)
      : backend_(backend), exchange_(std::move(exchange)), target_(std::move(target)) {}

  void goOn() {
    const bool posted = backend_.afterCommit(
        [self = shared_from_this()](runtime::Runtime& runtime) { self->step(runtime.journal()); });
    if (!posted) exchange_->fail(busy());
  }

 private:
  void step(journal::Journal& journal) {
    if (!backup_) {
      auto begun = journal.beginBackup(target_);
      if (!begun) return exchange_->fail(begun.error());
      backup_ = std::move(begun).value();
    }
    const Result<bool> complete = backup_->step(kBackupPagesPerTurn);
    if (!complete) {
      backup_.reset();  // Whoever hears of it finds no half of a copy.
      return exchange_->fail(complete.error());
    }
    if (!*complete) return goOn();
    backend_.deps.log.info("journal.backed_up",
                           {{"target", target_}, {"by", exchange_->caller().shown()}});
    Value data;
    data.set("target", target_);
    exchange_->ok(std::move(data));
  }

  Backend& backend_;
  ExchangePtr exchange_;
  const std::string target_;
  std::unique_ptr<journal::Backup> backup_;
};

/// Of this process; the largest number there is, where nothing bounds it.
std::int64_t descriptorLimit() {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return 0;
  return static_cast<std::int64_t>(std::min<std::uint64_t>(files.rlim_cur, kMost));
}

}  // namespace

Value verifyReportToJson(const journal::VerifyReport& report) {
  Value data;
  data.set("verified", true).set("runs", report.runs).set("events", report.events);
  data.set("host_rows", report.hostRows).set("flow_changes", report.flowChanges);
  data.set("statements", report.statements).set("scrubs", report.scrubs);
  data.set("scrubbed_events", report.scrubbedEvents);
  return data;
}

void verifyJournal(Backend& backend, const ExchangePtr& exchange) {
  std::make_shared<Verification>(backend, exchange)->goOn();
}

void backupJournal(Backend& backend, const ExchangePtr& exchange) {
  const auto target = [&]() -> Result<std::string> {
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "target"));
    return textMember(body, "target", true);
  }();
  if (!target) return exchange->fail(target.error());
  if (!target->starts_with("/")) {
    return exchange->fail(
        Error{ErrorCode::kInvalidArgument, "\"target\" must be an absolute path"});
  }
  std::make_shared<Copying>(backend, exchange, *target)->goOn();
}

void pruneJournal(Backend& backend, const ExchangePtr& exchange) {
  const auto age = [&]() -> Result<std::chrono::milliseconds> {
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "older_than"));
    BELAY_ASSIGN(const std::string text, textMember(body, "older_than", true));
    return base::parseDuration(text);
  }();
  if (!age) return exchange->fail(age.error());
  std::make_shared<Pruning>(backend, exchange, backend.deps.clock.wallMs() - age->count())->goOn();
}

void describeDaemon(Backend& backend, const ExchangePtr& exchange) {
  Value data;
  data.set("version", version::string()).set("pid", static_cast<std::int64_t>(::getpid()));
  data.set("started_at", base::formatInstant(backend.startedWallMs));
  data.set("boot_id", backend.deps.clock.bootId()).set("socket", backend.options.socket);
  data.set("open_files", descriptorLimit());
  // The daemon's own cgroup and its spawner decide it, so only the daemon can tell.
  data.set("jobs", backend.options.jobs);
  Value you;
  you.set("uid", static_cast<std::int64_t>(exchange->caller().uid));
  you.set("name", exchange->caller().name).set("role", roleName(exchange->caller().role));
  data.set("you", std::move(you));
  exchange->ok(std::move(data));
}

}  // namespace belay::api
