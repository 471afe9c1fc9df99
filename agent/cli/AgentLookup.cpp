#include "agent/cli/AgentLookup.h"

#include <algorithm>

#include "agent/agents/KnownAgents.h"
#include "agent/agents/ProgramDigest.h"
#include "agent/flow/AgentRules.h"
#include "common/base/Files.h"
#include "common/base/Text.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

HostAgent fromTable(const agents::KnownAgent& known, const std::string& path) {
  HostAgent out;
  out.name = known.name;
  out.adapter = known.adapter;
  out.program = known.program;
  if (!known.arguments.empty()) out.arguments.emplace_back(known.arguments);
  out.path = agents::findProgram(known.program, path).value_or("");
  return out;
}

/// One of `agents:` of the settings, as steps see it.
HostAgent fromSettings(const std::string& name, const json::Value& agent, const std::string& path) {
  HostAgent out;
  out.name = name;
  out.adapter = agent.text("adapter");
  out.program = agent.text("binary");
  if (out.program.empty()) out.program = agents::programOf(out.adapter);
  const json::Value* args = agent.find("args");
  for (std::size_t i = 0; args && args->isArray() && i < args->asArray().size(); ++i)
    out.arguments.push_back(args->asArray()[i].asString());
  // Steps resolve links, so that a lock is of what they run.
  const auto found = agents::findProgram(out.program, path);
  if (found) out.path = base::resolvePath(*found);
  return out;
}

bool isThere(const HostAgents& agents, std::string_view name) {
  return std::any_of(agents.all.begin(), agents.all.end(),
                     [name](const HostAgent& each) { return each.name == name; });
}

/// Those of the settings go before what is known by itself.
Status addFromSettings(const Installation& where, HostAgents& out) {
  const json::Value& given = where.settings.agents;
  BELAY_TRY(flow::checkHostAgents(given));
  for (std::size_t i = 0; given.isObject() && i < given.asObject().size(); ++i) {
    const auto& [name, agent] = given.asObject()[i];
    out.all.push_back(fromSettings(name, agent, where.settings.jobs.path));
  }
  return {};
}

}  // namespace

Result<HostAgents> findHostAgents(Invocation& invocation) {
  BELAY_ASSIGN(const Installation* where, invocation.installation());
  HostAgents out;
  out.lockFile = agents::lockFilePath(where->paths.configFile);
  BELAY_ASSIGN(out.locked, agents::readLockFile(out.lockFile));
  BELAY_TRY(addFromSettings(*where, out));
  for (const agents::KnownAgent& known : agents::knownAgents()) {
    if (!isThere(out, known.name))
      out.all.push_back(fromTable(known, where->settings.jobs.path));
  }
  for (const agents::LockedAgent& locked : out.locked) {
    if (isThere(out, locked.name)) continue;
    HostAgent agent{locked.name, locked.adapter, locked.binary, {}, {}};
    if (base::isExecutable(locked.binary)) agent.path = locked.binary;
    out.all.push_back(std::move(agent));
  }
  // A handful: std::sort would be more code than all that is above.
  for (auto first = out.all.begin(); first != out.all.end(); ++first) {
    for (auto other = first; other != out.all.end(); ++other) {
      if (other->name < first->name) std::swap(*first, *other);
    }
  }
  return out;
}

Result<HostAgent> findHostAgent(Invocation& invocation, const HostAgents& agents,
                                const std::string& name) {
  const std::string binary = invocation.flag("binary");
  const std::string adapter = invocation.flag("adapter");
  HostAgent agent;
  std::vector<std::string_view> names;
  for (const HostAgent& each : agents.all) {
    names.push_back(each.name);
    if (each.name == name) agent = each;
  }
  if (agent.name.empty() && (binary.empty() || adapter.empty())) {
    std::string message = "there is no agent \"" + base::visible(name) + "\"";
    if (const auto near = base::nearest(name, names))
      message += "; did you mean \"" + *near + "\"?";
    return Error{
        ErrorCode::kNotFound,
        std::move(message),
        {"belay agents list", "for a program of your own: --binary PATH --adapter ADAPTER"}};
  }
  agent.name = name;
  if (!adapter.empty()) agent.adapter = adapter;
  if (!binary.empty()) {
    BELAY_ASSIGN(const Installation* where, invocation.installation());
    agent.program = binary;
    agent.path = agents::findProgram(binary, where->settings.jobs.path).value_or("");
  }
  const auto known = [&](const agents::KnownAgent& each) { return each.adapter == agent.adapter; };
  const auto table = agents::knownAgents();
  if (agent.adapter != "command" && std::none_of(table.begin(), table.end(), known)) {
    return Error{ErrorCode::kUsage,
                 "there is no adapter \"" + base::visible(agent.adapter) +
                     "\"; there are claude-code, codex, gemini, opencode, acp, command"};
  }
  if (agent.path.empty() || agent.path.front() != '/') {
    return Error{ErrorCode::kAgentNotFound, agent.name + ": there is no program " + agent.program +
                                                " in the PATH of jobs (jobs.path)"};
  }
  return agent;
}

Result<agents::Question> questionTo(Invocation& invocation, const HostAgent& agent) {
  BELAY_ASSIGN(const Installation* where, invocation.installation());
  BELAY_ASSIGN(const auto bound, invocation.duration("timeout", std::chrono::seconds(20)));
  agents::Question question;
  question.program = agent.path;
  question.arguments = agent.arguments;
  question.bound = bound;
  question.environment = {"PATH=" + where->settings.jobs.path, "LANG=C.UTF-8",
                          "DISABLE_AUTOUPDATER=1", "OPENCODE_DISABLE_AUTOUPDATE=1",
                          "NO_UPDATE_NOTIFIER=1"};
  std::vector<std::string> passed{"HOME", "USER", "TZ"};
  const auto& more = where->settings.jobs.passEnvironment;
  passed.insert(passed.end(), more.begin(), more.end());
  for (const std::string& name : passed) {
    if (const auto value = invocation.world().environment(name)) {
      question.environment.push_back(name + "=" + *value);
    }
  }
  return question;
}

std::string lockState(const HostAgents& agents, const HostAgent& agent) {
  const agents::LockedAgent* locked = agents::findLocked(agents.locked, agent.name);
  if (!locked) return "none";
  const auto digest = agents::programDigest(locked->binary);
  if (!digest) return "gone";
  if (*digest != locked->digest) return "other";
  return agent.path == locked->binary ? "same" : "elsewhere";
}

}  // namespace belay::cli
