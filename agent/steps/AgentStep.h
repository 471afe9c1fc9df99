#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
    /// One folder for each run: its workspaces, but for those of jobs of users of their own, which
    /// lie in agents/ of the folder of their flow, and what is known of them.
    std::string folder;
    std::function<void(std::function<void()>)> onLoop;  ///< As RunStep's.
    /// Digest of the locked program of an agent; empty: it is not locked.
    std::function<base::Result<std::string>(const AgentPlan&)> locked;
    /// What the steps of a run have used of a handle until now, as the ledger has it.
    std::function<base::Result<json::Value>(const base::RunId&, const std::string& use)> spent;
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
    std::string home;     ///< The folder in which its jobs begin.
    std::string folder;   ///< Of the attempt.
    base::JobId agentJob;
    base::JobId endJob;
    bool ending = false;  ///< The second job runs.
    bool cancelled = false;
  };
  using WorkPtr = std::shared_ptr<Work>;

  base::Result<WorkPtr> workOf(const runtime::Attempt& attempt) const;
  bool hasTurn() const;
  bool mustWaitFor(const AgentPlan& plan, const base::RunId& run) const;
  void releaseHeld(const base::RunId& run);
  std::string orderOf(const Work& work) const;
  base::Status writeOrder(const Work& work);
  base::Status launch(const WorkPtr& work);
  base::Status prepare(const Work& work);
  base::Status startAgent(const WorkPtr& work);
  base::Status startEnd(const WorkPtr& work);
  base::Result<jobs::JobSpec> makeJob(const WorkPtr& work, const base::JobId& id,
                                      std::string_view verb);
  base::Status startJob(const WorkPtr& work, const jobs::JobSpec& job);
  base::Status removeAway(const base::RunId& run, const std::string& where);
  void endAway(const std::string& run, const base::JobId& id);
  void removeHere(const std::string& name);
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
  /// Whose handle has a budget that another step is using; likewise.
  std::vector<runtime::Attempt> held_;
  std::map<base::JobId, std::string> away_;      ///< Jobs that remove, and the run of each.
  std::set<std::string> removing_;               ///< Folders that the pool removes.
  bool hasFolders_ = true;
};

}  // namespace belay::steps
