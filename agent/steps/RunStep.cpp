#include "agent/steps/RunStep.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "agent/steps/GivenSecrets.h"
#include "agent/steps/JobLogs.h"
#include "agent/steps/ToolEnding.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using runtime::Attempt;
using runtime::StepResult;

namespace {

constexpr const char* kCallbackToken = "BELAY_CALLBACK_TOKEN";

engine::Failure failureFrom(const Error& error, bool nothingLeft) {
  engine::Failure failure;
  failure.code = base::errorText(error.code);
  failure.message = error.message;
  failure.nothingLeft = nothingLeft;
  switch (error.code) {
    case ErrorCode::kStepTimeout:
      failure.kind = flow::FailureClass::kTimeout;
      break;
    case ErrorCode::kStepExitCode:
    case ErrorCode::kJobSignalled:
      failure.kind = flow::FailureClass::kExitCode;
      break;
    case ErrorCode::kBusy:
    case ErrorCode::kDiskFull:
    case ErrorCode::kJobLost:
      failure.kind = flow::FailureClass::kUnavailable;
      break;
    default:
      break;
  }
  return failure;
}

/// A job that has ended, and what of it has to be read.
struct Ended {
  Attempt attempt;
  jobs::JobOutcome outcome;
  std::vector<int> okExitCodes;
  JobLogs logs;
  std::vector<Result<base::UniqueFd>> files;  // As in outcome.files.
};

/// What payload.json of a job stands beside.
std::string contextOf(const Attempt& attempt) {
  json::Value out;
  out.set("v", std::int64_t{1}).set("run", attempt.run.str()).set("flow", attempt.slug);
  out.set("step", attempt.key.path).set("visit", static_cast<std::int64_t>(attempt.key.visit));
  out.set("attempt", static_cast<std::int64_t>(attempt.key.attempt));
  out.set("idempotency_key", attempt.idempotencyKey);
  return json::print(out);
}

/// Stores the files that a job left, as `files` and `attachments` of its output. The first that
/// could not be kept is an error.
Status keepFiles(Ended& ended, Outputs& outputs, json::Value& output,
                 std::vector<journal::ResourceRow>& rows) {
  json::Value collected(json::Object{});
  json::Value attached(json::Object{});
  Status verdict;
  for (std::size_t i = 0; i < ended.outcome.files.size(); ++i) {
    const jobs::KeptFile& file = ended.outcome.files[i];
    // The job has chosen it: what its secrets are must not stand in it.
    BELAY_ASSIGN(const std::string name, outputs.redact(file.name));
    if (!file.problem.empty()) {
      if (verdict) {
        verdict = Error{ErrorCode::kJobResult, (file.collected ? "collect " : "attach ") +
                                                   base::visible(name) + ": " + file.problem};
      }
      continue;
    }
    if (!ended.files[i]) return ended.files[i].error();
    BELAY_TRY(outputs.keepFile({}, file.bytes, ended.files[i]->get(), flow::Persist::kAlways, name,
                               rows));
    rows.back().mediaType = "application/octet-stream";
    (file.collected ? collected : attached).set(name, Outputs::describe(rows.back()));
  }
  if (!collected.asObject().empty()) output.set("files", std::move(collected));
  if (!attached.asObject().empty()) output.set("attachments", std::move(attached));
  return verdict;
}

Result<StepResult> resultOf(Ended& ended, Outputs& outputs) {
  StepResult result;
  result.durationMs = ended.outcome.durationMs();
  const jobs::ExitRecord& record = ended.outcome.record;
  json::Value output;
  if (record.end == jobs::JobEnd::kExited) output.set("exit_code", record.exitCode);
  if (record.end == jobs::JobEnd::kSignalled) output.set("signal", record.signal);
  std::vector<journal::ResourceRow> rows;
  BELAY_TRY(ended.logs.keep(ended.outcome, outputs, ended.attempt.key.path, output, rows));
  if (ended.outcome.result) {
    // A job may write a secret that it was given wherever it likes.
    BELAY_ASSIGN(const std::string clean, outputs.print(*ended.outcome.result));
    BELAY_ASSIGN(json::Value told, json::parse(clean));
    output.set("result", std::move(told));
  }
  output.set("duration_ms", result.durationMs);
  const Status kept = keepFiles(ended, outputs, output, rows);
  if (!kept && kept.error().code != ErrorCode::kJobResult) return kept.error();
  result.resources = std::move(rows);
  result.outputJson = json::print(output);
  Status verdict = jobs::judge(ended.outcome, ended.okExitCodes);
  if (verdict) verdict = kept;
  if (!verdict && verdict.error().code == ErrorCode::kStepTimeout)
    verdict = timeoutOf(ended.attempt);
  if (!verdict) {
    result.ok = false;
    result.failure = failureFrom(verdict.error(), verdict.error().code == ErrorCode::kJobSpawn);
  }
  return result;
}

}  // namespace

