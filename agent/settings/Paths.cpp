#include "agent/settings/Paths.h"

namespace belay::settings {

using base::Error;
using base::ErrorCode;
using base::Result;

Result<Paths> findPaths(bool system, const base::EnvironmentLookup& environment,
                        const std::string& home) {
  if (system)
    return Paths{true, "/etc/belay/belay.yaml", "/var/lib/belay", "/run/belay/belay.sock"};
  const std::string userHome = environment("HOME").value_or(home);
  const auto folder = [&](const char* variable, const std::string& below) -> std::string {
    const auto given = environment(variable);
    // The XDG specification ignores relative paths.
    if (given && given->starts_with("/")) return *given;
    return userHome.empty() ? "" : userHome + below;
  };
  Paths paths;
  const std::string config = folder("XDG_CONFIG_HOME", "/.config");
  const std::string state = folder("XDG_STATE_HOME", "/.local/state");
  if (config.empty() || state.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "user mode needs HOME, or XDG_CONFIG_HOME and XDG_STATE_HOME",
                 {"belay --system …", "belay --config FILE …"}};
  }
  paths.configFile = config + "/belay/belay.yaml";
  paths.stateFolder = state + "/belay";
  const auto runtime = environment("XDG_RUNTIME_DIR");
  paths.socket = runtime && runtime->starts_with("/") ? *runtime + "/belay/belay.sock"
                                                      : paths.stateFolder + "/belay.sock";
  return paths;
}

}  // namespace belay::settings
