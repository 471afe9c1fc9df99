#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace belay::agents {

/// A coding agent that Belay knows by name: how it is called, and which adapter speaks with it.
struct KnownAgent {
  std::string_view name;
  std::string_view adapter;
  std::string_view program;
  std::string_view arguments;  ///< That make it speak so, between spaces: "acp". Mostly none.
};

std::span<const KnownAgent> knownAgents();
/// What the agent of an adapter is called; empty for acp and command.
std::string_view programOf(std::string_view adapter);
/// Null when there is none of that name.
const KnownAgent* findKnownAgent(std::string_view name);

/// Where `program` is in `path` ("/usr/bin:/bin"), as an absolute path; a path with a slash is
/// itself, when it may be executed.
std::optional<std::string> findProgram(std::string_view program, std::string_view path);

}  // namespace belay::agents