base::JobId jobIdOf(const base::RunId& run, const engine::StepKey& key,
                    std::string_view idempotencyKey) {
  // The run's id in front, so that a folder tells whose it is.
  auto id = base::JobId::parse(run.str() + "-" + std::string(idempotencyKey.substr(0, 16)) + "-" +
                               std::to_string(key.attempt));
  BELAY_CHECK(id.ok());
  return *id;
}

base::JobId jobIdOf(const Attempt& attempt) {
  return jobIdOf(attempt.run, attempt.key, attempt.idempotencyKey);
}

RunStep::RunStep(World world, settings::JobSettings settings, runtime::ResultSink sink)
    : world_(std::move(world)), settings_(std::move(settings)), sink_(std::move(sink)) {}

std::string RunStep::executableOf(const RunSpec& spec) const {
  const std::vector<std::string>& argv = spec.command.empty() ? spec.shell : spec.command;
  return findProgram(argv.empty() ? "/bin/sh" : argv.front(), settings_.path);
}

std::string findProgram(const std::string& name, std::string_view path) {
  if (name.find('/') != std::string::npos) return base::resolvePath(name);
  for (const std::string_view folder : base::split(path, ':')) {
    const std::string candidate = std::string(folder) + "/" + name;
    if (base::isExecutable(candidate)) return base::resolvePath(candidate);
  }
  return name;
}

Result<trust::RenderedEffect> RunStep::describe(const Attempt& attempt) const {
  BELAY_ASSIGN(const RunSpec spec, readRunSpec(attempt, settings_));
  trust::RunEffect effect;
  effect.executable = executableOf(spec);
  effect.argv = spec.command.empty() ? spec.shell : spec.command;
  if (spec.command.empty()) {
    if (effect.argv.empty()) effect.argv = {"/bin/sh", "-e"};
    effect.argv.push_back(spec.script);
  }
  BELAY_ASSIGN(const jobs::IsolationPlan plan, world_.isolation.plan(attempt.slug, spec.profile));
  effect.cwd = base::resolvePath(workFolderOf(spec, plan));
  BELAY_ASSIGN(effect.env, shown(spec.env));
  if (!spec.stdinRef.empty())
    effect.stdinDigest = spec.stdinRef.substr(spec.stdinRef.rfind('/') + 1);
  else if (!spec.stdinText.empty())
    effect.stdinDigest = crypto::sha256(spec.stdinText).hex();
  if (!spec.payload.empty()) effect.payloadDigest = crypto::sha256(spec.payload).hex();
  effect.collect = spec.collect;
  effect.profile = profileName(plan.profile);
  return trust::RenderedEffect{"run", attempt.slug, attempt.key.path, std::move(effect)};
}

Result<std::vector<trust::EffectValue>> RunStep::shown(
    const std::vector<std::pair<std::string, vault::TextOrSecret>>& environment) const {
  std::vector<trust::EffectValue> out;
  for (const auto& [name, value] : environment) {
    trust::EffectValue each;
    each.name = name;
    if (const auto* secret = std::get_if<vault::SecretRef>(&value)) {
      each.secret = secret->name;
      BELAY_ASSIGN(each.secretVersion, world_.secrets.secretVersion(secret->name));
    } else {
      each.text = std::get<std::string>(value);
    }
    out.push_back(std::move(each));
  }
  return out;
}

Result<jobs::IsolationPlan> RunStep::isolationOf(const std::string& slug,
                                                 const std::string& profile) const {
  return world_.isolation.plan(slug, profile);
}

