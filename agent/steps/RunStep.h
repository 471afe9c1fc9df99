#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/jobs/Isolation.h"
#include "agent/jobs/JobRunner.h"
#include "agent/runtime/Performer.h"
#include "agent/settings/Settings.h"
#include "agent/steps/Outputs.h"
#include "agent/steps/WorkerPool.h"
#include "agent/vault/Connection.h"
#include "agent/vault/SecretSource.h"
#include "common/base/Clock.h"
#include "common/base/Environment.h"
#include "common/log/Log.h"

namespace belay::steps {

/// A rendered `run` step, checked.
struct RunSpec {
  std::vector<std::string> command;
  std::string script;
  std::vector<std::string> shell;
  std::string cwd;
  std::vector<std::pair<std::string, vault::TextOrSecret>> env;
  std::string stdinText;
  std::string stdinRef;  ///< "res://…": the whole text of an output that was kept as a resource.
  std::vector<int> okExitCodes;
  std::uint64_t maxOutput = 0;
  std::string callback;  ///< Step whose wait this one hands out.
  std::string profile;   ///< What the step demands, or empty.
  std::string payload;   ///< JSON; empty: none is given.
  std::vector<std::string> collect;  ///< Below its folder.
};
base::Result<RunSpec> readRunSpec(const runtime::Attempt& attempt,
                                  const settings::JobSettings& settings);

/// Gives the token with which a wait of kind callback can be answered.
using CallbackToken = std::function<std::string(const std::string& wait)>;

/// `run`: a command as a job under a supervisor that outlives the daemon.
///
/// Threads:   the loop; results of large outputs come from the pool.
/// Ownership: borrows all it is given.
class RunStep final : public runtime::Performer {
 public:
  struct World {
    jobs::JobRunner& jobs;
    jobs::Isolation& isolation;
    Outputs& outputs;
    const vault::SecretSource& secrets;
    WorkerPool& pool;
    const base::Clock& clock;
    base::EnvironmentLookup environment;
    CallbackToken callbackToken;
    log::Log& log;
    std::string materialFolder;  ///< For read-only copies of resources.
    std::function<void(std::function<void()>)>
        onLoop;  ///< Runs something in the loop, soon. Any thread.
    /// The URL at which such a wait is answered from outside; empty without a link.
    std::function<std::string(const std::string& wait)> callbackUrl = {};
    /// Takes the ends of jobs that are not of run steps.
    std::function<void(const base::JobId& job)> others = {};
  };
  RunStep(World world, settings::JobSettings settings, runtime::ResultSink sink);

  base::Result<trust::RenderedEffect> describe(const runtime::Attempt& attempt) const override;
  void start(const runtime::Attempt& attempt) override;
  bool recovers() const override { return true; }
  void recover(const runtime::Attempt& attempt) override;
  void cancel(const base::RunId& run, const engine::StepKey& key) override;

  /// A job of another family without its command: environment, deadline, bounds and isolation, as
  /// those of run steps have. Errors: those of the secrets and of jobs::Isolation.
  base::Result<jobs::JobSpec> otherJob(
      const runtime::Attempt& attempt,
      std::vector<std::pair<std::string, vault::TextOrSecret>> environment,
      const std::string& profile);
  /// How that job is kept apart. Errors: kJobProfile.
  base::Result<jobs::IsolationPlan> isolationOf(const std::string& slug,
                                                const std::string& profile) const;
  /// The same for a program of a step that is given its task on standard input: kept apart as any
  /// other job, or, where it is `ours`, with the daemon's user and confined by itself.
  base::Result<jobs::JobSpec> toolJob(const runtime::Attempt& attempt, bool ours);
  /// BELAY_RUN_ID and so on, the callback's token included.
  std::map<std::string, std::string> jobVariables(const runtime::Attempt& attempt) const;
  /// Variables as an effect shows them.
  base::Result<std::vector<trust::EffectValue>> shown(
      const std::vector<std::pair<std::string, vault::TextOrSecret>>& environment) const;

  /// Ends the jobs that no step waits for: what asked for their end was recorded, and the daemon
  /// died before it passed that on. To be called once, when all that was owed at the start is taken
  /// up.
  void endStrays();

  /// To be called when the descriptor of the job runner is readable.
  void takeEnded();

 private:
  base::Result<jobs::JobSpec> makeJob(const runtime::Attempt& attempt, const RunSpec& spec,
                                      const jobs::IsolationPlan& plan);
  base::Result<std::vector<std::pair<std::string, std::string>>> environmentOf(
      const runtime::Attempt& attempt, const RunSpec& spec, jobs::JobProfile profile,
      const vault::SecretSource& secrets);
  std::string workFolderOf(const RunSpec& spec, const jobs::IsolationPlan& plan) const;
  std::string executableOf(const RunSpec& spec) const;
  base::Status launch(const runtime::Attempt& attempt);
  void launchWithInput(const runtime::Attempt& attempt, const std::string& ref);
  base::Status startJob(const runtime::Attempt& attempt, const std::string& stdinPath);
  bool hasTurn() const;
  void startWaiting();
  void finish(const runtime::Attempt& attempt, const base::JobId& id);
  void orderAnew(const runtime::Attempt& attempt);
  void lose(const runtime::Attempt& attempt, const base::Error& error);
  void fail(const runtime::Attempt& attempt, const base::Error& error, bool nothingLeft);

  World world_;
  const settings::JobSettings settings_;
  const runtime::ResultSink sink_;

  // Owner only.
  std::map<base::JobId, runtime::Attempt> running_;
  std::deque<runtime::Attempt> waiting_;  ///< For their turn; bounded by the runs in flight.
  std::map<base::JobId, runtime::Attempt> preparing_;  ///< Their input is being copied.
};

/// A program by its path or its name in `path`, links resolved; the name where it is not there.
std::string findProgram(const std::string& name, std::string_view path);

/// The job of an attempt: the same after a restart.
base::JobId jobIdOf(const base::RunId& run, const engine::StepKey& key,
                    std::string_view idempotencyKey);
base::JobId jobIdOf(const runtime::Attempt& attempt);

}  // namespace belay::steps
