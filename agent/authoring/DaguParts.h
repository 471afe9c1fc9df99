#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/authoring/DaguReader.h"

namespace belay::authoring {

/// A step that is being made.
struct DaguSteps::Parts {
  std::string id;
  json::Value step;  ///< Without its id.
  json::Array after;
  std::string family;  ///< Under which its work stands; empty: none yet.
  std::map<std::string, std::string> env;
  std::string cwd;
  std::string timeout;
  json::Value retry;
  std::vector<std::string> okCodes;
  bool shell = false;          ///< Its work is a script, which has an environment.
  bool goesOnSkipped = false;  ///< What waits for it runs also when it was skipped.
  bool goesOn = false;         ///< After a failure.
};

}  // namespace belay::authoring
