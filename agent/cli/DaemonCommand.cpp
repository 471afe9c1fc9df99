#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/SettingsChecks.h"

namespace belay::cli {

using base::Result;

namespace {

Result<api::Envelope> runDaemon(Invocation& invocation) {
  BELAY_ASSIGN(const Installation* where, invocation.installation());
  BELAY_TRY(checkSettings(*where, invocation.world().environment));
  DaemonOptions options{where->settings, where->paths,
                        where->hasConfigFile ? where->paths.configFile : ""};
  // Its output is its log.
  invocation.setStreamed();
  const base::Status ended = invocation.world().runDaemon(options);
  if (!ended) return ended.error();
  return api::Envelope{};
}

}  // namespace

const Command kDaemonCommand{"daemon",
                             "",
                             "run the daemon in the foreground",
                             "It logs to standard error, tells systemd when it is ready, and "
                             "drains on SIGTERM. Jobs outlive "
                             "it, and the next daemon takes them up again.",
                             {},
                             &runDaemon,
                             nullptr};

}  // namespace belay::cli
