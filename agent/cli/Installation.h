#pragma once

#include <string>

#include "agent/cli/Command.h"
#include "agent/cli/World.h"
#include "agent/settings/Paths.h"
#include "agent/settings/Settings.h"
#include "agent/settings/StateLayout.h"

namespace belay::cli {

/// Where the daemon is that a command line means: its settings, socket and state folder.
struct Installation {
  settings::Paths paths;        ///< What the settings and flags say is in them.
  settings::Settings settings;  ///< Defaults where there is no file.
  bool hasConfigFile = false;
  bool ofSystem = false;     ///< The daemon of the system, which systemd starts and stops.
  bool socketNamed = false;  ///< By the command line: whose settings these are is unknown.
  std::string text;  ///< Of the settings file.

  settings::StateLayout layout() const { return {paths.stateFolder}; }
};

/// Root means the system's daemon, everybody else their own; and where somebody has none of their
/// own and the system has one, that. --system and --user decide it; --config, BELAY_CONFIG,
/// --socket and BELAY_SOCKET name one file.
/// Errors: kSettingsInvalid; kNotFound for a file that was named and is not there.
base::Result<Installation> findInstallation(const World& world, const ParsedArguments& arguments);

/// Only the modes and default places, without reading the settings.
base::Result<settings::Paths> findMode(const World& world, const ParsedArguments& arguments);

}  // namespace belay::cli
