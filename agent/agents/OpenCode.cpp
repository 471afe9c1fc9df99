#include <utility>

#include "agent/agents/Adapter.h"
#include "agent/agents/Classify.h"
#include "agent/agents/Rules.h"
#include "common/json/Json.h"

// opencode: `opencode run --format json`. Its rules come by OPENCODE_CONFIG_CONTENT, the last that
// fits wins.

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

Error cannot(const std::string& what) { return Error{ErrorCode::kUnsupported, "opencode " + what}; }

constexpr std::string_view kConfig = "OPENCODE_CONFIG_CONTENT";

/// Puts `word` behind the rules of `tool`; the order of members is the order of rules.
void put(Value& permission, std::string_view tool, const std::string& pattern, const char* word) {
  Value* rules = permission.find(tool);
  if (!rules) {
    permission.set(tool, Value(json::Object{}));
    rules = permission.find(tool);
  }
  rules->erase(pattern);
  rules->set(pattern, word);
}

Status addRule(const Rule& rule, const char* word, const std::string& cwd, Value& permission) {
  if (!rule.command.empty() && !rule.path.empty())
    return cannot("has no rules with both a command and a path");
  std::vector<std::string> tools;
  if (!rule.command.empty()) {
    if (!rule.tool.empty() && rule.tool != "execute" && rule.tool != "bash" && rule.tool != "*") {
      return cannot("has no rules by command for the tool " + rule.tool);
    }
    put(permission, "bash", rule.command, word);
    return {};
  }
  const bool any = rule.tool.empty() || rule.tool == "*";
  if (any && rule.path.empty())
    return cannot("takes no rule that names nothing; set permissions.default");
  if (rule.tool == "execute") tools = {"bash"};
  if (rule.tool == "fetch") tools = {"webfetch", "websearch"};
  if (rule.tool == "search") tools = {"glob", "grep", "list"};
  if (any) tools = {"read", "edit"};
  if (tools.empty()) tools = {rule.tool};
  for (const std::string& tool : tools) {
    if (!rule.path.empty() && tool != "read" && tool != "edit") {
      return cannot("has no rules by path for the tool " + tool);
    }
    std::string pattern = "*";
    if (!rule.path.empty()) {
      // Its patterns are below the folder in which it works.
      const std::string path = plainPath(rule.path, cwd);
      const std::string inside = plainPath("", cwd) + "/";
      pattern = path.starts_with(inside) ? path.substr(inside.size()) : path;
    }
    put(permission, tool, pattern, word);
  }
  return {};
}

class OpenCode final : public Adapter {
 public:
  explicit OpenCode(const DriveSpec& spec) : spec_(spec) {}

  Result<LaunchPlan> launch(const base::EnvironmentLookup& environment) override;
  bool parse(std::string_view line, std::vector<Event>& events) override;
  Verdict classify(const Ending& ending) const override;

 private:
  Result<std::string> config(const base::EnvironmentLookup& environment) const;
  void readTool(const Value& part, std::vector<Event>& events) const;
  void readStepEnd(const Value& part, std::vector<Event>& events);

  const DriveSpec& spec_;
  bool started_ = false;
  std::string message_;
  Usage usage_;
  double cost_ = 0;
};

Result<std::string> OpenCode::config(const base::EnvironmentLookup& environment) const {
  Value config{json::Object{}};
  if (const auto given = environment(std::string(kConfig)); given && !given->empty()) {
    auto parsed = json::parse(*given);
    if (!parsed || !parsed->isObject()) {
      return Error{ErrorCode::kInvalidArgument,
                   std::string(kConfig) + " of the job is no JSON object"};
    }
    config = std::move(*parsed);
  }
  Value permission;
  permission.set("*", spec_.permissions.defaultAllow ? "allow" : "deny");
  for (const Rule& rule : spec_.permissions.allow)
    BELAY_TRY(addRule(rule, "allow", spec_.cwd, permission));
  for (const Rule& rule : spec_.permissions.deny)
    BELAY_TRY(addRule(rule, "deny", spec_.cwd, permission));
  config.set("permission", std::move(permission)).set("autoupdate", false);
  return json::print(config);
}

