#include "agent/steps/DbStep.h"

#include <algorithm>
#include <utility>

#include "agent/runtime/Core.h"
#include "agent/steps/Fields.h"
#include "agent/steps/HttpCalls.h"
#include "agent/steps/RunStep.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::JobId;
using base::Result;
using base::Status;
using runtime::Attempt;
using runtime::StepResult;

struct DbStep::Call {
  vault::ConnectionPtr connection;
  SqliteRequest request;
};

namespace {

/// What the process may take besides what the library counts.
constexpr std::uint64_t kOwnMemory = 64u << 20;
constexpr std::uint64_t kCopies = 12;  ///< Of the rows, as values and as text.
constexpr std::chrono::seconds kGrace{5};
constexpr std::string_view kDriver = "sqlite";

flow::FailureClass classOf(ErrorCode code) {
  if (code == ErrorCode::kStepTimeout) return flow::FailureClass::kTimeout;
  const bool later = code == ErrorCode::kDbBusy || code == ErrorCode::kDiskFull ||
                     code == ErrorCode::kBusy || code == ErrorCode::kJobLost;
  return later ? flow::FailureClass::kUnavailable : flow::FailureClass::kOther;
}

engine::Failure failureFrom(const Error& error, bool nothingLeft) {
  engine::Failure failure = runtime::failureOf(error);
  failure.kind = classOf(error.code);
  failure.nothingLeft = nothingLeft;
  return failure;
}

/// What the process says of a statement that did not run to its end: nothing has changed then, but
/// where it says that it does not know.
engine::Failure refusalOf(const json::Value& result) {
  engine::Failure failure = failureFrom(Error{ErrorCode::kDbQuery, result.text("message")}, true);
  failure.code = result.text("code");
  failure.nothingLeft = failure.code != base::errorText(ErrorCode::kStepAmbiguous);
  for (const ErrorCode code : {ErrorCode::kStepTimeout, ErrorCode::kDbBusy}) {
    if (failure.code == base::errorText(code)) failure.kind = classOf(code);
  }
  return failure;
}

}  // namespace

Result<DbStep::Call> DbStep::read(const Attempt& attempt, vault::ConnectionPtr pinned) const {
  BELAY_ASSIGN(const json::Value values, json::parse(attempt.renderedJson));
  const Fields fields(values, attempt.key.path);
  Call call;
  BELAY_ASSIGN(const std::string name, fields.text("connection"));
  BELAY_ASSIGN(call.connection,
               steps::connectionOf(world_.connections, attempt, name, std::move(pinned)));
  const auto* db = std::get_if<vault::DbConnection>(&call.connection->kind);
  if (!db) return fields.wrong("connection", "\"" + name + "\" is not of type db");
  SqliteRequest& request = call.request;
  request.file = db->file;
  // The policy decides on a path: no link may make another file of it later.
  if (const std::string real = base::resolvePath(db->file); real != db->file) {
    return Error{ErrorCode::kConnectionInvalid,
                 "connection " + call.connection->name + ": " + base::visible(db->file) +
                     " goes over a link; write where the file is: " + base::visible(real)};
  }
  BELAY_ASSIGN(request.sql, fields.text("sql"));
  if (const json::Value* params = values.find("params")) request.params = *params;
  BELAY_ASSIGN(request.write, fields.flag("write", false));
  if (request.write && !db->write) {
    return Error{ErrorCode::kDbReadOnly,
                 "connection " + call.connection->name + " is read-only, and step " +
                     attempt.key.path + " writes",
                 {"write: true in the connection, where it is meant"}};
  }
  BELAY_ASSIGN(const std::int64_t rows, fields.integer("max_rows", 1000));
  if (rows < 1 || rows > 100'000) return fields.wrong("max_rows", "must be from 1 to 100000");
  request.rowsMax = static_cast<std::uint64_t>(rows);
  request.resultBytes = settings_.resultBytes;
  request.fileBytes = settings_.fileBytes;
  request.memoryBytes = settings_.memoryBytes;
  if (attempt.timeoutMs > 0) request.timeoutMs = attempt.timeoutMs;
  return call;
}

std::optional<runtime::Performer::Connection> DbStep::connectionOf(const Attempt& attempt) const {
  return limitedConnection(world_.connections, attempt);
}

Result<trust::RenderedEffect> DbStep::describe(const Attempt& attempt) const {
  BELAY_ASSIGN(const Call call, read(attempt, nullptr));
  pins_.keep(attempt, call.connection);
  trust::DbEffect effect;
  effect.connection = call.connection->name;
  effect.connectionVersion = call.connection->version;
  effect.driver = kDriver;
  effect.file = call.request.file;
  effect.sql = call.request.sql;
  effect.write = call.request.write;
  if (!call.request.params.isNull())
    effect.paramsDigest = crypto::sha256(json::print(call.request.params)).hex();
  return trust::RenderedEffect{"db", attempt.slug, attempt.key.path, std::move(effect)};
}

void DbStep::start(const Attempt& attempt) {
  // Now, as pins are kept for the time between description and start only.
  Permitted permitted{attempt, pins_.take(attempt)};
  if (!permitted.connection) return fail(attempt, unpinned(attempt), true);
  if (hasTurn()) return begin(permitted);
  waiting_.push_back(std::move(permitted));
}

bool DbStep::hasTurn() const {
  return running_.size() < static_cast<std::size_t>(settings_.runningMax);
}

void DbStep::begin(const Permitted& permitted) {
  const Status launched = launch(permitted);
  if (!launched) fail(permitted.attempt, launched.error(), true);
}

Status DbStep::launch(const Permitted& permitted) {
  const Attempt& attempt = permitted.attempt;
  BELAY_ASSIGN(const Call call, read(attempt, permitted.connection));
  jobs::JobSpec job;
  job.id = jobIdOf(attempt);
  job.command = {"/proc/self/exe", "db-statement"};
  job.workFolder = world_.workFolder;
  job.stdinText = json::print(call.request.toJson());
  // The statement ends itself at its timeout; this is for what does not come to look.
  job.deadline = world_.clock.sinceBoot() +
                 std::chrono::milliseconds{call.request.timeoutMs} + kGrace;
  job.grace = std::chrono::milliseconds{0};
  job.logBytesMax = 64u << 10;
  job.resultBytesMax = settings_.resultBytes + (1u << 20);
  job.limits.addressSpaceBytes =
      settings_.memoryBytes + kCopies * settings_.resultBytes + kOwnMemory;
  job.limits.fileBytes = settings_.fileBytes;
  job.limits.cpuSeconds = static_cast<std::uint64_t>(call.request.timeoutMs / 1000 + 10);
  BELAY_TRY(world_.jobs.start(job));
  running_.emplace(job.id, attempt);
  return {};
}

void DbStep::recover(const Attempt& attempt) {
  const JobId id = jobIdOf(attempt);
  const auto adopted = world_.jobs.adopt(id, attempt.bootId);
  if (!adopted) return fail(attempt, adopted.error(), false);
  using State = jobs::Adoption::State;
  if (adopted->state == State::kRunning) {
    running_.emplace(id, attempt);
  } else if (adopted->state == State::kEnded) {
    finish(attempt, id);
  } else if (adopted->state == State::kNotStarted || attempt.effect != flow::EffectClass::kOnce) {
    static_cast<void>(world_.jobs.remove(id));
    StepResult anew;
    anew.ok = false;
    anew.orderAnew = true;
    sink_(attempt.run, attempt.key, std::move(anew));
  } else {
    StepResult lost;
    lost.ok = false;
    lost.ambiguous = true;
    lost.reason = adopted->reason;
    lost.failure = failureFrom(Error{ErrorCode::kJobLost, adopted->reason}, false);
    sink_(attempt.run, attempt.key, std::move(lost));
  }
}

void DbStep::cancel(const base::RunId& run, const engine::StepKey& key) {
  const auto isIt = [&](const Attempt& attempt) {
    return attempt.run == run && attempt.key.path == key.path;
  };
  std::erase_if(waiting_, [&](const Permitted& each) { return isIt(each.attempt); });
  for (const auto& [id, attempt] : running_) {
    if (isIt(attempt)) static_cast<void>(world_.jobs.cancel(id, std::chrono::milliseconds{0}));
  }
}

void DbStep::takeEnded(const JobId& id) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  const Attempt attempt = std::move(found->second);
  running_.erase(found);
  finish(attempt, id);
  while (!waiting_.empty() && hasTurn()) {
    const Permitted next = std::move(waiting_.front());
    waiting_.pop_front();
    begin(next);
  }
}