Result<jobs::JobSpec> RunStep::otherJob(
    const Attempt& attempt, std::vector<std::pair<std::string, vault::TextOrSecret>> environment,
    const std::string& profile) {
  RunSpec spec;
  spec.env = std::move(environment);
  spec.maxOutput = settings_.logBytesMax;
  spec.profile = profile;
  BELAY_ASSIGN(const jobs::IsolationPlan plan, world_.isolation.plan(attempt.slug, profile));
  return makeJob(attempt, spec, plan);
}

Result<jobs::JobSpec> RunStep::toolJob(const Attempt& attempt, bool ours) {
  RunSpec spec;
  spec.maxOutput = settings_.logBytesMax;
  if (ours) return makeJob(attempt, spec, {});
  BELAY_ASSIGN(const jobs::IsolationPlan plan, world_.isolation.plan(attempt.slug, {}));
  return makeJob(attempt, spec, plan);
}

std::map<std::string, std::string> RunStep::jobVariables(const Attempt& attempt) const {
  std::map<std::string, std::string> out;
  out["BELAY_RUN_ID"] = attempt.run.str();
  out["BELAY_FLOW"] = attempt.slug;
  out["BELAY_STEP"] = attempt.key.path;
  out["BELAY_VISIT"] = std::to_string(attempt.key.visit);
  out["BELAY_ATTEMPT"] = std::to_string(attempt.key.attempt);
  out["BELAY_IDEMPOTENCY_KEY"] = attempt.idempotencyKey;
  if (!attempt.callbackWait.empty()) {
    out["BELAY_CALLBACK_WAIT"] = attempt.callbackWait;
    out[kCallbackToken] = world_.callbackToken(attempt.callbackWait);
    const std::string url =
        world_.callbackUrl ? world_.callbackUrl(attempt.callbackWait) : std::string();
    if (!url.empty()) out["BELAY_CALLBACK_URL"] = url;
  }
  return out;
}

Result<std::vector<std::pair<std::string, std::string>>> RunStep::environmentOf(
    const Attempt& attempt, const RunSpec& spec, jobs::JobProfile profile,
    const vault::SecretSource& secrets) {
  std::map<std::string, std::string> out{{"PATH", settings_.path}, {"LANG", "C.UTF-8"}};
  std::vector<std::string> passed{"TZ"};
  if (profile == jobs::JobProfile::kBare) passed.insert(passed.end(), {"HOME", "USER"});
  passed.insert(passed.end(), settings_.passEnvironment.begin(), settings_.passEnvironment.end());
  for (const std::string& name : passed) {
    if (auto value = world_.environment(name)) out[name] = std::move(*value);
  }
  out.merge(jobVariables(attempt));
  for (const auto& [name, value] : spec.env) {
    if (const auto* secret = std::get_if<vault::SecretRef>(&value)) {
      BELAY_ASSIGN(const vault::Secret opened, secrets.secret(secret->name));
      out[name] = std::string(opened.value.reveal());
    } else {
      out[name] = std::get<std::string>(value);
    }
  }
  return std::vector<std::pair<std::string, std::string>>(out.begin(), out.end());
}

std::string RunStep::workFolderOf(const RunSpec& spec, const jobs::IsolationPlan& plan) const {
  if (!spec.cwd.empty()) return spec.cwd;
  return plan.folder.empty() ? settings_.workFolder : plan.folder;
}

Result<jobs::JobSpec> RunStep::makeJob(const Attempt& attempt, const RunSpec& spec,
                                       const jobs::IsolationPlan& plan) {
  jobs::JobSpec job;
  job.id = jobIdOf(attempt);
  job.command = spec.command;
  job.script = spec.script;
  if (!spec.shell.empty()) job.shell = spec.shell;
  job.workFolder = workFolderOf(spec, plan);
  const GivenSecrets secrets(world_.secrets, job.secrets);
  BELAY_ASSIGN(job.environment, environmentOf(attempt, spec, plan.profile, secrets));
  // Whoever may read its log must not be able to answer for it.
  if (!attempt.callbackWait.empty())
    job.secrets.emplace_back(kCallbackToken, world_.callbackToken(attempt.callbackWait));
  job.stdinText = spec.stdinText;
  if (attempt.timeoutMs > 0) {
    job.deadline = world_.clock.sinceBoot() + std::chrono::milliseconds{attempt.timeoutMs};
  }
  job.grace = settings_.grace;
  job.logBytesMax = spec.maxOutput;
  job.resultBytesMax = settings_.resultBytesMax;
  job.filesBytesMax = settings_.filesBytesMax;
  job.collect = spec.collect;
  if (!spec.payload.empty()) {
    job.payload = spec.payload;
    job.context = contextOf(attempt);
  }
  if (settings_.processesMax > 0)
    job.limits.processes = static_cast<std::uint64_t>(settings_.processesMax);
  if (settings_.openFilesMax > 0)
    job.limits.openFiles = static_cast<std::uint64_t>(settings_.openFilesMax);
  if (settings_.memoryBytes > 0) job.limits.addressSpaceBytes = settings_.memoryBytes;
  if (settings_.fileBytes > 0) job.limits.fileBytes = settings_.fileBytes;
  if (settings_.treeMemoryBytes > 0) job.limits.treeMemoryBytes = settings_.treeMemoryBytes;
  if (settings_.treeProcessesMax > 0)
    job.limits.treeProcesses = static_cast<std::uint64_t>(settings_.treeProcessesMax);
  BELAY_TRY(world_.isolation.apply(attempt.slug, plan, job));
  return job;
}

