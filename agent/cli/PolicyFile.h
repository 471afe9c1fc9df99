#pragma once

#include <string>

#include "agent/settings/Settings.h"
#include "agent/trust/Policy.h"
#include "common/base/Result.h"
#include "common/yaml/Yaml.h"

namespace belay::cli {

/// The policy of a host: of the file that the settings name, else of policy.yaml beside them; where
/// there is none, what user or system mode has without. The file and its folder must belong to root,
/// in user mode or to the user who reads it, and nobody else may write to them.
/// Errors: kSettingsInvalid, for what is not valid with file, line and column; kNotFound, kIo for a file that was named.
base::Result<trust::Policy> readPolicy(const std::string& configFile,
                                       const settings::Settings& settings, bool system);

/// The error with the place in `file` that its pointer means.
base::Error placed(base::Error error, const yaml::Document& document, const std::string& file);

}  // namespace belay::cli