Result<LaunchPlan> OpenCode::launch(const base::EnvironmentLookup& environment) {
  if (!spec_.outputSchema.isNull()) return cannot("takes no output_schema");
  LaunchPlan plan;
  BELAY_ASSIGN(std::string config, this->config(environment));
  plan.environment.emplace_back(kConfig, std::move(config));
  std::vector<std::string>& argv = plan.arguments;
  argv = {"run", "--format", "json"};
  if (!spec_.model.empty()) argv.insert(argv.end(), {"-m", spec_.model});
  if (spec_.session.resume)
    argv.insert(argv.end(), {"-s", spec_.session.id});
  else if (!spec_.session.id.empty())
    return cannot("makes the id of a new session itself; leave session.id out");
  for (const std::string& word : spec_.args) {
    if (word == "--auto" || word == "--dangerously-skip-permissions") {
      return cannot("must not have the argument " + word + " here");
    }
    argv.push_back(word);
  }
  // Without a message it takes its standard input as one.
  plan.input =
      spec_.appendSystem.empty() ? spec_.prompt : spec_.appendSystem + "\n\n" + spec_.prompt;
  return plan;
}

void OpenCode::readTool(const Value& part, std::vector<Event>& events) const {
  const Value* state = part.find("state");
  const Value* input = state ? state->find("input") : nullptr;
  const std::string status = state ? state->text("status") : std::string();
  Event start{.kind = Event::Kind::kToolStart,
              .id = part.text("callID"),
              .tool = part.text("tool"),
              .what = describeInput(input ? *input : Value())};
  Event end{.kind = Event::Kind::kToolEnd, .id = start.id, .ok = status != "error"};
  if (state) end.text = state->text(end.ok ? "output" : "error");
  if (!end.ok && (end.text.find("rule which prevents") != std::string::npos ||
                  end.text.find("rejected permission") != std::string::npos)) {
    events.push_back({.kind = Event::Kind::kDenied,
                      .tool = start.tool,
                      .what = start.what,
                      .text = lastLine(end.text)});
  }
  events.push_back(std::move(start));
  if (status == "completed" || status == "error") events.push_back(std::move(end));
}

void OpenCode::readStepEnd(const Value& part, std::vector<Event>& events) {
  const Value* tokens = part.find("tokens");
  const Value* cache = tokens ? tokens->find("cache") : nullptr;
  if (tokens) {
    const std::int64_t read = cache ? countIn(*cache, "read") : 0;
    usage_.cached += read;
    usage_.input += countIn(*tokens, "input") + read + (cache ? countIn(*cache, "write") : 0);
    usage_.output += countIn(*tokens, "output") + countIn(*tokens, "reasoning");
    usage_.reasoning += countIn(*tokens, "reasoning");
  }
  if (const Value* cost = part.find("cost"); cost && cost->isNumber()) cost_ += cost->asNumber();
  events.push_back({.kind = Event::Kind::kTurn});
  events.push_back({.kind = Event::Kind::kUsage, .usage = usage_, .cost = cost_});
  if (part.text("reason") == "stop")
    events.push_back({.kind = Event::Kind::kFinal, .text = message_});
}

bool OpenCode::parse(std::string_view line, std::vector<Event>& events) {
  const auto value = parseLine(line);
  if (!value) return false;
  const std::string type = value->text("type");
  if (type.empty()) return false;
  const Value* found = value->find("part");
  const Value& part = found ? *found : *value;
  if (const std::string id = value->text("sessionID"); !started_ && !id.empty()) {
    started_ = true;
    events.push_back({.kind = Event::Kind::kStart, .id = id});
  }
  if (type == "text") {
    message_ = part.text("text");
    events.push_back({.kind = Event::Kind::kText, .text = message_});
  } else if (type == "reasoning") {
    events.push_back({.kind = Event::Kind::kThought, .text = part.text("text")});
  } else if (type == "tool_use") {
    readTool(part, events);
  } else if (type == "step_finish") {
    readStepEnd(part, events);
  } else if (type == "error") {
    Event last{.kind = Event::Kind::kFinal, .outcome = Outcome::kFailed};
    if (const Value* error = value->find("error")) {
      const Value* data = error->find("data");
      last.text = data ? data->text("message") : error->text("name");
      if (last.text.empty()) last.text = error->text("name");
      if (data) last.status = static_cast<int>(data->integer("statusCode"));
    }
    last.retryAfterMs = retryAfterIn(last.text);
    events.push_back(std::move(last));
  }
  return true;
}

Verdict OpenCode::classify(const Ending& ending) const { return judgeEnding(ending); }

}  // namespace

std::unique_ptr<Adapter> makeOpenCode(const DriveSpec& spec) {
  return std::make_unique<OpenCode>(spec);
}

}  // namespace belay::agents
