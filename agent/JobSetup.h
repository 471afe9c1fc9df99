#pragma once

#include <memory>
#include <string>

#include "agent/jobs/Isolation.h"
#include "agent/jobs/JobRunner.h"
#include "agent/settings/Settings.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay {

/// How jobs of this host are kept apart. Makes the folder of the flows' folders where jobs have
/// users of their own. Borrows `runner`. Errors: kSettingsInvalid for a user that is not there,
/// kJobSpec, kIo.
base::Result<std::unique_ptr<jobs::Isolation>> makeIsolation(const settings::JobSettings& settings,
                                                             const std::string& stateFolder,
                                                             const jobs::JobRunner& runner);

/// The same in words, for `belay doctor`: {kill, profile, user, strong, landlock, seccomp}, where
/// user and strong say what is missing for these profiles.
json::Value describeIsolation(const jobs::Isolation& isolation, const jobs::JobRunner& runner);

}  // namespace belay
