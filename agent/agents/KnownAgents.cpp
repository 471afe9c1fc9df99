#include "agent/agents/KnownAgents.h"

#include <array>

#include "common/base/Files.h"
#include "common/base/Text.h"

namespace belay::agents {

namespace {

constexpr std::array<KnownAgent, 9> kKnown{{{"claude-code", "claude-code", "claude", ""},
                                            {"codex", "codex", "codex", ""},
                                            {"gemini", "gemini", "gemini", ""},
                                            {"opencode", "opencode", "opencode", ""},
                                            {"claude-code-acp", "acp", "claude-code-acp", ""},
                                            {"codex-acp", "acp", "codex-acp", ""},
                                            {"gemini-acp", "acp", "gemini", "--acp"},
                                            {"opencode-acp", "acp", "opencode", "acp"},
                                            {"goose", "acp", "goose", "acp"}}};

}  // namespace

std::span<const KnownAgent> knownAgents() { return kKnown; }

std::string_view programOf(std::string_view adapter) {
  for (const KnownAgent& agent : kKnown) {
    if (agent.adapter == adapter && agent.name == adapter) return agent.program;
  }
  return {};
}

const KnownAgent* findKnownAgent(std::string_view name) {
  for (const KnownAgent& agent : kKnown) {
    if (agent.name == name) return &agent;
  }
  return nullptr;
}

std::optional<std::string> findProgram(std::string_view program, std::string_view path) {
  if (program.find('/') != std::string_view::npos) {
    std::string whole(program);
    return base::isExecutable(whole) ? std::optional<std::string>(std::move(whole)) : std::nullopt;
  }
  for (const std::string_view folder : base::split(path, ':')) {
    if (!folder.starts_with('/')) continue;
    std::string candidate = std::string(folder) + "/" + std::string(program);
    if (base::isExecutable(candidate)) return candidate;
  }
  return std::nullopt;
}

}  // namespace belay::agents
