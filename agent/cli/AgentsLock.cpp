#include <algorithm>

#include "agent/agents/ProgramDigest.h"
#include "agent/cli/AgentLookup.h"
#include "agent/cli/Commands.h"
#include "common/base/Files.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"binary", 0, "PATH", "this program instead of the one that is found; with one AGENT"},
    {"adapter", 0, "ADAPTER",
     "how to speak to it: claude-code, codex, gemini, opencode, acp, command"},
    {"remove", 0, "", "forget the locks instead"}};

/// Errors: those of finding it and of asking for its version.
Result<agents::LockedAgent> lockOf(Invocation& invocation, const HostAgents& found,
                                   const std::string& name) {
  BELAY_ASSIGN(const HostAgent agent, findHostAgent(invocation, found, name));
  agents::LockedAgent locked{agent.name, agent.adapter, agent.path, {}, {}};
  BELAY_ASSIGN(const agents::Question question, questionTo(invocation, agent));
  BELAY_ASSIGN(locked.version, agents::askVersion(question, invocation.world().clock));
  // Behind the question: what answered is what is locked.
  BELAY_ASSIGN(locked.digest, agents::programDigest(agent.path));
  return locked;
}

/// The agents that are meant: those that are named, or all that were found.
std::vector<std::string> namesOf(const Invocation& invocation, const HostAgents& found) {
  std::vector<std::string> names = invocation.arguments().positionals;
  if (!names.empty()) return names;
  for (const HostAgent& agent : found.all) {
    if (!agent.path.empty()) names.push_back(agent.name);
  }
  return names;
}

Value rowOf(const agents::LockedAgent& locked, const char* what) {
  Value row;
  row.set("name", locked.name).set("what", what).set("binary", locked.binary);
  row.set("version", locked.version).set("digest", locked.digest);
  return row;
}

Result<api::Envelope> lock(Invocation& invocation) {
  BELAY_ASSIGN(HostAgents found, findHostAgents(invocation));
  const std::vector<std::string> names = namesOf(invocation, found);
  if (invocation.has("binary") && names.size() != 1) {
    return Error{ErrorCode::kUsage, "--binary needs the name of one agent"};
  }
  if (names.empty()) {
    return Error{ErrorCode::kAgentNotFound,
                 "no coding agent was found in the PATH of jobs",
                 {"belay agents list"}};
  }
  json::Array rows;
  for (const std::string& name : names) {
    const agents::LockedAgent* before = agents::findLocked(found.locked, name);
    const std::string digest = before ? before->digest : std::string();
    if (invocation.has("remove")) {
      if (!before)
        return Error{ErrorCode::kNotFound, "there is no lock of the agent \"" + name + "\""};
      rows.push_back(rowOf(*before, "removed"));
    }
    std::optional<agents::LockedAgent> now;
    if (!invocation.has("remove")) {
      BELAY_ASSIGN(now, lockOf(invocation, found, name));
      rows.push_back(rowOf(*now, digest.empty()          ? "new"
                                 : digest == now->digest ? "same"
                                                         : "changed"));
    }
    std::erase_if(found.locked, [&](const agents::LockedAgent& each) { return each.name == name; });
    if (now) found.locked.push_back(std::move(*now));
  }
  BELAY_TRY(base::writeFileDurably(found.lockFile, agents::printLockFile(found.locked), 0644));
  api::Envelope out;
  out.data.set("lock_file", found.lockFile).set("agents", std::move(rows));
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  Table table({"AGENT", "LOCK", "VERSION", "DIGEST", "PROGRAM"});
  for (const Value& row : data.find("agents")->asArray()) {
    table.row({row.text("name"), row.text("what"), row.text("version"),
               row.text("digest").substr(0, 12), row.text("binary")});
  }
  return table.print(invocation.style());
}

}  // namespace

const Command kAgentsLockCommand{"agents lock",
                                 "[AGENT…]",
                                 "write down which program each coding agent is, by its digest",
                                 "Without AGENT: all that are found. Goes to agents.lock.json "
                                 "beside the settings. A step whose agent is "
                                 "locked runs exactly that program: what happens when it is "
                                 "another one says `drift` of the agent.",
                                 kFlags,
                                 &lock,
                                 &print};

}  // namespace belay::cli
