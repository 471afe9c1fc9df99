#include "agent/cli/AgentLookup.h"
#include "agent/cli/Commands.h"

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

Result<api::Envelope> list(Invocation& invocation) {
  BELAY_ASSIGN(const HostAgents found, findHostAgents(invocation));
  json::Array rows;
  for (const HostAgent& agent : found.all) {
    Value row;
    row.set("name", agent.name).set("adapter", agent.adapter).set("program", agent.program);
    row.set("path", agent.path.empty() ? Value() : Value(agent.path));
    Value version, problem;
    if (!agent.path.empty()) {
      BELAY_ASSIGN(const agents::Question question, questionTo(invocation, agent));
      const auto answer = agents::askVersion(question, invocation.world().clock);
      if (answer)
        version = *answer;
      else
        problem = answer.error().message;
    }
    row.set("version", std::move(version)).set("problem", std::move(problem));
    row.set("lock", lockState(found, agent));
    rows.push_back(std::move(row));
  }
  api::Envelope out;
  out.data.set("lock_file", found.lockFile).set("agents", std::move(rows));
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  Table table({"AGENT", "ADAPTER", "VERSION", "LOCK", "PROGRAM"});
  for (const Value& agent : data.find("agents")->asArray()) {
    const std::string path = agent.text("path");
    std::string version = agent.text("version");
    if (version.empty()) version = path.empty() ? "not found" : "does not say";
    table.row({agent.text("name"), agent.text("adapter"), version, agent.text("lock"),
               path.empty() ? agent.text("program") : path});
  }
  return table.print(invocation.style());
}

}  // namespace

const Command kAgentsListCommand{
    "agents list",
    "",
    "list coding agents: where they are, their versions, and whether they are locked",
    "Looked for in the PATH of jobs. LOCK is none, same, other (the program has changed since it "
    "was "
    "locked), elsewhere (another program is found now) or gone.",
    {},
    &list,
    &print};

}  // namespace belay::cli
