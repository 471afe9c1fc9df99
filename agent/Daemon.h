#pragma once

#include <string>

#include "agent/cli/World.h"
#include "common/base/Clock.h"
#include "common/base/Environment.h"
#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/log/Log.h"

namespace belay {

/// What the daemon takes from its process.
struct DaemonWorld {
  const base::Clock& clock;
  base::Random& random;
  log::Log& log;
  base::EnvironmentLookup environment;
  bool system = false;
};

/// Runs the daemon in the foreground until SIGTERM, SIGINT or SIGHUP: puts the parts together, recovers,
/// serves, drains.
///
/// Threads: the calling thread becomes the loop; call it while there is no other thread.
/// Errors:  what the CLI turns into its exit code: kSettingsInvalid, kNotInitialised,
/// kAlreadyRunning, kJournalCorrupt,
///          kJournalNewer, … After kJournalIo a restart recovers.
base::Status runDaemon(const cli::DaemonOptions& options, DaemonWorld world);

}  // namespace belay
