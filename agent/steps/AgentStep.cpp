#include "agent/steps/AgentStep.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "agent/agents/DriveResult.h"
#include "agent/steps/AgentOutput.h"
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

namespace {

constexpr std::string_view kSelf = "/proc/self/exe";
constexpr std::string_view kWhereFile = "/where";
constexpr std::chrono::minutes kEndBound{10};
/// The driver ends its agent within its own grace, and itself at most 2 s later.
constexpr std::chrono::milliseconds kDriverGrace{4'000};

std::string digestOf(const agents::Permissions& permissions) {
  agents::DriveSpec only;
  only.permissions = permissions;
  return crypto::sha256(agents::printDriveSpec(only)).hex();
}

std::string shownPlace(const agents::WorkspaceSpec& workspace) {
  if (workspace.kind == agents::WorkspaceKind::kScratch) return "scratch";
  return (workspace.kind == agents::WorkspaceKind::kGit ? "git:" : "dir:") + workspace.place;
}

JobId endJobOf(const JobId& agentJob) {
  auto id = JobId::parse(agentJob.str() + "-end");
  BELAY_CHECK(id.ok());
  return *id;
}

}  // namespace

AgentStep::AgentStep(World world, settings::JobSettings settings, json::Value hostAgents,
                     runtime::ResultSink sink)
    : world_(std::move(world)),
      settings_(std::move(settings)),
      hostAgents_(std::move(hostAgents)),
      sink_(std::move(sink)) {}

Result<trust::RenderedEffect> AgentStep::describe(const Attempt& attempt) const {
  BELAY_ASSIGN(const AgentPlan plan, readAgentPlan(attempt, hostAgents_, settings_.path));
  trust::AgentEffect effect;
  effect.agent = plan.hostAgent;
  effect.adapter = plan.drive.adapter;
  effect.executable = plan.drive.binary;
  effect.args = plan.drive.args;
  effect.model = plan.drive.model;
  effect.workspace = shownPlace(plan.workspace);
  effect.ref = plan.workspace.ref;
  BELAY_ASSIGN(effect.env, world_.runs.shown(plan.env));
  effect.promptDigest = crypto::sha256(plan.drive.appendSystem + '\0' + plan.drive.prompt).hex();
  effect.permissionsDigest = digestOf(plan.drive.permissions);
  for (const auto& [path, content] : plan.files) {
    effect.files.emplace_back(path, content.starts_with("res://")
                                        ? content.substr(content.rfind('/') + 1)
                                        : crypto::sha256(content).hex());
  }
  effect.accepted = plan.accepted;
  BELAY_ASSIGN(const jobs::IsolationPlan isolation,
               world_.runs.isolationOf(attempt.slug, plan.profile));
  effect.profile = profileName(isolation.profile);
  return trust::RenderedEffect{"agent", attempt.slug, attempt.key.path, std::move(effect)};
}

Result<AgentStep::WorkPtr> AgentStep::workOf(const Attempt& attempt) const {
  // What was used since the intent was recorded counts as well.
  BELAY_ASSIGN(json::Value spec, json::parse(attempt.renderedJson));
  BELAY_ASSIGN(json::Value spent, world_.spent(attempt.run, spec.text("use")));
  Attempt now = attempt;
  if (spent.isObject()) now.renderedJson = json::print(spec.set("spent", std::move(spent)));
  BELAY_ASSIGN(AgentPlan plan, readAgentPlan(now, hostAgents_, settings_.path));
  BELAY_ASSIGN(const jobs::IsolationPlan isolation,
               world_.runs.isolationOf(attempt.slug, plan.profile));
  auto work = std::make_shared<Work>();
  work->attempt = attempt;
  work->agentJob = jobIdOf(attempt);
  work->endJob = endJobOf(work->agentJob);
  const bool away = !isolation.folder.empty();
  work->home = away ? isolation.folder : world_.folder;
  work->folder = work->home + (away ? "/agents/" : "/") + attempt.run.str() + "/" +
                 work->agentJob.str().substr(attempt.run.str().size() + 1);
  work->plan = std::move(plan);
  work->plan.workspace.foreign = away;
  if (!work->plan.workspace.made) work->plan.workspace.folder = work->folder;
  return work;
}

bool AgentStep::hasTurn() const {
  return running_.size() + preparing_.size() < static_cast<std::size_t>(settings_.agentsMax);
}

/// What one of its steps will have used is known when it has ended, so those that share a budget
/// work one after the other.
bool AgentStep::mustWaitFor(const AgentPlan& plan, const base::RunId& run) const {
  if (!plan.sharesBudget()) return false;
  const auto uses = [&](const auto& entry) {
    return entry.second->attempt.run == run && entry.second->plan.use == plan.use;
  };
  for (const auto* works : {&running_, &preparing_, &collecting_}) {
    if (std::any_of(works->begin(), works->end(), uses)) return true;
  }
  return false;
}

/// Ordered anew, behind the result of the one that it waited for: so the ledger knows of that.
void AgentStep::releaseHeld(const base::RunId& run) {
  for (const Attempt& attempt : held_) {
    if (attempt.run != run) continue;
    StepResult anew;
    anew.ok = false;
    anew.orderAnew = true;
    sink_(attempt.run, attempt.key, std::move(anew));
  }
  std::erase_if(held_, [&](const Attempt& each) { return each.run == run; });
}

void AgentStep::start(const Attempt& attempt) {
  if (!hasTurn()) {
    waiting_.push_back(attempt);
    return;
  }
  auto work = workOf(attempt);
  if (!work) return fail(attempt, work.error(), true);
  if (mustWaitFor((*work)->plan, attempt.run)) {
    held_.push_back(attempt);
    return;
  }
  if (const Status launched = launch(*work); !launched) fail(attempt, launched.error(), true);
}

/// Folders and files are made where they hold up nobody.
Status AgentStep::launch(const WorkPtr& work) {
  const agents::DriveSpec& drive = work->plan.drive;
  if (!drive.binary.starts_with('/') || !base::isExecutable(drive.binary)) {
    agents::DriveResult none;
    none.outcome = agents::Outcome::kNotFound;
    none.detail = "the program of agent " + work->plan.name + ", " + drive.binary +
                  ", is not there or may not be executed";
    giveBack(work, resultOf(work->attempt, work->plan, none));
    return {};
  }
  preparing_.emplace(work->agentJob, work);
  hasFolders_ = true;
  const auto done = [this, work](const Status& prepared) {
    world_.onLoop([this, work, prepared] {
      if (preparing_.erase(work->agentJob) == 0) return;  // Cancelled meanwhile.
      const Status started = prepared.ok() ? startAgent(work) : prepared;
      if (!started) fail(work->attempt, started.error(), true);
    });
  };
  if (world_.pool.post([this, work, done] { done(prepare(*work)); })) return {};
  preparing_.erase(work->agentJob);
  return Error{ErrorCode::kBusy, "too many steps wait for their files"};
}

Status AgentStep::prepare(const Work& work) {
  const std::string mark = world_.folder + "/" + work.attempt.run.str();
  BELAY_TRY(base::makeFolders(mark));
  if (work.plan.keep != "never")
    BELAY_TRY(base::writeFileDurably(mark + "/keep", work.plan.keep));
  if (work.home != world_.folder) {
    json::Value where;
    where.set("slug", work.attempt.slug).set("profile", work.plan.profile);
    where.set("folder", work.home + "/agents/" + work.attempt.run.str());
    BELAY_TRY(base::writeFileDurably(mark + std::string(kWhereFile), json::print(where)));
  }
  return writeOrder(work);
}

std::string AgentStep::orderOf(const Work& work) const {
  return world_.folder + "/" + work.attempt.run.str() + "/" + work.agentJob.str() + ".order";
}

/// The order, and behind it the contents of the files: all that the job reads of the daemon's, by
/// the descriptor of its standard input.
Status AgentStep::writeOrder(const Work& work) {
  agents::WorkOrder order;
  order.folder = work.folder;
  order.workspace = work.plan.workspace;
  for (const auto& [path, content] : work.plan.files) {
    std::uint64_t bytes = content.size();
    if (content.starts_with("res://")) {
      BELAY_ASSIGN(const crypto::Digest digest, resources::parseResourceRef(content));
      BELAY_ASSIGN(bytes, world_.outputs.resources().size(digest));
    }
    order.files.emplace_back(bytes, path);
  }
  agents::DriveSpec drive = work.plan.drive;
  drive.cwd = order.workspace.tree();
  drive.rawFolder = work.folder + "/raw";
  drive.graceMs = settings_.grace.count();
  for (const auto& [name, value] : work.plan.env) {
    if (std::holds_alternative<vault::SecretRef>(value)) drive.secretVariables.push_back(name);
  }
  drive.digest = work.plan.accepted;
  if (drive.digest.empty()) {
    BELAY_ASSIGN(drive.digest, world_.locked(work.plan));
  }
  order.drive = agents::printDriveSpec(drive);
  const std::string path = orderOf(work);
  BELAY_TRY(base::removeFile(path));
  const base::UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return base::errnoError(errno, "create " + path);
  const auto put = [&](std::string_view piece) { return base::writeAll(file.get(), piece, path); };
  BELAY_TRY(put(agents::printWorkOrder(order)));
  for (const auto& [to, content] : work.plan.files) {
    if (!content.starts_with("res://")) {
      BELAY_TRY(put(content));
      continue;
    }
    BELAY_ASSIGN(const crypto::Digest digest, resources::parseResourceRef(content));
    BELAY_TRY(world_.outputs.resources().stream(digest, put));
  }
  return {};
}

Result<jobs::JobSpec> AgentStep::makeJob(const WorkPtr& work, const JobId& id,
                                         std::string_view verb) {
  BELAY_ASSIGN(jobs::JobSpec job,
               world_.runs.otherJob(work->attempt, work->plan.env, work->plan.profile));
  job.id = id;
  job.workFolder = work->home;
  job.grace = settings_.grace + kDriverGrace;
  std::string self(kSelf);
  if (job.cell.profile != jobs::JobProfile::kBare) {
    // Bubblewrap would find itself there.
    self = base::resolvePath(self);
    if (self == kSelf) {
      return Error{ErrorCode::kJobProfile, "the program of this daemon is not where it was",
                   {"restart the daemon"}};
    }
    job.cell.readPaths.push_back(self);
  }
  job.command = {self, "workspace", std::string(verb)};
  return job;
}

Status AgentStep::startJob(const WorkPtr& work, const jobs::JobSpec& job) {
  BELAY_TRY(world_.jobs.start(job));
  running_.emplace(job.id, work);
  return {};
}

Status AgentStep::startAgent(const WorkPtr& work) {
  BELAY_ASSIGN(jobs::JobSpec job, makeJob(work, work->agentJob, "begin"));
  job.stdinPath = orderOf(*work);
  job.collect = work->plan.collect;
  job.collectFolder = work->plan.workspace.tree();
  const Status started = startJob(work, job);
  // The job has it open, or nobody wants it.
  static_cast<void>(base::removeFile(job.stdinPath));
  return started;
}

Status AgentStep::startEnd(const WorkPtr& work) {
  work->ending = true;
  BELAY_ASSIGN(jobs::JobSpec job, makeJob(work, work->endJob, "end"));
  agents::WorkOrder order;
  order.folder = work->folder;
  order.workspace = work->plan.workspace;
  job.stdinText = agents::printWorkOrder(order);
  job.deadline = world_.clock.sinceBoot() + kEndBound;
  return startJob(work, job);
}

void AgentStep::takeEnded(const JobId& id) {
  if (const auto away = away_.find(id); away != away_.end()) {
    const std::string run = std::move(away->second);
    away_.erase(away);
    return endAway(run, id);
  }
  const auto found = running_.find(id);
  if (found != running_.end()) {
    const WorkPtr work = std::move(found->second);
    running_.erase(found);
    if (work->ending)
      finish(work);
    else
      agentEnded(work);
  }
  while (!waiting_.empty() && hasTurn()) {
    const Attempt next = std::move(waiting_.front());
    waiting_.pop_front();
    start(next);
  }
}

/// What it changed is looked at when nothing of it lives any more, and where something ran.
void AgentStep::agentEnded(const WorkPtr& work) {
  const auto outcome = world_.jobs.collect(work->agentJob);
  const bool ran = outcome && outcome->result && outcome->result->find("outcome") != nullptr;
  const bool timedOut = outcome && outcome->record.killedBy == jobs::JobKiller::kDeadline;
  if (work->cancelled || !work->plan.hasEnd() || (!ran && !timedOut)) return finish(work);
  if (const Status started = startEnd(work); !started) fail(work->attempt, started.error(), false);
}

void AgentStep::finish(const WorkPtr& work) {
  if (work->cancelled) return releaseHeld(work->attempt.run);
  auto agent = world_.jobs.collect(work->agentJob);
  if (!agent && agent.error().code == ErrorCode::kJobLost) {
    StepResult lost;
    lost.ok = false;
    lost.ambiguous = work->attempt.effect == flow::EffectClass::kOnce;
    lost.reason = agent.error().message;
    lost.failure = failureOf(agent.error(), false);
    return giveBack(work, std::move(lost));
  }
  if (!agent) return fail(work->attempt, agent.error(), agent.error().code == ErrorCode::kJobSpawn);
  auto gathering = std::make_shared<AgentEnd>();
  gathering->agent = std::move(*agent);
  if (work->ending) {
    auto end = world_.jobs.collect(work->endJob);
    if (!end) return fail(work->attempt, end.error(), false);
    gathering->end = std::move(*end);
    auto diff = world_.jobs.openLog(work->endJob, jobs::LogStream::kStdout);
    if (!diff) return fail(work->attempt, diff.error(), false);
    gathering->diff = std::move(*diff);
  }
  for (const jobs::KeptFile& file : gathering->agent.files) {
    gathering->files.push_back(file.problem.empty()
                                   ? world_.jobs.openFile(work->agentJob, file.number)
                                   : Result<base::UniqueFd>(base::UniqueFd()));
  }
  collecting_.emplace(work->agentJob, work);
  const auto gather = [this, work, gathering] {
    StepResult result = gatherAgent(work->attempt, work->plan, *gathering, world_.outputs);
    world_.onLoop([this, work, result = std::move(result)]() mutable {
      collecting_.erase(work->agentJob);
      giveBack(work, std::move(result));
    });
  };
  if (!world_.pool.post(gather)) gather();
}

void AgentStep::giveBack(const WorkPtr& work, StepResult result) {
  if (work->cancelled) return releaseHeld(work->attempt.run);
  if (result.againMs && result.failure) {
    world_.log.warning("agent.again", {{"run", work->attempt.run.str()},
                                       {"step", work->attempt.key.path},
                                       {"agent", work->plan.name},
                                       {"code", result.failure->code},
                                       {"in_ms", *result.againMs}});
  }
  sink_(work->attempt.run, work->attempt.key, std::move(result));
  releaseHeld(work->attempt.run);
}

void AgentStep::fail(const Attempt& attempt, const Error& error, bool nothingLeft) {
  StepResult result;
  result.ok = false;
  result.failure = failureOf(error, nothingLeft);
  sink_(attempt.run, attempt.key, std::move(result));
  releaseHeld(attempt.run);
}

void AgentStep::recover(const Attempt& attempt) {
  const auto made = workOf(attempt);
  const JobId id = jobIdOf(attempt);
  const auto agent = world_.jobs.adopt(id, attempt.bootId);
  if (!agent) return fail(attempt, agent.error(), false);
  if (!made) {
    // The settings do not know its agent any more.
    if (agent->state == jobs::Adoption::State::kRunning)
      static_cast<void>(world_.jobs.cancel(id, settings_.grace));
    return fail(attempt, made.error(), agent->state == jobs::Adoption::State::kNotStarted);
  }
  const WorkPtr& work = *made;
  switch (agent->state) {
    case jobs::Adoption::State::kRunning:
      running_.emplace(id, work);
      return;
    case jobs::Adoption::State::kEnded: {
      const auto end = world_.jobs.adopt(work->endJob, attempt.bootId);
      if (!end) return fail(attempt, end.error(), false);
      return recoverEnd(work, *end);
    }
    case jobs::Adoption::State::kNotStarted: {
      StepResult anew;
      anew.ok = false;
      anew.orderAnew = true;
      return sink_(attempt.run, attempt.key, std::move(anew));
    }
    case jobs::Adoption::State::kLost:
      return finish(work);
  }
}

/// Looking at what changed may be done again.
void AgentStep::recoverEnd(const WorkPtr& work, const jobs::Adoption& end) {
  switch (end.state) {
    case jobs::Adoption::State::kRunning:
      work->ending = true;
      running_.emplace(work->endJob, work);
      return;
    case jobs::Adoption::State::kEnded:
      work->ending = true;
      return finish(work);
    case jobs::Adoption::State::kLost:
      if (const Status removed = world_.jobs.remove(work->endJob); !removed)
        return fail(work->attempt, removed.error(), false);
      return agentEnded(work);
    case jobs::Adoption::State::kNotStarted:
      return agentEnded(work);
  }
}

void AgentStep::cancel(const base::RunId& run, const engine::StepKey& key) {
  const auto isIt = [&](const Attempt& attempt) {
    return attempt.run == run && attempt.key.path == key.path;
  };
  std::erase_if(waiting_, isIt);
  std::erase_if(held_, isIt);
  std::erase_if(preparing_, [&](const auto& entry) { return isIt(entry.second->attempt); });
  for (const auto& [id, work] : collecting_) work->cancelled |= isIt(work->attempt);
  for (const auto& [id, work] : running_) {
    if (!isIt(work->attempt)) continue;
    work->cancelled = true;
    const Status cancelled = world_.jobs.cancel(id, settings_.grace + kDriverGrace);
    if (!cancelled && cancelled.error().code != ErrorCode::kNotFound)
      world_.log.error("job.cancel_failed", cancelled.error(), {{"job", id.str()}});
  }
}

void AgentStep::sweep(const std::function<Fate(const base::RunId&)>& fateOf) {
  const auto names = base::listFolder(world_.folder);
  if (!names) return;
  hasFolders_ = false;
  for (const std::string& name : *names) {
    const auto run = base::RunId::parse(name);
    if (!run || removing_.contains(name)) continue;
    const auto works = [&](const auto& entry) { return entry.second->attempt.run == *run; };
    bool busy = false;
    for (const auto* jobs : {&running_, &preparing_, &collecting_})
      busy = busy || std::any_of(jobs->begin(), jobs->end(), works);
    const Fate fate = busy ? Fate::kKeep : fateOf(*run);
    const std::string folder = world_.folder + "/" + name;
    const auto keep = base::readFile(folder + "/keep", 64);
    const bool kept = keep && fate != Fate::kGone && (*keep == "always" || fate == Fate::kFailed);
    hasFolders_ = hasFolders_ || !kept;
    if (fate == Fate::kKeep || kept) continue;
    removing_.insert(name);
    const auto where = base::readFile(folder + std::string(kWhereFile), 8192);
    const Status begun = where ? removeAway(*run, *where) : Status{};
    if (!begun) world_.log.error("workspace.remove_failed", begun.error(), {{"run", name}});
    if (!where) removeHere(name);
  }
}

void AgentStep::removeHere(const std::string& name) {
  const bool posted = world_.pool.post([this, name] {
    const Status removed = base::removeTree(world_.folder + "/" + name);
    if (!removed) world_.log.error("workspace.remove_failed", removed.error());
    world_.onLoop([this, name] { removing_.erase(name); });
  });
  if (!posted) removing_.erase(name);
}

/// Workspaces of another user are removed by a job of that user.
Status AgentStep::removeAway(const base::RunId& run, const std::string& where) {
  BELAY_ASSIGN(const json::Value known, json::parse(where));
  Attempt attempt;
  attempt.run = run;
  attempt.slug = known.text("slug");
  auto work = std::make_shared<Work>();
  work->attempt = attempt;
  work->plan.profile = known.text("profile");
  BELAY_ASSIGN(const jobs::IsolationPlan isolation,
               world_.runs.isolationOf(attempt.slug, work->plan.profile));
  work->home = isolation.folder;
  BELAY_ASSIGN(const JobId id, JobId::parse(run.str() + "-remove"));
  BELAY_ASSIGN(jobs::JobSpec job, makeJob(work, id, "remove"));
  job.command.push_back(known.text("folder"));
  job.deadline = world_.clock.sinceBoot() + kEndBound;
  // One of an earlier daemon, which ended with it or goes on.
  static_cast<void>(world_.jobs.remove(id));
  BELAY_TRY(world_.jobs.start(job));
  away_.emplace(id, run.str());
  return {};
}

void AgentStep::endAway(const std::string& run, const JobId& id) {
  const auto outcome = world_.jobs.collect(id);
  const Status judged = outcome ? jobs::judge(*outcome, std::array{0}) : Status(outcome.error());
  // Left where it is: the next daemon tries again.
  if (!judged) {
    const Error error = outcome ? Error{judged.error().code, outcome->stderrHead.substr(0, 500)}
                                : judged.error();
    return world_.log.error("workspace.remove_failed", error, {{"run", run}});
  }
  static_cast<void>(world_.jobs.remove(id));
  removeHere(run);
}

}  // namespace belay::steps
