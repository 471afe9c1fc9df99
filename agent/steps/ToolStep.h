#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/steps/ConnectionPins.h"
#include "agent/jobs/JobRunner.h"
#include "agent/runtime/Performer.h"
#include "agent/settings/Settings.h"
#include "agent/steps/Outputs.h"
#include "agent/steps/RunStep.h"
#include "agent/steps/WorkerPool.h"
#include "agent/vault/ConnectionStore.h"
#include "common/base/Clock.h"
#include "common/log/Log.h"

namespace belay::steps {

/// What the program of a step is to do, made of the attempt and the settings alone, so that it is
/// the same after a restart.
struct ToolPlan {
  std::vector<std::string> command;
  bool ours = false;  ///< `belay step …`, which confines itself; else a program as any of a job's.
  json::Value request;      ///< All but what follows; no credential is in it.
  json::Value connection;   ///< Its definition, secrets by name; null: none.
  /// Members of request.exec.env.
  std::vector<std::pair<std::string, vault::TextOrSecret>> env;
  bool jobVariables = false;  ///< Those of the job, the callback's token among them, are in it too.
  trust::ReachEffect effect;
  std::vector<std::string> files;  ///< Texts or "res://…": put-0, put-1, … in its folder.
  bool needsFolder = false;        ///< Also without such files.
  bool streams = false;            ///< Both streams are parts of the output; else a log only.
  std::vector<int> okExitCodes;    ///< Of output.exit_code, where the plan has some.
  std::uint64_t logBytesMax = 0;   ///< 0: as the settings say.
};

/// Makes the plan of one family. Errors: those of the step, before anything has left.
using ToolPlanner = std::function<base::Result<ToolPlan>(const runtime::Attempt&)>;

/// Steps whose work is done by a program that is given one JSON object and gives one back
/// (docs/plugins.md): our own ones for what talks to other machines, and plugins. Each is a job, so
/// that it outlives the daemon, has a log, bounds and an end, and that nothing of what it reads is
/// read in the daemon.
///
/// Threads:   the loop; files are copied and kept in the pool.
/// Ownership: borrows all it is given.
class ToolStep final : public runtime::Performer {
 public:
  struct World {
    RunStep& runs;  ///< Makes the jobs.
    jobs::JobRunner& jobs;
    Outputs& outputs;
    const vault::ConnectionStore& connections;
    const vault::SecretSource& secrets;
    WorkerPool& pool;
    const base::Clock& clock;
    log::Log& log;
    std::string folder;  ///< In which each job that needs one gets a folder.
    std::function<void(std::function<void()>)> onLoop;  ///< As RunStep's.
  };
  ToolStep(World world, settings::JobSettings settings, std::map<flow::Family, ToolPlanner> planners,
           runtime::ResultSink sink);

  base::Result<trust::RenderedEffect> describe(const runtime::Attempt& attempt) const override;
  std::optional<Connection> connectionOf(const runtime::Attempt& attempt) const override;
  void start(const runtime::Attempt& attempt) override;
  bool recovers() const override { return true; }
  void recover(const runtime::Attempt& attempt) override;
  void cancel(const base::RunId& run, const engine::StepKey& key) override;

  /// Takes the end of a job; nothing when it is not one of its own.
  void takeEnded(const base::JobId& id);
  /// Removes folders that no job of this daemon uses. To be called once, after recovery.
  void sweep();

 private:
  /// An attempt that is under way; shared by the loop and what is posted for it.
  struct Work {
    Work(runtime::Attempt of, ToolPlan made, base::JobId id)
        : attempt(std::move(of)), plan(std::move(made)), job(std::move(id)) {}

    const runtime::Attempt attempt;
    const ToolPlan plan;
    const base::JobId job;
    std::string folder;  ///< Empty: none.
    std::atomic<bool> cancelled = false;  ///< By the loop; looked at in the pool.
  };
  using WorkPtr = std::shared_ptr<Work>;

  /// With the version of its connection that was allowed; empty: it has none.
  struct Permitted {
    runtime::Attempt attempt;
    std::string version;
  };

  base::Result<WorkPtr> workOf(const runtime::Attempt& attempt) const;
  bool hasTurn() const;
  void begin(const Permitted& permitted);
  base::Status launch(const WorkPtr& work);
  base::Status prepare(const Work& work) const;
  base::Status startJob(const WorkPtr& work);
  base::Result<std::string> requestOf(const Work& work,
                                      const vault::SecretSource& secrets) const;
  void finish(const WorkPtr& work);
  runtime::StepResult resultOf(const Work& work, const jobs::JobOutcome& outcome,
                               const class JobLogs& logs) const;
  base::Status keepFiles(const Work& work, const json::Value& told, json::Value& output,
                         std::vector<journal::ResourceRow>& rows) const;
  void giveBack(const WorkPtr& work, runtime::StepResult result);
  void fail(const runtime::Attempt& attempt, const base::Error& error, bool nothingLeft);

  World world_;
  const settings::JobSettings settings_;
  const std::map<flow::Family, ToolPlanner> planners_;
  const runtime::ResultSink sink_;

  // Owner only.
  std::map<base::JobId, WorkPtr> running_;
  std::map<base::JobId, WorkPtr> preparing_;
  std::deque<Permitted> waiting_;  ///< Bounded by the runs in flight.
  mutable AttemptPins<std::optional<std::string>> versions_;  ///< Of the connections that were permitted.
};

}  // namespace belay::steps
