#include "agent/settings/Options.h"
#include "common/options/OptionReader.h"

namespace belay::settings {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

base::Status checkIsolation(const JobSettings& jobs, const std::string& source) {
  const auto wrong = [&](const char* what) {
    return Error{ErrorCode::kSettingsInvalid, source + ": " + what};
  };
  const bool known = jobs.profile.empty() || jobs.profile == "bare" || jobs.profile == "user" ||
                     jobs.profile == "strong";
  if (!known) return wrong("jobs.profile must be bare, user, strong or empty");
  if (jobs.strongNetwork != "none" && jobs.strongNetwork != "host")
    return wrong("jobs.strong_network must be none or host");
  const bool asUser = jobs.profile == "user" || jobs.profile == "strong";
  if (asUser && jobs.users.empty())
    return wrong("jobs.profile needs users: name them in jobs.users, as 70000-70063");
  for (const auto* paths : {&jobs.readPaths, &jobs.writePaths}) {
    for (const std::string& path : *paths) {
      if (path.empty() || path.front() != '/')
        return wrong("jobs.read_paths and jobs.write_paths must be absolute paths");
    }
  }
  return {};
}

base::Status checkPins(const std::vector<std::string>& pins, const std::string& source) {
  for (const std::string& pin : pins) {
    constexpr std::size_t kDigits = 64;
    const bool hex = pin.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (hex && pin.size() == kDigits) continue;
    return Error{ErrorCode::kSettingsInvalid,
                 source +
                     ": link.pin must be the SHA-256 of a public key, 64 lower-case digits, "
                     "not \"" +
                     pin + "\""};
  }
  return {};
}

}  // namespace

Result<Settings> parseSettings(std::string_view text, const std::string& source) {
  BELAY_ASSIGN(const yaml::Document document, options::parseOptionsFile(text, source));
  Settings settings;
  options::OptionReader reader(document, source, "belay config defaults");
  reader.foreignSection("connections");
  reader.foreignSection("agents");
  visitOptions(settings, reader);
  reader.mustBeAbsolute("state.folder", settings.state.folder);
  reader.mustBeAbsolute("api.socket", settings.api.socket);
  reader.mustBeAbsolute("jobs.work_folder", settings.jobs.workFolder);
  reader.mustBeAbsolute("jobs.user_folder", settings.jobs.userFolder);
  reader.mustBeAbsolute("jobs.spawner_socket", settings.jobs.spawnerSocket);
  reader.mustBeAbsolute("jobs.plugin_folder", settings.jobs.pluginFolder);
  reader.mustBeAbsolute("http.ca_file", settings.http.caFile);
  reader.mustBeAbsolute("link.ca_file", settings.link.caFile);
  reader.mustBeAbsolute("policy.file", settings.policyFile);
  BELAY_TRY(reader.finish());
  BELAY_TRY(checkIsolation(settings.jobs, source));
  BELAY_TRY(checkPins(settings.link.pins, source));
  constexpr std::uint64_t kLeastMemory = 64u << 20;
  if (settings.limits.memoryBytes != 0 && settings.limits.memoryBytes < kLeastMemory) {
    return Error{ErrorCode::kSettingsInvalid,
                 source + ": limits.memory must be 0 or at least 64 MiB"};
  }
  if (const json::Value* connections = document.root.find("connections"))
    settings.connections = *connections;
  if (const json::Value* agents = document.root.find("agents")) settings.agents = *agents;
  return settings;
}

}  // namespace belay::settings
