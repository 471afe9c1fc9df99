#include "agent/steps/AgentPlan.h"

#include <algorithm>
#include <array>

#include "agent/agents/KnownAgents.h"
#include "agent/jobs/JobProfile.h"
#include "agent/script/TextOutput.h"
#include "agent/steps/Fields.h"
#include "agent/steps/RunStep.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

const Value& memberOf(const Value& object, std::string_view name) {
  static const Value kNone;
  const Value* found = object.find(name);
  return found ? *found : kNone;
}

/// The list of both, those of the host first.
void join(Value& out, const Value& host, const Value& flow, std::string_view name) {
  Value list{json::Array{}};
  for (const Value* from : {&host, &flow}) {
    const Value& items = memberOf(*from, name);
    if (!items.isArray()) continue;
    for (const Value& item : items.asArray()) list.push(item);
  }
  out.set(name, std::move(list));
}

std::int64_t durationMs(const Value& budget, std::string_view name) {
  const std::string text = budget.text(name);
  const auto parsed = text.empty() ? Result<std::chrono::milliseconds>(std::chrono::milliseconds{0})
                                   : base::parseDuration(text);
  return parsed ? parsed->count() : 0;
}

/// The smaller one of two bounds, of which 0 is none.
template <typename Number>
void bound(Number& out, Number other) {
  if (other > 0) out = out > 0 ? std::min(out, other) : other;
}

void boundBy(agents::Budgets& out, const Value& budget) {
  bound(out.firstOutputMs, durationMs(budget, "first_output"));
  bound(out.noProgressMs, durationMs(budget, "no_progress"));
  bound(out.wallMs, durationMs(budget, "wall_clock"));
  const Value& output = memberOf(budget, "output");
  if (output.isInteger()) bound(out.outputBytes, output.asInteger());
  if (output.isString()) {
    if (const auto bytes = base::parseBytes(output.asString()))
      bound(out.outputBytes, static_cast<std::int64_t>(*bytes));
  }
  bound(out.turns, budget.integer("turns"));
  bound(out.tokens, budget.integer("tokens"));
  const Value& memory = memberOf(budget, "memory");
  if (memory.isInteger()) bound(out.memoryBytes, memory.asInteger());
  if (memory.isString()) {
    if (const auto bytes = base::parseBytes(memory.asString()))
      bound(out.memoryBytes, static_cast<std::int64_t>(*bytes));
  }
  const Value& usd = memberOf(budget, "usd");
  if (usd.isNumber()) bound(out.usd, usd.asNumber());
}

std::vector<agents::Rule> rulesOf(const Value& permissions, std::string_view name) {
  std::vector<agents::Rule> out;
  const Value& list = memberOf(permissions, name);
  for (std::size_t i = 0; list.isArray() && i < list.asArray().size(); ++i) {
    const Value& rule = list.asArray()[i];
    out.push_back({rule.text("tool"), rule.text("command"), rule.text("path")});
  }
  return out;
}

std::vector<std::string> textsOf(const Value& object, std::string_view name) {
  std::vector<std::string> out;
  const Value& list = memberOf(object, name);
  for (std::size_t i = 0; list.isArray() && i < list.asArray().size(); ++i)
    out.push_back(list.asArray()[i].asString());
  return out;
}

agents::CommandShape shapeOf(const Value& command) {
  using Shape = agents::CommandShape;
  constexpr std::array<std::string_view, 4> kModes{"arg", "flag", "stdin", "file"};
  Shape out;
  const std::string mode = command.text("prompt_mode", "arg");
  const auto found = std::find(kModes.begin(), kModes.end(), mode);
  if (found != kModes.end()) out.prompt = static_cast<Shape::Prompt>(found - kModes.begin());
  out.promptFlag = command.text("prompt_flag");
  out.prefixArgs = textsOf(command, "prefix_args");
  if (command.text("flag_style") == "equals") out.flagStyle = Shape::FlagStyle::kEquals;
  const Value& flags = memberOf(command, "option_flags");
  for (std::size_t i = 0; flags.isObject() && i < flags.asObject().size(); ++i) {
    const auto& [flag, value] = flags.asObject()[i];
    out.optionFlags.emplace_back(flag, value.isString() ? value.asString() : json::print(value));
  }
  return out;
}

/// Reads a plan part by part.
class PlanReader {
 public:
  PlanReader(const runtime::Attempt& attempt, const Value& spec, const Value& hostAgents)
      : attempt_(attempt), spec_(spec), hostAgents_(hostAgents), fields_(spec, attempt.key.path) {}

  Result<AgentPlan> read(const std::string& path) {
    BELAY_TRY(chooseHandle());
    BELAY_TRY(readAgent(path));
    BELAY_TRY(readPermissions());
    BELAY_TRY(readBudgets());
    BELAY_TRY(readTask());
    BELAY_TRY(readWorkspace());
    BELAY_TRY(readFiles());
    return std::move(plan_);
  }

