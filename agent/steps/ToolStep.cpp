#include "agent/steps/ToolStep.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "agent/flow/Family.h"
#include "agent/steps/GivenSecrets.h"
#include "agent/steps/HttpCalls.h"
#include "agent/steps/JobLogs.h"
#include "agent/steps/ToolEnding.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::JobId;
using base::Result;
using base::Status;
using json::Value;
using runtime::Attempt;
using runtime::StepResult;

namespace {

/// A tool ends its work within its own grace, and itself right after.
constexpr std::chrono::milliseconds kToolGrace{2'000};

}  // namespace

ToolStep::ToolStep(World world, settings::JobSettings settings,
                   std::map<flow::Family, ToolPlanner> planners, runtime::ResultSink sink)
    : world_(std::move(world)),
      settings_(std::move(settings)),
      planners_(std::move(planners)),
      sink_(std::move(sink)) {}

Result<ToolStep::WorkPtr> ToolStep::workOf(const Attempt& attempt) const {
  BELAY_ASSIGN(ToolPlan plan, planners_.at(attempt.family)(attempt));
  auto work = std::make_shared<Work>(attempt, std::move(plan), jobIdOf(attempt));
  if (work->plan.needsFolder || !work->plan.files.empty())
    work->folder = world_.folder + "/" + work->job.str();
  return work;
}

Result<trust::RenderedEffect> ToolStep::describe(const Attempt& attempt) const {
  BELAY_ASSIGN(ToolPlan plan, planners_.at(attempt.family)(attempt));
  BELAY_ASSIGN(plan.effect.env, world_.runs.shown(plan.env));
  for (trust::SecretVersion& secret : plan.effect.connectionSecrets) {
    BELAY_ASSIGN(secret.version, world_.secrets.secretVersion(secret.name));
  }
  versions_.keep(attempt, plan.effect.connectionVersion);
  return trust::RenderedEffect{std::string(flow::familyName(attempt.family)), attempt.slug,
                               attempt.key.path, std::move(plan.effect)};
}

std::optional<runtime::Performer::Connection> ToolStep::connectionOf(const Attempt& attempt) const {
  return limitedConnection(world_.connections, attempt);
}

bool ToolStep::hasTurn() const {
  return running_.size() + preparing_.size() < static_cast<std::size_t>(settings_.runningMax);
}

void ToolStep::start(const Attempt& attempt) {
  // Now, as pins are kept for the time between description and start only.
  auto allowed = versions_.take(attempt);
  if (!allowed) return fail(attempt, unpinned(attempt), true);
  Permitted permitted{attempt, std::move(*allowed)};
  if (hasTurn()) return begin(permitted);
  waiting_.push_back(std::move(permitted));
}

void ToolStep::begin(const Permitted& permitted) {
  const Attempt& attempt = permitted.attempt;
  auto work = workOf(attempt);
  if (!work) return fail(attempt, work.error(), true);
  if (permitted.version != (*work)->plan.effect.connectionVersion) {
    return fail(attempt,
                Error{ErrorCode::kReviewChanged,
                      "step " + attempt.key.path + ": connection " +
                          (*work)->plan.effect.connection + " was changed since the step was allowed"},
                true);
  }
  if (const Status launched = launch(*work); !launched) fail(attempt, launched.error(), true);
}

Status ToolStep::launch(const WorkPtr& work) {
  if (work->folder.empty()) return startJob(work);
  preparing_.emplace(work->job, work);
  const auto done = [this, work](const Status& prepared) {
    world_.onLoop([this, work, prepared] {
      if (preparing_.erase(work->job) == 0) return;  // Cancelled meanwhile.
      const Status started = prepared.ok() ? startJob(work) : prepared;
      if (!started) fail(work->attempt, started.error(), true);
    });
  };
  if (world_.pool.post([this, work, done] { done(prepare(*work)); })) return {};
  preparing_.erase(work->job);
  return Error{ErrorCode::kBusy, "too many steps wait for their files"};
}

Status ToolStep::prepare(const Work& work) const {
  // What a start left that the journal does not know of.
  BELAY_TRY(base::removeTree(work.folder));
  BELAY_TRY(base::makeFolders(work.folder));
  for (std::size_t i = 0; i < work.plan.files.size(); ++i) {
    const std::string copy = work.folder + "/put-" + std::to_string(i);
    const std::string& content = work.plan.files[i];
    if (content.starts_with("res://")) {
      BELAY_ASSIGN(const crypto::Digest digest, resources::parseResourceRef(content));
      BELAY_TRY(world_.outputs.resources().copyTo(digest, copy));
    } else {
      BELAY_TRY(base::writeFileDurably(copy, content));
    }
  }
  return {};
}

Result<std::string> ToolStep::requestOf(const Work& work,
                                        const vault::SecretSource& secrets) const {
  const Attempt& attempt = work.attempt;
  Value request = work.plan.request;
  request.set("v", 1).set("flow", attempt.slug).set("run", attempt.run.str());
  request.set("step", attempt.key.path).set("attempt", static_cast<std::int64_t>(attempt.key.attempt));
  request.set("idempotency_key", attempt.idempotencyKey);
  request.set("timeout_ms", attempt.timeoutMs).set("grace_ms", settings_.grace.count());
  request.set("now_ms", world_.clock.wallMs());
  request.set("mark", attempt.idempotencyKey.substr(0, 12));
  if (!work.folder.empty()) request.set("folder", work.folder);
  if (!work.plan.connection.isNull()) {
    BELAY_ASSIGN(Value filled, vault::withSecrets(work.plan.connection, secrets));
    request.set("connection", std::move(filled));
  }
  if (Value* const exec = request.find("exec")) {
    Value env{json::Object{}};
    if (work.plan.jobVariables) {
      for (const auto& [name, value] : world_.runs.jobVariables(attempt)) env.set(name, value);
    }
    for (const auto& [name, value] : work.plan.env) {
      const auto* secret = std::get_if<vault::SecretRef>(&value);
      if (!secret) {
        env.set(name, std::get<std::string>(value));
        continue;
      }
      BELAY_ASSIGN(const vault::Secret opened, secrets.secret(secret->name));
      env.set(name, std::string(opened.value.reveal()));
    }
    exec->set("env", std::move(env));
  }
  return json::print(request);
}

Status ToolStep::startJob(const WorkPtr& work) {
  BELAY_ASSIGN(jobs::JobSpec job, world_.runs.toolJob(work->attempt, work->plan.ours));
  BELAY_ASSIGN(job.stdinText, requestOf(*work, GivenSecrets(world_.secrets, job.secrets)));
  job.id = work->job;
  job.command = work->plan.command;
  if (!work->folder.empty()) job.workFolder = work->folder;
  if (work->plan.logBytesMax > 0) job.logBytesMax = work->plan.logBytesMax;
  job.grace = settings_.grace + kToolGrace;
  BELAY_TRY(world_.jobs.start(job));
  running_.emplace(work->job, work);
  return {};
}

void ToolStep::takeEnded(const JobId& id) {
  const auto found = running_.find(id);
  if (found != running_.end()) {
    const WorkPtr work = std::move(found->second);
    running_.erase(found);
    finish(work);
  }
  while (!waiting_.empty() && hasTurn()) {
    const Permitted next = std::move(waiting_.front());
    waiting_.pop_front();
    begin(next);
  }
}

void ToolStep::finish(const WorkPtr& work) {
  auto outcome = std::make_shared<Result<jobs::JobOutcome>>(world_.jobs.collect(work->job));
  if (!outcome->ok()) {
    const Error& error = outcome->error();
    StepResult result;
    result.ok = false;
    const bool lost = error.code == ErrorCode::kJobLost;
    result.failure = toolFailure(error, error.code == ErrorCode::kJobSpawn);
    result.ambiguous = lost && work->attempt.effect == flow::EffectClass::kOnce;
    if (lost) result.reason = error.message;
    return giveBack(work, std::move(result));
  }
  const auto logs = std::make_shared<JobLogs>(world_.jobs, work->job, **outcome, world_.outputs,
                                              work->attempt.persist);
  const auto keep = [this, work, outcome, logs] {
    giveBack(work, resultOf(*work, **outcome, *logs));
  };
  const bool small = work->folder.empty() && (logs->small() || !work->plan.streams);
  if (small || !world_.pool.post(keep)) keep();
}

StepResult ToolStep::resultOf(const Work& work, const jobs::JobOutcome& outcome,
                              const JobLogs& logs) const {
  ToolVerdict verdict = judgeTool(work.attempt, work.plan, outcome);
  StepResult result;
  result.durationMs = outcome.durationMs();
  const auto gather = [&]() -> Status {
    if (work.plan.streams) {
      BELAY_TRY(logs.keep(outcome, world_.outputs, work.attempt.key.path, verdict.output,
                          result.resources));
    }
    if (outcome.result) BELAY_TRY(keepFiles(work, *outcome.result, verdict.output, result.resources));
    verdict.output.set("duration_ms", result.durationMs);
    // It may write a credential that it was given wherever it likes.
    BELAY_ASSIGN(result.outputJson, world_.outputs.print(verdict.output));
    if (verdict.failure) {
      BELAY_ASSIGN(verdict.failure->message, world_.outputs.redact(verdict.failure->message));
    }
    return {};
  };
  if (const Status gathered = gather(); !gathered.ok() && !verdict.failure)
    verdict.failure = toolFailure(gathered.error(), false);
  if (!verdict.failure) return result;
  result.ok = false;
  result.failure = std::move(verdict.failure);
  result.retryAfterMs = verdict.retryAfterMs;
  result.ambiguous = verdict.unknown && work.attempt.effect == flow::EffectClass::kOnce;
  if (result.ambiguous) result.reason = result.failure->message;
  return result;
}

/// The files that it left in its folder, as resources, whatever persist says: there is no other
/// place for them.
Status ToolStep::keepFiles(const Work& work, const Value& told, Value& output,
                           std::vector<journal::ResourceRow>& rows) const {
  const Value* files = told.find("files");
  if (!files || !files->isArray() || work.folder.empty()) return {};
  Value kept{json::Object{}};
  for (const Value& each : files->asArray()) {
    const std::string file = each.text("file");
    if (file.empty() || file.find('/') != std::string::npos || file.front() == '.')
      return Error{ErrorCode::kPluginProtocol, "a file of the result has no name in its folder"};
    BELAY_ASSIGN(const base::UniqueFd opened,
                 base::openForReading(work.folder + "/" + file));
    struct stat info {};
    if (::fstat(opened.get(), &info) != 0) return base::errnoError(errno, "look at " + file);
    if (!S_ISREG(info.st_mode))
      return Error{ErrorCode::kPluginProtocol, "file " + file + " of the result is no regular file"};
    const std::string name = each.text("name", file);
    BELAY_TRY(world_.outputs.keepFile({}, static_cast<std::uint64_t>(info.st_size), opened.get(),
                                      flow::Persist::kAlways, name, rows));
    rows.back().mediaType = each.text("media_type", "application/octet-stream");
    kept.set(name, Outputs::describe(rows.back()));
  }
  output.set("files", std::move(kept));
  return {};
}

void ToolStep::giveBack(const WorkPtr& work, StepResult result) {
  if (!work->folder.empty()) {
    const Status removed = base::removeTree(work->folder);
    if (!removed) world_.log.error("tool.folder_left", removed.error());
  }
  if (!work->cancelled) sink_(work->attempt.run, work->attempt.key, std::move(result));
}

void ToolStep::fail(const Attempt& attempt, const Error& error, bool nothingLeft) {
  StepResult result;
  result.ok = false;
  result.failure = toolFailure(error, nothingLeft);
  sink_(attempt.run, attempt.key, std::move(result));
}

void ToolStep::recover(const Attempt& attempt) {
  const JobId id = jobIdOf(attempt);
  const auto adopted = world_.jobs.adopt(id, attempt.bootId);
  if (!adopted) return fail(attempt, adopted.error(), false);
  using State = jobs::Adoption::State;
  const bool again = adopted->state == State::kNotStarted ||
                     (adopted->state == State::kLost && attempt.effect != flow::EffectClass::kOnce);
  if (again) {
    const Status removed = adopted->state == State::kLost ? world_.jobs.remove(id) : Status();
    if (!removed) return fail(attempt, removed.error(), false);
    StepResult anew;
    anew.ok = false;
    anew.orderAnew = true;
    return sink_(attempt.run, attempt.key, std::move(anew));
  }
  auto work = workOf(attempt);
  if (!work) {
    // The settings do not know its connection any more.
    if (adopted->state == State::kRunning)
      static_cast<void>(world_.jobs.cancel(id, settings_.grace));
    return fail(attempt, work.error(), false);
  }
  if (adopted->state == State::kRunning)
    running_.emplace(id, *work);
  else
    finish(*work);
}

void ToolStep::cancel(const base::RunId& run, const engine::StepKey& key) {
  const auto isIt = [&](const Attempt& attempt) {
    return attempt.run == run && attempt.key.path == key.path;
  };
  std::erase_if(waiting_, [&](const Permitted& each) { return isIt(each.attempt); });
  std::erase_if(preparing_, [&](const auto& entry) { return isIt(entry.second->attempt); });
  for (const auto& [id, work] : running_) {
    if (!isIt(work->attempt)) continue;
    work->cancelled = true;
    const Status cancelled = world_.jobs.cancel(id, settings_.grace + kToolGrace);
    if (!cancelled && cancelled.error().code != ErrorCode::kNotFound)
      world_.log.error("job.cancel_failed", cancelled.error(), {{"job", id.str()}});
  }
}

void ToolStep::sweep() {
  const auto names = base::listFolder(world_.folder);
  if (!names) return;
  for (const std::string& name : *names) {
    const auto id = JobId::parse(name);
    if (id && !running_.contains(*id) && !preparing_.contains(*id))
      static_cast<void>(base::removeTree(world_.folder + "/" + name));
  }
}

}  // namespace belay::steps
