#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "agent/jobs/JobRunner.h"
#include "agent/runtime/Performer.h"
#include "agent/settings/Settings.h"
#include "agent/steps/AgentPlan.h"
#include "agent/steps/Outputs.h"
#include "agent/steps/RunStep.h"
#include "agent/steps/WorkerPool.h"
#include "common/base/Clock.h"
#include "common/log/Log.h"

namespace belay::steps {

/// `agent`: a coding agent as a job, and when its whole tree is dead, a second one that says what
/// it changed. Both are found again after a restart, by their names alone.
///
/// Threads:   the loop; folders are made and results gathered in the pool.
/// Ownership: borrows all it is given.
class AgentStep final : public runtime::Performer {
 public:
  struct World {
    RunStep& runs;  ///< Makes the jobs.
    jobs::JobRunner& jobs;
    Outputs& outputs;
    WorkerPool& pool;
    const base::Clock& clock;
    log::Log& log;
    std::string folder;  ///< Of the workspaces: one folder for each run.
    std::function<void(std::function<void()>)> onLoop;  ///< As RunStep's.
    /// Digest of the locked program of an agent; empty: it is not locked.
    std::function<base::Result<std::string>(const AgentPlan&)> locked;
  };
  AgentStep(World world, settings::JobSettings settings, json::Value hostAgents,
            runtime::ResultSink sink);

  base::Result<trust::RenderedEffect> describe(const runtime::Attempt& attempt) const override;
  void start(const runtime::Attempt& attempt) override;
  bool recovers() const override { return true; }
  void recover(const runtime::Attempt& attempt) override;
  void cancel(const base::RunId& run, const engine::StepKey& key) override;

  /// Takes the end of a job; nothing when it is not one of its own.
  void takeEnded(const base::JobId& id);

  /// What the folder of an ended run waits for.
  enum class Fate { kKeep, kSucceeded, kFailed, kGone };
  /// Removes the folders of runs that are over, in the pool, as their `keep` says.
  void sweep(const std::function<Fate(const base::RunId&)>& fateOf);
  /// Whether there may be folders that sweep() will have to remove.
  bool hasFolders() const { return hasFolders_; }

 private:
  /// An attempt that is under way; shared by the loop and what is posted for it.
  struct Work {
    runtime::Attempt attempt;
    AgentPlan plan;
    std::string folder;   ///< Of the attempt.
    base::JobId agentJob;
    base::JobId endJob;
    bool ending = false;  ///< The second job runs.
    bool cancelled = false;
  };
  using WorkPtr = std::shared_ptr<Work>;

  base::Result<WorkPtr> workOf(const runtime::Attempt& attempt) const;
  bool hasTurn() const;
  base::Status launch(const WorkPtr& work);
  base::Status prepare(const Work& work);
  base::Status startAgent(const WorkPtr& work);
  base::Status startEnd(const WorkPtr& work);
  base::Status startJob(const WorkPtr& work, const base::JobId& id,
                        std::vector<std::string> command);
  void agentEnded(const WorkPtr& work);
  void finish(const WorkPtr& work);
  void giveBack(const WorkPtr& work, runtime::StepResult result);
  void fail(const runtime::Attempt& attempt, const base::Error& error, bool nothingLeft);
  void recoverEnd(const WorkPtr& work, const jobs::Adoption& end);

  World world_;
  const settings::JobSettings settings_;
  const json::Value hostAgents_;
  const runtime::ResultSink sink_;

  // Owner only.
  std::map<base::JobId, WorkPtr> running_;       ///< By the job that runs.
  std::map<base::JobId, WorkPtr> preparing_;     ///< By the job of the agent.
  std::map<base::JobId, WorkPtr> collecting_;    ///< Likewise.
  std::deque<runtime::Attempt> waiting_;         ///< Bounded by the runs in flight.
  std::set<std::string> removing_;               ///< Folders that the pool removes.
  bool hasFolders_ = true;
};

}  // namespace belay::steps
