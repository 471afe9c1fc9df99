#include "agent/cli/PolicyFile.h"

#include <utility>

#include "common/base/Files.h"
#include "common/yaml/Yaml.h"

namespace belay::cli {

using base::Error;
using base::Result;

Result<trust::Policy> readPolicy(const std::string& configFile, const settings::Settings& settings,
                                 bool system) {
  const std::string beside = configFile.substr(0, configFile.rfind('/') + 1) + "policy.yaml";
  const std::string file = settings.policyFile.empty() ? beside : settings.policyFile;
  if (settings.policyFile.empty() && !base::fileExists(file)) {
    return system ? trust::Policy::denyAll() : trust::Policy::builtInForUser();
  }
  // A policy that is there and cannot be read denies everything: no daemon starts without it.
  BELAY_ASSIGN(const std::string text, base::readFile(file, 1u << 20));
  auto document = yaml::parse(text);
  if (!document) return std::move(document).error().in(file);
  auto policy = trust::Policy::parse(document->root, file, &base::resolvePath);
  if (policy) return policy;
  Error error = std::move(policy).error();
  const yaml::Mark mark = document->placeOf(error.place.pointer).value;
  error.place.line = mark.line;
  error.place.column = mark.column;
  return std::move(error).in(file + ":" + std::to_string(mark.line) + ":" +
                             std::to_string(mark.column));
}

}  // namespace belay::cli