bool RunStep::hasTurn() const {
  return running_.size() + preparing_.size() < static_cast<std::size_t>(settings_.runningMax);
}

void RunStep::start(const Attempt& attempt) {
  if (!hasTurn()) {
    waiting_.push_back(attempt);
    return;
  }
  if (const Status launched = launch(attempt); !launched) fail(attempt, launched.error(), true);
}

Status RunStep::launch(const Attempt& attempt) {
  BELAY_ASSIGN(const RunSpec spec, readRunSpec(attempt, settings_));
  if (spec.stdinRef.empty()) return startJob(attempt, {});
  launchWithInput(attempt, spec.stdinRef);
  return {};
}

void RunStep::launchWithInput(const Attempt& attempt, const std::string& ref) {
  const base::JobId id = jobIdOf(attempt);
  preparing_.emplace(id, attempt);
  const std::string path = world_.materialFolder + "/" + id.str() + ".stdin";
  const auto done = [this, id, path](const Status& copied) {
    world_.onLoop([this, id, path, copied] {
      const auto found = preparing_.find(id);
      if (found == preparing_.end()) return;  // Cancelled meanwhile.
      const Attempt prepared = std::move(found->second);
      preparing_.erase(found);
      const Status started = copied.ok() ? startJob(prepared, path) : copied;
      // The job has it open, or nobody wants it.
      static_cast<void>(base::removeFile(path));
      if (!started) fail(prepared, started.error(), true);
    });
  };
  const bool posted = world_.pool.post([this, ref, path, done] {
    done([&]() -> Status {
      BELAY_ASSIGN(const crypto::Digest digest, resources::parseResourceRef(ref));
      BELAY_TRY(base::removeFile(path));
      return world_.outputs.resources().copyTo(digest, path);
    }());
  });
  if (!posted) done(Error{ErrorCode::kBusy, "too many steps wait for their input"});
}

Status RunStep::startJob(const Attempt& attempt, const std::string& stdinPath) {
  BELAY_ASSIGN(const RunSpec spec, readRunSpec(attempt, settings_));
  BELAY_ASSIGN(const jobs::IsolationPlan plan, world_.isolation.plan(attempt.slug, spec.profile));
  BELAY_ASSIGN(jobs::JobSpec job, makeJob(attempt, spec, plan));
  job.stdinPath = stdinPath;
  BELAY_TRY(world_.jobs.start(job));
  running_.emplace(job.id, attempt);
  return {};
}

void RunStep::recover(const Attempt& attempt) {
  const base::JobId id = jobIdOf(attempt);
  const auto adopted = world_.jobs.adopt(id, attempt.bootId);
  if (!adopted) return fail(attempt, adopted.error(), false);
  switch (adopted->state) {
    case jobs::Adoption::State::kRunning:
      running_.emplace(id, attempt);
      return;
    case jobs::Adoption::State::kEnded:
      return finish(attempt, id);
    case jobs::Adoption::State::kNotStarted:
      return orderAnew(attempt);
    case jobs::Adoption::State::kLost:
      break;
  }
  if (attempt.effect == flow::EffectClass::kOnce) {
    return lose(attempt, Error{ErrorCode::kJobLost, adopted->reason});
  }
  // Its processes are dead, and what it did may be done again: under the same key, from the start.
  if (const Status removed = world_.jobs.remove(id); !removed) {
    return fail(attempt, removed.error(), false);
  }
  world_.log.warning("job.repeated", {{"job", id.str()}, {"reason", adopted->reason}});
  orderAnew(attempt);
}