void DbStep::finish(const Attempt& attempt, const JobId& id) {
  const auto outcome = world_.jobs.collect(id);
  if (outcome) return sink_(attempt.run, attempt.key, resultOf(attempt, *outcome));
  const bool lost = outcome.error().code == ErrorCode::kJobLost;
  StepResult result;
  result.ok = false;
  result.ambiguous = lost && attempt.effect == flow::EffectClass::kOnce;
  result.reason = outcome.error().message;
  result.failure = failureFrom(outcome.error(), outcome.error().code == ErrorCode::kJobSpawn);
  sink_(attempt.run, attempt.key, std::move(result));
}

StepResult DbStep::resultOf(const Attempt& attempt, const jobs::JobOutcome& outcome) {
  StepResult result;
  result.durationMs = outcome.durationMs();
  const auto failed = [&](const Error& error, bool nothingLeft) {
    result.ok = false;
    result.failure = failureFrom(error, nothingLeft);
    return result;
  };
  if (outcome.result && outcome.result->find("code")) {
    result.ok = false;
    result.failure = refusalOf(*outcome.result);
    result.ambiguous = !result.failure->nothingLeft && attempt.effect == flow::EffectClass::kOnce;
    if (result.ambiguous) result.reason = result.failure->message;
    return result;
  }
  if (outcome.result && outcome.result->find("rows")) {
    json::Value output = *outcome.result;
    output.set("duration_ms", result.durationMs);
    auto clean = world_.outputs.print(output);
    if (!clean) return failed(clean.error(), false);
    result.outputJson = std::move(*clean);
    return result;
  }
  // It said nothing: whether a write took place is known by nobody.
  Error error{ErrorCode::kDbQuery, "the process of the statement ended without an answer"};
  if (outcome.record.killedBy == jobs::JobKiller::kDeadline)
    error = Error{ErrorCode::kStepTimeout, "the statement was ended after its timeout"};
  else if (outcome.record.end == jobs::JobEnd::kSpawnFailed)
    return failed(Error{ErrorCode::kJobSpawn, "the process of the statement did not start"}, true);
  result.ambiguous = attempt.effect == flow::EffectClass::kOnce;
  result.reason = error.message;
  return failed(error, false);
}

void DbStep::fail(const Attempt& attempt, const Error& error, bool nothingLeft) {
  StepResult result;
  result.ok = false;
  result.failure = failureFrom(error, nothingLeft);
  sink_(attempt.run, attempt.key, std::move(result));
}

}  // namespace belay::steps
