#include "agent/api/Backend.h"

#include <utility>

#include "agent/jobs/ProcessTree.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr std::chrono::milliseconds kLookedUpFor{1'000};
constexpr std::size_t kWorkMost = 16'384;
constexpr std::size_t kReaderThreads = 2;
constexpr std::size_t kReadersMost = 64;

/// The data of a change that is on disk.
Result<Value> complete(Changed changed, journal::Journal& journal, std::int64_t nowMs) {
  if (!changed.run) return std::move(changed.data);
  BELAY_ASSIGN(const std::optional<journal::RunRow> row, journal.run(*changed.run));
  // A run that was removed since it was started is only named.
  if (row) {
    // Who takes the place of another (on_conflict: supersede) has asked as one that waits for it.
    if (Value* queued = changed.data.find("queued"))
      *queued = row->status == engine::RunStatus::kQueued;
    changed.data.set("run", runToJson(*row, nowMs));
  } else {
    changed.data.set("run_id", changed.run->str());
  }
  return std::move(changed.data);
}

}  // namespace

Error busy() {
  return Error{ErrorCode::kBusy, "the daemon has more requests than it can queue; try again"};
}

Backend::Backend(ApiOptions apiOptions, ApiDeps apiDeps)
    : options(std::move(apiOptions)),
      deps(std::move(apiDeps)),
      workers("api-work", options.workers, kWorkMost, deps.makeSyntaxCheck),
      readers("api-read", kReaderThreads, kReadersMost, nullptr),
      jobCallers(deps.clock),
      startedWallMs(deps.clock.wallMs()) {}

bool JobCallers::has(const http::Peer& peer) {
  if (!peer.credentials) return false;
  const std::chrono::milliseconds now = clock_.sinceBoot();
  if (peer.credentials->pid != pid_ || now >= until_) {
    pid_ = peer.credentials->pid;
    belongs_ = jobs::belongsToAJob(pid_);
    until_ = now + kLookedUpFor;
  }
  return belongs_;
}

bool Backend::afterCommit(std::function<void(runtime::Runtime&)> work) {
  return deps.loop.post([work = std::move(work)](runtime::Runtime& runtime,
                                                 std::vector<runtime::Ack>& acks) -> Status {
    // After a rollback, too, what is read is what is on disk.
    acks.push_back([work, &runtime](const Status&) { work(runtime); });
    return {};
  });
}

ReadContext Backend::contextOf(runtime::Runtime& runtime) const {
  const auto progressOf = [this](const runtime::Attempt& attempt) -> std::string {
    const std::string said = deps.jobs.lastProgress(deps.jobId(attempt));
    if (said.empty()) return said;
    const auto redactor = deps.vault.redactor();
    return redactor ? (*redactor)->redact(said) : std::string();
  };
  return {runtime.journal(), runtime.flows(), deps.clock.wallMs(), progressOf};
}

void Backend::read(const ExchangePtr& exchange, std::function<Result<Value>(ReadContext&)> read) {
  const bool posted =
      afterCommit([this, exchange, read = std::move(read)](runtime::Runtime& runtime) {
        ReadContext context = contextOf(runtime);
        exchange->answer(read(context));
      });
  if (!posted) exchange->fail(busy());
}

void Backend::change(const ExchangePtr& exchange,
                     std::function<Result<Changed>(runtime::Runtime&)> change) {
  this->change(exchange, exchange->whenFull(), std::move(change));
}

void Backend::change(const ExchangePtr& exchange, bool whenFull,
                     std::function<Result<Changed>(runtime::Runtime&)> change) {
  const bool posted = deps.loop.post([this, exchange, whenFull, change = std::move(change)](
                                         runtime::Runtime& runtime,
                                         std::vector<runtime::Ack>& acks) -> Status {
    if (!whenFull && runtime.journal().fullMode()) {
      acks.push_back([exchange](const Status&) { exchange->fail(runtime::diskIsFull()); });
      return {};
    }
    Result<Changed> changed = change(runtime);
    if (!changed) {
      acks.push_back([exchange, error = changed.error()](const Status&) { exchange->fail(error); });
      return runtime::endsTransaction(changed.error().code) ? Status(changed.error()) : Status{};
    }
    acks.push_back([this, exchange, &runtime, done = std::move(*changed)](const Status& committed) {
      if (done.refusal) return exchange->fail(*done.refusal);
      if (!committed) return exchange->fail(committed.error());
      exchange->answer(complete(done, runtime.journal(), deps.clock.wallMs()));
    });
    return {};
  });
  if (!posted) exchange->fail(busy());
}

void Backend::work(const ExchangePtr& exchange, Workers::Work work) {
  if (!workers.post(std::move(work))) exchange->fail(busy());
}

void Backend::later(std::chrono::milliseconds delay, std::function<void()> work) {
  deadlines.add(deps.clock.sinceBoot() + delay, std::move(work));
}

}  // namespace belay::api