void RunStep::orderAnew(const Attempt& attempt) {
  StepResult result;
  result.ok = false;
  result.orderAnew = true;
  sink_(attempt.run, attempt.key, std::move(result));
}

void RunStep::lose(const Attempt& attempt, const Error& error) {
  StepResult lost;
  lost.ok = false;
  lost.ambiguous = attempt.effect == flow::EffectClass::kOnce;
  lost.reason = error.message;
  lost.failure = failureFrom(error, false);
  sink_(attempt.run, attempt.key, std::move(lost));
}

void RunStep::cancel(const base::RunId& run, const engine::StepKey& key) {
  const auto isIt = [&](const Attempt& attempt) {
    return attempt.run == run && attempt.key.path == key.path;
  };
  std::erase_if(waiting_, isIt);
  std::erase_if(preparing_, [&](const auto& entry) { return isIt(entry.second); });
  for (const auto& [id, attempt] : running_) {
    if (!isIt(attempt)) continue;
    const Status cancelled = world_.jobs.cancel(id, settings_.grace);
    if (!cancelled && cancelled.error().code != ErrorCode::kNotFound) {
      world_.log.error("job.cancel_failed", cancelled.error(), {{"job", id.str()}});
    }
  }
}

void RunStep::endStrays() {
  const auto strays = world_.jobs.strays();
  if (!strays) return world_.log.error("job.strays_unknown", strays.error(), {});
  for (const base::JobId& id : *strays) {
    if (running_.contains(id)) continue;
    const auto adopted = world_.jobs.adopt(id, world_.clock.bootId());
    if (!adopted || adopted->state != jobs::Adoption::State::kRunning) continue;
    world_.log.warning("job.stray", {{"job", id.str()}});
    static_cast<void>(world_.jobs.cancel(id, settings_.grace));
  }
}

void RunStep::takeEnded() {
  for (const base::JobId& id : world_.jobs.takeEnded()) {
    const auto found = running_.find(id);
    if (found == running_.end()) {
      if (world_.others) world_.others(id);
      continue;
    }
    const Attempt attempt = std::move(found->second);
    running_.erase(found);
    finish(attempt, id);
  }
  startWaiting();
}

void RunStep::startWaiting() {
  while (!waiting_.empty() && hasTurn()) {
    const Attempt next = std::move(waiting_.front());
    waiting_.pop_front();
    start(next);
  }
}

void RunStep::finish(const Attempt& attempt, const base::JobId& id) {
  auto outcome = world_.jobs.collect(id);
  if (!outcome && outcome.error().code == ErrorCode::kJobLost)
    return lose(attempt, outcome.error());
  if (!outcome) return fail(attempt, outcome.error(), outcome.error().code == ErrorCode::kJobSpawn);
  const auto spec = readRunSpec(attempt, settings_);
  if (!spec) return fail(attempt, spec.error(), false);
  JobLogs logs(world_.jobs, id, *outcome, world_.outputs, attempt.persist);
  auto ended = std::make_shared<Ended>(
      Ended{attempt, std::move(*outcome), spec->okExitCodes, std::move(logs), {}});
  for (const jobs::KeptFile& file : ended->outcome.files) {
    ended->files.push_back(file.problem.empty() ? world_.jobs.openFile(id, file.number)
                                                : Result<base::UniqueFd>(base::UniqueFd()));
  }
  const auto collect = [this, ended] {
    auto result = resultOf(*ended, world_.outputs);
    if (result)
      sink_(ended->attempt.run, ended->attempt.key, std::move(*result));
    else
      fail(ended->attempt, result.error(), false);
  };
  // Storing megabytes would hold up the loop; what is small is done before a thread would wake.
  const bool small = ended->logs.small() && ended->files.empty();
  if (small || !world_.pool.post(collect)) collect();
}

void RunStep::fail(const Attempt& attempt, const Error& error, bool nothingLeft) {
  StepResult result;
  result.ok = false;
  result.failure = failureFrom(error, nothingLeft);
  sink_(attempt.run, attempt.key, std::move(result));
}

}  // namespace belay::steps