 private:
  Status chooseHandle() {
    plan_.use = spec_.text("use");
    const Value& handles = memberOf(spec_, "agents");
    const Value& session = memberOf(spec_, "session");
    plan_.candidate = static_cast<std::size_t>(spec_.integer("candidate"));
    plan_.candidates = handles.isArray() ? handles.asArray().size() : 0;
    const bool open = session.isObject() && spec_.find("candidate") == nullptr;
    for (std::size_t i = 0; open && i < plan_.candidates; ++i) {
      if (handles.asArray()[i].text("name") == session.text("agent")) plan_.candidate = i;
    }
    if (plan_.candidate >= plan_.candidates) return fields_.wrong("use", "names no agent");
    handle_ = handles.asArray()[plan_.candidate];
    plan_.name = handle_.text("name");
    if (handle_.find("adapter")) return {};
    plan_.hostAgent = handle_.text("agent", plan_.name);
    const Value* found = hostAgents_.find(plan_.hostAgent);
    if (found) {
      host_ = *found;
      return {};
    }
    std::vector<std::string_view> names;
    for (std::size_t i = 0; hostAgents_.isObject() && i < hostAgents_.asObject().size(); ++i)
      names.push_back(hostAgents_.asObject()[i].first);
    std::string message = "there is no agent \"" + plan_.hostAgent + "\" on this host";
    const auto meant = base::nearest(plan_.hostAgent, names);
    if (meant) message += "; did you mean " + *meant + "?";
    return Error{ErrorCode::kAgentNotFound, std::move(message),
                 {"define it under agents: in the settings, or write its adapter into the flow"}};
  }

  /// What the flow says, where it does, else the host.
  std::string word(std::string_view name) const {
    return handle_.text(name, host_.text(name));
  }

  Status readAgent(const std::string& path) {
    agents::DriveSpec& drive = plan_.drive;
    const Value& from = plan_.hostAgent.empty() ? handle_ : host_;
    drive.adapter = from.text("adapter");
    std::string program = from.text("binary");
    if (program.empty()) program = agents::programOf(drive.adapter);
    if (program.empty()) return fields_.wrong("agents", "need binary for " + drive.adapter);
    drive.binary = findProgram(program, path);
    Value args;
    join(args, host_, handle_, "args");
    drive.args = textsOf(args, "args");
    drive.model = word("model");
    drive.appendSystem = word("append_system");
    drive.command = shapeOf(memberOf(from, "command"));
    const std::string quota = word("on_quota");
    plan_.onQuota = quota == "wait"  ? OnQuota::kWait
                    : quota == "ask" ? OnQuota::kAsk
                                     : OnQuota::kFail;
    const std::string drift = host_.text("drift", handle_.text("drift"));
    plan_.drift = drift == "ask"    ? OnDrift::kAsk
                  : drift == "warn" ? OnDrift::kWarn
                                    : OnDrift::kRefuse;
    plan_.accepted = spec_.text("accepted");
    for (const Value* each : {&host_, &handle_}) {
      const auto asked = jobs::parseProfile(each->text("profile"));
      if (asked && *asked >= jobs::parseProfile(plan_.profile).value_or(jobs::JobProfile::kBare))
        plan_.profile = each->text("profile");
    }
    return readEnvironment();
  }

  /// Of the step before that of the flow, and what the host sets before both.
  Status readEnvironment() {
    for (const Value* from : std::array<const Value*, 3>{&host_, &handle_, &spec_}) {
      BELAY_ASSIGN(const auto values, Fields(*from, attempt_.key.path).valuesOf("env"));
      for (const auto& value : values) {
        const auto found =
            std::find_if(plan_.env.begin(), plan_.env.end(),
                         [&value](const auto& entry) { return entry.first == value.first; });
        if (found == plan_.env.end())
          plan_.env.push_back(value);
        else if (memberOf(host_, "env").find(value.first) == nullptr)
          found->second = value.second;
      }
    }
    return {};
  }

  /// Those of the host where it denies what it does not name, else those of the flow; what either
  /// denies is denied.
  Status readPermissions() {
    const Value& flows = memberOf(handle_, "permissions");
    const Value& hosts = memberOf(host_, "permissions");
    const bool open = !hosts.isObject() || hosts.text("default") == "allow";
    const Value& from = open && flows.isObject() ? flows : hosts;
    Value deny;
    join(deny, hosts, flows, "deny");
    agents::Permissions& out = plan_.drive.permissions;
    out.defaultAllow = from.text("default", "deny") == "allow";
    out.allow = rulesOf(from, "allow");
    out.deny = rulesOf(deny, "deny");
    out.failOnDenied = spec_.text("on_denied") == "fail";
    return {};
  }

