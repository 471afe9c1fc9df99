#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/Clock.h"
#include "common/base/Environment.h"
#include "common/base/Random.h"
#include "common/json/Value.h"
#include "common/log/Log.h"
#include "common/wire/Envelope.h"
#include "relay/console/Words.h"
#include "relay/service/Settings.h"

namespace belay::console {

/// What a command takes from its process.
struct World {
  const base::Clock& clock;
  base::Random& random;
  log::Log& log;
  base::EnvironmentLookup environment;
  std::function<void(std::chrono::milliseconds)> sleep;
};

/// One command line on its way.
struct Invocation {
  World& world;
  const Words& words;
  std::string configFile;
};

/// One verb. Constant.
struct Command {
  std::string_view path;       ///< "tokens new"
  std::string_view arguments;  ///< "[ID]"
  std::string_view summary;
  std::string_view details;
  std::span<const Flag> flags;
  base::Result<wire::Envelope> (*run)(Invocation&);
  /// The data for people.
  std::string (*show)(const json::Value& data);
};

std::span<const Command* const> allCommands();

/// Runs one command line of belay-relay; returns the exit code of docs/exit-codes.md.
int main(int argc, const char* const* argv, World& world);

extern const Command kInitCommand;
extern const Command kServeCommand;
extern const Command kHostsCommand;
extern const Command kHostsRemoveCommand;
extern const Command kTokensCommand;
extern const Command kTokensNewCommand;
extern const Command kTokensRemoveCommand;
extern const Command kHooksCommand;
extern const Command kHooksAddCommand;
extern const Command kHooksRemoveCommand;
extern const Command kHooksRotateCommand;
extern const Command kHooksResumeCommand;
extern const Command kHooksTestCommand;
extern const Command kDoctorCommand;
extern const Command kVersionCommand;

/// The settings of the file that is meant. Errors: kSettingsInvalid, kNotFound.
base::Result<service::Settings> readSettings(const Invocation& invocation);

}  // namespace belay::console
