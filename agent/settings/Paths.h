#pragma once

#include <string>

#include "common/base/Environment.h"
#include "common/base/Result.h"

namespace belay::settings {

/// Where things are when the settings do not say. System mode is root's (or --system); user mode
/// follows the XDG folders.
struct Paths {
  bool system = false;
  std::string configFile;   ///< /etc/belay/belay.yaml, or $XDG_CONFIG_HOME/belay/belay.yaml
  std::string stateFolder;  ///< /var/lib/belay, or $XDG_STATE_HOME/belay
  std::string socket;       ///< /run/belay/belay.sock, or $XDG_RUNTIME_DIR/belay/belay.sock
};

/// `home` is the user's home folder of the password file: for when HOME is not set.
/// Errors: kInvalidArgument when user mode has no home at all.
base::Result<Paths> findPaths(bool system, const base::EnvironmentLookup& environment,
                              const std::string& home);

}  // namespace belay::settings
