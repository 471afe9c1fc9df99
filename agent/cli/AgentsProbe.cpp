#include "agent/agents/ProgramDigest.h"
#include "agent/cli/AgentLookup.h"
#include "agent/cli/Commands.h"

namespace belay::cli {

using base::Error;
using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"binary", 0, "PATH", "this program instead of the one that is found"},
    {"adapter", 0, "ADAPTER",
     "how to speak to it: claude-code, codex, gemini, opencode, acp, command"}};

Value checkOf(const char* name, const Result<std::string>& answer) {
  Value out;
  out.set("name", name).set("ok", answer.ok());
  out.set("message", answer ? *answer : answer.error().message);
  out.set("code", answer ? Value() : Value(base::errorText(answer.error().code)));
  return out;
}

Result<std::string> lockCheck(const HostAgents& found, const HostAgent& agent) {
  const std::string state = lockState(found, agent);
  if (state == "none") return std::string("not locked");
  if (state == "same") return std::string("it is the locked program");
  return Error{base::ErrorCode::kAgentDrifted, "the lock of " + agent.name + ": " + state};
}

Result<api::Envelope> probe(Invocation& invocation) {
  BELAY_ASSIGN(const HostAgents found, findHostAgents(invocation));
  BELAY_ASSIGN(const HostAgent agent, findHostAgent(invocation, found, invocation.argument(0)));
  BELAY_ASSIGN(const agents::Question question, questionTo(invocation, agent));
  const base::Clock& clock = invocation.world().clock;
  json::Array checks;
  checks.push_back(checkOf("version", agents::askVersion(question, clock)));
  checks.push_back(checkOf("digest", agents::programDigest(agent.path)));
  checks.push_back(checkOf("lock", lockCheck(found, agent)));
  if (agent.adapter == "acp")
    checks.push_back(checkOf("initialize", agents::askAcp(question, clock)));
  api::Envelope out;
  std::optional<Error> failed;
  for (const Value& check : checks) {
    if (check.flag("ok") || failed) continue;
    const auto code = base::errorFromText(check.text("code"));
    failed.emplace(code.value_or(base::ErrorCode::kAgentFailed),
                   agent.name + ": " + check.text("name") + ": " + check.text("message"));
  }
  out.data.set("name", agent.name).set("adapter", agent.adapter).set("path", agent.path);
  out.data.set("checks", std::move(checks));
  out.error = std::move(failed);
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  std::string out = shown(data.text("name")) + ", " + shown(data.text("path")) + "\n";
  for (const Value& check : data.find("checks")->asArray()) {
    out += "  " + invocation.style().status(check.flag("ok") ? "ok" : "failed") + " " +
           check.text("name") + ": " + shown(check.text("message")) + "\n";
  }
  return out;
}

}  // namespace

const Command kAgentsProbeCommand{
    "agents probe",
    "AGENT",
    "run a coding agent without any work, and say what works",
    "Asks for its version, compares its program with the lock, and with the adapter acp goes "
    "through "
    "the protocol's first exchange. Nothing is sent to a model, and no credentials are looked at.",
    kFlags,
    &probe,
    &print};

}  // namespace belay::cli
