#include "agent/settings/Options.h"
#include "common/options/OptionReader.h"

namespace belay::settings {

using base::Error;
using base::ErrorCode;
using base::Result;

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
  reader.mustBeAbsolute("http.ca_file", settings.http.caFile);
  reader.mustBeAbsolute("link.ca_file", settings.link.caFile);
  reader.mustBeAbsolute("policy.file", settings.policyFile);
  BELAY_TRY(reader.finish());
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
