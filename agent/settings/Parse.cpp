#include "agent/settings/Options.h"
#include "common/options/OptionReader.h"

namespace belay::settings {

using base::Result;

namespace {

void checkIsolation(const JobSettings& jobs, options::OptionReader& reader) {
  const bool asUser = jobs.profile == "user" || jobs.profile == "strong";
  if (!asUser && !jobs.profile.empty() && jobs.profile != "bare")
    reader.wrong("jobs.profile", "must be bare, user, strong or empty");
  if (jobs.strongNetwork != "none" && jobs.strongNetwork != "host")
    reader.wrong("jobs.strong_network", "must be none or host");
  if (asUser && jobs.users.empty())
    reader.wrong("jobs.profile", "needs users: name them in jobs.users, as 70000-70063");
  for (const std::string& path : jobs.readPaths) reader.mustBeAbsolute("jobs.read_paths", path);
  for (const std::string& path : jobs.writePaths) reader.mustBeAbsolute("jobs.write_paths", path);
}

void checkPins(const std::vector<std::string>& pins, options::OptionReader& reader) {
  for (const std::string& pin : pins) {
    constexpr std::size_t kDigits = 64;
    const bool hex = pin.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!hex || pin.size() != kDigits) {
      reader.wrong("link.pin", "must be the SHA-256 of a public key, 64 lower-case digits, not \"" +
                                   pin + "\"");
    }
  }
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
  checkIsolation(settings.jobs, reader);
  checkPins(settings.link.pins, reader);
  constexpr std::uint64_t kLeastMemory = 128u << 20;
  if (settings.limits.memoryBytes != 0 && settings.limits.memoryBytes < kLeastMemory)
    reader.wrong("limits.memory", "must be 0 or at least 128 MiB");
  BELAY_TRY(reader.finish());
  if (const json::Value* connections = document.root.find("connections"))
    settings.connections = *connections;
  if (const json::Value* agents = document.root.find("agents")) settings.agents = *agents;
  return settings;
}

}  // namespace belay::settings
