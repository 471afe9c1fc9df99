#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/SettingsChecks.h"

// config check and config defaults.

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

/// All that a daemon would refuse to start with, without starting one.
Result<api::Envelope> check(Invocation& invocation) {
  Installation where;
  if (const auto file = invocation.positional(0)) {
    BELAY_ASSIGN(where.text, readText(invocation, *file, kInputBytesMax));
    BELAY_ASSIGN(where.settings, settings::parseSettings(where.text, *file));
    where.paths.socket = where.settings.api.socket;
    where.paths.configFile = *file;
    where.hasConfigFile = true;
  } else {
    BELAY_ASSIGN(const Installation* found, invocation.installation());
    where = *found;
  }
  BELAY_TRY(checkSettings(where, invocation.world().environment));
  api::Envelope out;
  out.data.set("file", where.hasConfigFile ? Value(where.paths.configFile) : Value());
  out.data.set("settings", settings::toJson(where.settings));
  const Value& connections = where.settings.connections;
  out.data.set("connections", connections.isObject()
                                  ? static_cast<std::int64_t>(connections.asObject().size())
                                  : 0);
  return out;
}

std::string printChecked(const Invocation& invocation, const Value& data) {
  const std::string file = data.text("file");
  return (file.empty() ? "no settings file; the defaults are in force" : shown(file)) + ": " +
         invocation.style().status("ok") + "\n";
}

Result<api::Envelope> defaults(Invocation&) {
  api::Envelope out;
  out.data.set("text", settings::defaultSettingsText());
  out.data.set("settings", settings::toJson(settings::Settings{}));
  return out;
}

std::string printDefaults(const Invocation&, const Value& data) { return data.text("text"); }

}  // namespace

const Command kConfigCheckCommand{
    "config check",
    "[FILE]",
    "check settings and policy, and show the settings in force with --json",
    "Without FILE: the settings that this command line means. The "
    "exit code is 3 when they are not valid.",
    {},
    &check,
    &printChecked,
    Completes::kFile};

const Command kConfigDefaultsCommand{"config defaults",
                                     "",
                                     "print a settings file with every option and its default",
                                     "",
                                     {},
                                     &defaults,
                                     &printDefaults};

}  // namespace belay::cli
