#include "agent/steps/AgentStep.h"

#include <algorithm>
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
  effect.profile = "bare";
  return trust::RenderedEffect{"agent", attempt.slug, attempt.key.path, std::move(effect)};
}

Result<AgentStep::WorkPtr> AgentStep::workOf(const Attempt& attempt) const {
  BELAY_ASSIGN(AgentPlan plan, readAgentPlan(attempt, hostAgents_, settings_.path));
  auto work = std::make_shared<Work>();
  work->attempt = attempt;
  work->agentJob = jobIdOf(attempt);
  work->endJob = endJobOf(work->agentJob);
  work->folder = world_.folder + "/" + attempt.run.str() + "/" +
                 work->agentJob.str().substr(attempt.run.str().size() + 1);
  work->plan = std::move(plan);
  if (!work->plan.workspace.made) work->plan.workspace.folder = work->folder;
  return work;
}

bool AgentStep::hasTurn() const {
  return running_.size() + preparing_.size() < static_cast<std::size_t>(settings_.agentsMax);
}

void AgentStep::start(const Attempt& attempt) {
  if (!hasTurn()) {
    waiting_.push_back(attempt);
    return;
  }
  auto work = workOf(attempt);
  if (!work) return fail(attempt, work.error(), true);
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
  // What a start left that the journal does not know of.
  BELAY_TRY(base::removeTree(work.folder));
  for (const char* name : {"/raw", "/in"}) BELAY_TRY(base::makeFolders(work.folder + name));
  if (work.plan.keep != "never") {
    BELAY_TRY(base::writeFileDurably(world_.folder + "/" + work.attempt.run.str() + "/keep",
                                     work.plan.keep));
  }
  agents::WorkspaceSpec workspace = work.plan.workspace;
  workspace.files.clear();
  for (const auto& [path, content] : work.plan.files) {
    const std::string copy = work.folder + "/in/" + std::to_string(workspace.files.size());
    if (content.starts_with("res://")) {
      BELAY_ASSIGN(const crypto::Digest digest, resources::parseResourceRef(content));
      BELAY_TRY(world_.outputs.resources().copyTo(digest, copy));
    } else {
      BELAY_TRY(base::writeFileDurably(copy, content));
    }
    workspace.files.emplace_back(copy, path);
  }
  BELAY_TRY(base::writeFileDurably(work.folder + "/workspace.json",
                                   agents::printWorkspaceSpec(workspace)));
  agents::DriveSpec drive = work.plan.drive;
  drive.cwd = workspace.tree();
  drive.rawFolder = work.folder + "/raw";
  drive.graceMs = settings_.grace.count();
  drive.digest = work.plan.accepted;
  if (drive.digest.empty()) {
    BELAY_ASSIGN(drive.digest, world_.locked(work.plan));
  }
  return base::writeFileDurably(work.folder + "/drive.json", agents::printDriveSpec(drive));
}

Status AgentStep::startJob(const WorkPtr& work, const JobId& id,
                           std::vector<std::string> command) {
  BELAY_ASSIGN(jobs::JobSpec job, world_.runs.bareJob(work->attempt, work->plan.env));
  job.id = id;
  job.command = std::move(command);
  job.workFolder = work->folder;
  job.grace = settings_.grace + kDriverGrace;
  if (work->ending) job.deadline = world_.clock.sinceBoot() + kEndBound;
  BELAY_TRY(world_.jobs.start(job));
  running_.emplace(id, work);
  return {};
}

Status AgentStep::startAgent(const WorkPtr& work) {
  const std::string self(kSelf);
  return startJob(work, work->agentJob,
                  {self, "workspace", "begin", work->folder + "/workspace.json", self, "drive",
                   work->folder + "/drive.json"});
}

Status AgentStep::startEnd(const WorkPtr& work) {
  work->ending = true;
  return startJob(work, work->endJob,
                  {std::string(kSelf), "workspace", "end", work->folder + "/workspace.json"});
}

void AgentStep::takeEnded(const JobId& id) {
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
  if (work->cancelled) return;
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
  gathering->folder = work->folder;
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
  if (work->cancelled) return;
  if (result.againMs && result.failure) {
    world_.log.warning("agent.again", {{"run", work->attempt.run.str()},
                                       {"step", work->attempt.key.path},
                                       {"agent", work->plan.name},
                                       {"code", result.failure->code},
                                       {"in_ms", *result.againMs}});
  }
  sink_(work->attempt.run, work->attempt.key, std::move(result));
}

void AgentStep::fail(const Attempt& attempt, const Error& error, bool nothingLeft) {
  StepResult result;
  result.ok = false;
  result.failure = failureOf(error, nothingLeft);
  sink_(attempt.run, attempt.key, std::move(result));
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
    const bool posted = world_.pool.post([this, folder, name] {
      const Status removed = base::removeTree(folder);
      if (!removed) world_.log.error("workspace.remove_failed", removed.error());
      world_.onLoop([this, name] { removing_.erase(name); });
    });
    if (!posted) removing_.erase(name);
  }
}

}  // namespace belay::steps
