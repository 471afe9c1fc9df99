#include "agent/cli/Installation.h"

#include <utility>

#include "common/base/Files.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using settings::Paths;

namespace {

constexpr std::uint64_t kSettingsBytesMax = 1u << 20;

std::string flagOr(const ParsedArguments& arguments, const World& world, std::string_view flag,
                   const char* variable) {
  const auto given = arguments.flags.find(flag);
  if (given != arguments.flags.end()) return given->second;
  return world.environment(variable).value_or("");
}

}  // namespace

Result<Paths> findMode(const World& world, const ParsedArguments& arguments) {
  if (arguments.has("system") && arguments.has("user")) {
    return Error{ErrorCode::kUsage, "--system and --user exclude each other", {"belay --help"}};
  }
  BELAY_ASSIGN(Paths system, settings::findPaths(true, world.environment, world.home));
  for (std::string* path : {&system.configFile, &system.stateFolder, &system.socket}) {
    path->insert(0, world.systemRoot);
  }
  if (arguments.has("system")) return system;
  if (world.uid == 0 && !arguments.has("user")) return system;
  BELAY_ASSIGN(const Paths user, settings::findPaths(false, world.environment, world.home));
  if (arguments.has("user")) return user;
  const bool hasOwn = base::fileExists(user.configFile) || base::fileExists(user.socket) ||
                      base::fileExists(settings::StateLayout{user.stateFolder}.journal());
  return !hasOwn && base::fileExists(system.socket) ? system : user;
}

Result<Installation> findInstallation(const World& world, const ParsedArguments& arguments) {
  Installation out;
  BELAY_ASSIGN(out.paths, findMode(world, arguments));
  const std::string named = flagOr(arguments, world, "config", "BELAY_CONFIG");
  out.ofSystem = out.paths.system && (named.empty() || named == out.paths.configFile);
  const std::string usual = out.paths.socket;
  if (!named.empty()) out.paths.configFile = named;
  const std::string socket = flagOr(arguments, world, "socket", "BELAY_SOCKET");
  out.socketNamed = !socket.empty();
  auto text = base::readFile(out.paths.configFile, kSettingsBytesMax);
  if (text) {
    BELAY_ASSIGN(out.settings, settings::parseSettings(*text, out.paths.configFile));
    out.hasConfigFile = true;
    out.text = std::move(*text);
  } else if (const bool missing = text.error().code == ErrorCode::kNotFound;
             !named.empty() || (!missing && socket.empty())) {
    // Who says where the socket is need not be able to read the settings of the daemon.
    Error error = std::move(text).error();
    error.code = ErrorCode::kSettingsInvalid;
    error.actions = {missing ? "belay init" : "belay --socket " + out.paths.socket + " …"};
    return std::move(error).in("settings");
  }
  if (!out.settings.state.folder.empty()) out.paths.stateFolder = out.settings.state.folder;
  if (!out.settings.api.socket.empty()) out.paths.socket = out.settings.api.socket;
  if (!socket.empty()) out.paths.socket = socket;
  if (out.socketNamed) out.ofSystem = out.ofSystem && socket == usual;
  return out;
}

}  // namespace belay::cli
