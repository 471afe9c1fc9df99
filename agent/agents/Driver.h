#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/base/Clock.h"

namespace belay::agents {

/// What the process of a driver is given by main().
struct DriverWorld {
  const base::Clock& clock;
  std::vector<std::pair<std::string, std::string>> environment;  ///< All of it.
};

/// The role `belay drive SPEC`: runs one coding agent to its end, as docs/format/agent-drive.md
/// says. Takes over the signals of the process. Returns its exit status.
int runDriver(const std::string& specFile, const DriverWorld& world);

}  // namespace belay::agents
