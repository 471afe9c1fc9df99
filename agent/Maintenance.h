#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/jobs/JobRunner.h"
#include "agent/journal/Journal.h"
#include "agent/resources/ResourceStore.h"
#include "agent/runtime/Runtime.h"
#include "agent/settings/Settings.h"
#include "agent/steps/AgentStep.h"
#include "agent/steps/RunStep.h"
#include "agent/steps/ToolStep.h"
#include "common/base/Clock.h"
#include "common/log/Log.h"

namespace belay {

/// What the daemon does when it has nothing else to do: checks the journal, checkpoints it, removes
/// what is older than the retention, and what no run refers to any more. A little per call, so that
/// work that comes in does not wait.
///
/// Threads: the loop.
class Maintenance {
 public:
  struct World {
    runtime::Runtime& runtime;
    resources::ResourceStore& resources;
    jobs::JobRunner& jobs;
    steps::RunStep& runs;
    steps::ToolStep& tools;
    steps::AgentStep& agents;
    const base::Clock& clock;
    log::Log& log;
    std::string stateFolder;
  };
  Maintenance(World world, settings::JournalSettings journal, settings::ResourceSettings resources,
              std::uint64_t diskBytesMax);

  /// Ends what an earlier life of the daemon left behind. To be called often, also while there is
  /// work; acts once.
  void round();
  /// Returns the boot time in ms at which to be called again: now while something is under way.
  std::int64_t idle();
  /// Set when the journal turned out to be damaged: the daemon must end.
  const base::Status& health() const { return health_; }

 private:
  bool checkStep();
  bool pruneStep();
  bool expireStep();
  bool sweepStep();
  void sweepJobs();
  void sweepWorkspaces();
  void measureDisk();

  World world_;
  const settings::JournalSettings journal_;
  const settings::ResourceSettings resources_;
  const std::uint64_t diskBytesMax_;

  // Owner only.
  journal::CheckCursor check_;
  /// Empty: they have been ended.
  std::optional<std::int64_t> leftoversMs_;
  std::int64_t nextRoundMs_ = 0;
  std::int64_t nextDiskMs_ = 0;
  std::int64_t nextWorkspacesMs_ = 0;
  bool pruning_ = false;
  bool expiring_ = false;
  bool sweeping_ = false;
  base::Status health_;
};

}  // namespace belay