  /// What is left of a budget for the handle's steps.
  template <typename Number>
  Status leave(Number& budget, std::string_view name) const {
    const Value& spent = memberOf(memberOf(spec_, "spent"), name);
    if (budget <= 0 || !spent.isNumber()) return {};
    budget -= static_cast<Number>(spent.asNumber());
    if (budget > 0) return {};
    return Error{ErrorCode::kAgentBudget, "this run has used up the budget of agent " + plan_.use +
                                              ": " + std::string(name)};
  }

  Status readBudgets() {
    agents::Budgets& out = plan_.drive.budgets;
    boundBy(out, memberOf(host_, "budget"));
    boundBy(out, memberOf(handle_, "budget"));
    BELAY_TRY(leave(out.tokens, "tokens"));
    BELAY_TRY(leave(out.turns, "turns"));
    return leave(out.usd, "usd");
  }

  Status readTask() {
    const Value* prompt = spec_.find("prompt");
    const auto text = prompt ? asText(*prompt) : std::nullopt;
    if (!text || text->empty()) return fields_.wrong("prompt", "must be a text");
    if (prompt->flag("truncated"))
      return fields_.wrong("prompt", "is an output that was cut; give it as one of files");
    plan_.drive.prompt = *text;
    if (const Value* schema = spec_.find("schema")) plan_.drive.outputSchema = *schema;
    const Value& session = memberOf(spec_, "session");
    if (session.text("agent") != plan_.name) return {};
    agents::SessionSpec& out = plan_.drive.session;
    out.id = session.text("id");
    out.resume = !out.id.empty();
    BELAY_ASSIGN(out.used, agents::parseUsage(memberOf(session, "used"), "session.used"));
    BELAY_ASSIGN(plan_.workspace,
                 agents::parseWorkspaceSpec(json::print(memberOf(session, "workspace"))));
    plan_.workspace.made = true;
    return {};
  }

  Status readWorkspace() {
    agents::WorkspaceSpec& out = plan_.workspace;
    const Value& given = memberOf(spec_, "workspace");
    const Fields fields(given, attempt_.key.path);
    plan_.keep = given.text("keep", "never");
    if (out.made) return {};
    BELAY_ASSIGN(const std::string git, fields.text("git"));
    BELAY_ASSIGN(const std::string dir, fields.text("dir"));
    if (!git.empty()) {
      out.kind = agents::WorkspaceKind::kGit;
      BELAY_ASSIGN(out.ref, fields.text("ref"));
      BELAY_ASSIGN(out.branch, fields.text("branch"));
      if (out.branch.empty())
        out.branch = "belay/" + attempt_.run.str() + "-" + branchName(attempt_.key.path);
      if (git.front() == '-' || out.branch.front() == '-')
        return fields.wrong("git", "must not begin with a dash");
      out.place = git.front() == '/' ? base::resolvePath(git) : git;
      out.diff = true;
      out.title = attempt_.slug + ": " + attempt_.key.path + "\n\nRun " + attempt_.run.str() +
                  ", agent " + plan_.name + ".";
    } else if (!dir.empty()) {
      if (dir.front() != '/') return fields.wrong("dir", "must be an absolute path");
      out.kind = agents::WorkspaceKind::kDir;
      out.place = base::resolvePath(dir);
      out.diff = given.flag("diff");
    }
    return {};
  }

  static std::string branchName(std::string path) {
    for (char& c : path) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
      if (!plain) c = '-';
    }
    return path;
  }

  Status readFiles() {
    const Value& files = memberOf(spec_, "files");
    for (std::size_t i = 0; files.isObject() && i < files.asObject().size(); ++i) {
      const auto& [path, value] = files.asObject()[i];
      std::string content = value.text("ref");
      if (content.empty()) content = asText(value).value_or("");
      if (content.empty() && value.isObject())
        return fields_.wrong("files", "must be resources, outputs or texts");
      plan_.files.emplace_back(path, std::move(content));
    }
    BELAY_ASSIGN(plan_.collect, fields_.texts("collect"));
    return {};
  }

  const runtime::Attempt& attempt_;
  const Value& spec_;
  const Value& hostAgents_;
  const Fields fields_;
  Value handle_{json::Object{}};
  Value host_{json::Object{}};
  AgentPlan plan_;
};

}  // namespace

Result<AgentPlan> readAgentPlan(const runtime::Attempt& attempt, const Value& hostAgents,
                                const std::string& path) {
  BELAY_ASSIGN(const Value spec, json::parse(attempt.renderedJson));
  return PlanReader(attempt, spec, hostAgents).read(path);
}

}  // namespace belay::steps
