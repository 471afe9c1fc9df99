#pragma once

#include <span>
#include <string>
#include <string_view>

#include "agent/agents/DriveSpec.h"

namespace belay::agents {

/// What an agent wants to do.
struct Action {
  std::string tool;     ///< The agent's own name of the tool.
  std::string kind;     ///< read, edit, execute, fetch, search or other.
  std::string command;  ///< Empty: it executes nothing.
  std::string path;     ///< Empty: it is about no file.
};

struct Decision {
  bool allowed = false;
  std::string rule;  ///< "permissions.deny[2]", "permissions.default".
};

/// Deny goes before allow, and what no rule names is decided by the default. Paths are compared
/// without `.` and `..`, those that are not absolute below `cwd`; links are not followed.
Decision decide(const Permissions& permissions, const Action& action, const std::string& cwd);

/// `*` in `pattern` fits any text, everything else itself.
bool fits(std::string_view pattern, std::string_view text);

/// `pattern` as a regular expression over a whole text.
std::string regexOf(std::string_view pattern);

/// An absolute path without `.`, `..` and double slashes.
std::string plainPath(std::string_view path, const std::string& cwd);

}  // namespace belay::agents
