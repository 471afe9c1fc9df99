#include <array>
#include <cstdio>
#include <set>
#include <utility>

#include "agent/agents/Adapter.h"
#include "agent/agents/Classify.h"
#include "common/json/Json.h"

// Claude Code, headless: `claude -p --output-format stream-json --verbose`. The plain json format
// says nothing while it retries; stream-json does.

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

struct ToolRow {
  std::string_view kind;
  std::string_view name;
};

constexpr std::array<ToolRow, 18> kTools{{{"read", "Read"},
                                          {"search", "Glob"},
                                          {"search", "Grep"},
                                          {"search", "LS"},
                                          {"edit", "Edit"},
                                          {"edit", "Write"},
                                          {"edit", "MultiEdit"},
                                          {"edit", "NotebookEdit"},
                                          {"execute", "Bash"},
                                          {"execute", "BashOutput"},
                                          {"execute", "KillShell"},
                                          {"fetch", "WebFetch"},
                                          {"fetch", "WebSearch"},
                                          {"other", "Agent"},
                                          {"other", "Task"},
                                          {"other", "TodoWrite"},
                                          {"other", "Skill"},
                                          {"other", "SlashCommand"}}};

/// What would undo the permissions, or the stream that is read. --bare skips hooks besides.
constexpr std::array<std::string_view, 6> kRefusedArgs = {
    "--bare",         "--dangerously-skip-permissions",      "--permission-mode", "--output-format",
    "--input-format", "--allow-dangerously-skip-permissions"};

Error cannot(const std::string& what) {
  return Error{ErrorCode::kUnsupported, "claude-code " + what};
}

/// Its paths are patterns of gitignore, where `*` stops at a slash and `/` begins at the project.
std::string pathPattern(std::string_view path) {
  std::string out = path.starts_with('/') ? "/" : "";
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool whole = path[i] == '*' && (i == 0 || path[i - 1] == '/') &&
                       (i + 1 == path.size() || path[i + 1] == '/');
    out += whole ? "**" : std::string(1, path[i]);
  }
  return out;
}

Status addRule(const Rule& rule, std::vector<std::string>& out) {
  if (!rule.command.empty()) {
    if (!rule.path.empty()) return cannot("has no rules with both a command and a path");
    if (rule.tool.empty() || rule.tool == "execute" || rule.tool == "Bash" || rule.tool == "*") {
      out.push_back("Bash(" + rule.command + ")");
      return {};
    }
    return cannot("has no rules by command for the tool " + rule.tool);
  }
  const bool any = rule.tool.empty() || rule.tool == "*";
  bool found = false;
  std::set<std::string> added;
  for (const ToolRow& row : kTools) {
    if (!any && rule.tool != row.kind && rule.tool != row.name) continue;
    found = true;
    if (rule.path.empty()) {
      added.emplace(row.name);
      continue;
    }
    // Read(…) counts for all that read, Edit(…) for all that write.
    const bool reads = row.kind == "read" || row.kind == "search";
    if (!reads && row.kind != "edit") {
      if (any) continue;
      return cannot("has no rules by path for the tool " + rule.tool);
    }
    added.insert((reads ? "Read(" : "Edit(") + pathPattern(rule.path) + ")");
  }
  if (!found && !rule.path.empty()) return cannot("has no rules by path for the tool " + rule.tool);
  if (!found) added.insert(rule.tool);
  out.insert(out.end(), added.begin(), added.end());
  return {};
}

bool isUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !digit) return false;
  }
  return true;
}

Usage usageOf(const Value& usage) {
  Usage out;
  out.cached = countIn(usage, "cache_read_input_tokens");
  out.input =
      countIn(usage, "input_tokens") + countIn(usage, "cache_creation_input_tokens") + out.cached;
  out.output = countIn(usage, "output_tokens");
  return out;
}

class ClaudeCode final : public Adapter {
 public:
  explicit ClaudeCode(const DriveSpec& spec) : spec_(spec) {}

  Result<LaunchPlan> launch(const base::EnvironmentLookup& environment) override;
  bool parse(std::string_view line, std::vector<Event>& events) override;
  Verdict classify(const Ending& ending) const override;

 private:
  Status addPermissions(std::vector<std::string>& argv) const;
  Status addSession(std::vector<std::string>& argv) const;
  void addLimits(std::vector<std::string>& argv) const;
  void readSystem(const Value& line, std::vector<Event>& events) const;
  void readAssistant(const Value& line, std::vector<Event>& events);
  void readUser(const Value& line, std::vector<Event>& events) const;
  void readResult(const Value& line, std::vector<Event>& events) const;

  const DriveSpec& spec_;
  std::string messageId_;  // One line comes for each block of a message, all with its usage.
  Usage before_;           // Of the messages before that one.
  Usage message_;
};

Status ClaudeCode::addPermissions(std::vector<std::string>& argv) const {
  const Permissions& permissions = spec_.permissions;
  std::vector<std::string> allowed;
  std::vector<std::string> denied;
  if (permissions.defaultAllow) BELAY_TRY(addRule({}, allowed));
  for (const Rule& rule : permissions.allow) BELAY_TRY(addRule(rule, allowed));
  for (const Rule& rule : permissions.deny) BELAY_TRY(addRule(rule, denied));
  // Never bypassPermissions: root may not have it, and it knows no rules.
  argv.insert(argv.end(),
              {"--permission-mode", permissions.defaultAllow ? "acceptEdits" : "dontAsk"});
  if (!allowed.empty()) argv.push_back("--allowedTools");
  argv.insert(argv.end(), allowed.begin(), allowed.end());
  if (!denied.empty()) argv.push_back("--disallowedTools");
  argv.insert(argv.end(), denied.begin(), denied.end());
  return {};
}

Status ClaudeCode::addSession(std::vector<std::string>& argv) const {
  if (spec_.session.id.empty()) return {};
  if (!isUuid(spec_.session.id)) return cannot("needs a UUID as session.id");
  argv.insert(argv.end(), {spec_.session.resume ? "--resume" : "--session-id", spec_.session.id});
  return {};
}

void ClaudeCode::addLimits(std::vector<std::string>& argv) const {
  if (spec_.budgets.turns > 0) {
    argv.insert(argv.end(), {"--max-turns", std::to_string(spec_.budgets.turns)});
  }
  if (spec_.budgets.usd > 0) {
    argv.insert(argv.end(), {"--max-budget-usd", json::print(Value(spec_.budgets.usd))});
  }
}

Result<LaunchPlan> ClaudeCode::launch(const base::EnvironmentLookup&) {
  LaunchPlan plan;
  std::vector<std::string>& argv = plan.arguments;
  argv = {"-p", "--output-format", "stream-json", "--verbose"};
  if (!spec_.model.empty()) argv.insert(argv.end(), {"--model", spec_.model});
  addLimits(argv);
  if (!spec_.outputSchema.isNull()) {
    argv.insert(argv.end(), {"--json-schema", json::print(spec_.outputSchema)});
  }
  if (!spec_.appendSystem.empty()) {
    argv.insert(argv.end(), {"--append-system-prompt", spec_.appendSystem});
  }
  BELAY_TRY(addSession(argv));
  for (const std::string& word : spec_.args) {
    const std::string flag = word.substr(0, word.find('='));
    for (const std::string_view refused : kRefusedArgs) {
      if (flag == refused) return cannot("must not have the argument " + flag + " here");
    }
    argv.push_back(word);
  }
  BELAY_TRY(addPermissions(argv));
  // Not as an argument: those end at 128 KiB, and everybody on the host can read them.
  plan.input = spec_.prompt;
  return plan;
}

void ClaudeCode::readSystem(const Value& line, std::vector<Event>& events) const {
  const std::string subtype = line.text("subtype");
  Event event;
  if (subtype == "init") {
    event.kind = Event::Kind::kStart;
    event.id = line.text("session_id");
    event.text = line.text("claude_code_version");
    event.what = line.text("model");
    events.push_back(std::move(event));
  } else if (subtype == "api_retry") {
    event.kind = Event::Kind::kRetry;
    event.status = static_cast<int>(line.integer("error_status"));
    event.retryAfterMs = countIn(line, "retry_delay_ms");
    event.text = "attempt " + std::to_string(line.integer("attempt")) + " of " +
                 std::to_string(line.integer("max_retries")) + ", " + line.text("error");
    events.push_back(std::move(event));
  }
}

void ClaudeCode::readAssistant(const Value& line, std::vector<Event>& events) {
  const Value* message = line.find("message");
  if (!message) return;
  const std::string id = message->text("id");
  if (id.empty() || id != messageId_) {
    messageId_ = id;
    before_.input += message_.input, before_.output += message_.output;
    before_.cached += message_.cached;
    events.push_back({.kind = Event::Kind::kTurn});
  }
  if (const Value* usage = message->find("usage")) {
    message_ = usageOf(*usage);
    events.push_back({.kind = Event::Kind::kUsage,
                      .usage = {before_.input + message_.input, before_.output + message_.output,
                                before_.cached + message_.cached, 0}});
  }
  // What an agent of the agent says is no answer to the prompt.
  const bool inner = !line.text("parent_tool_use_id").empty();
  const Value* content = message->find("content");
  if (!content || !content->isArray()) return;
  for (const Value& block : content->asArray()) {
    const std::string type = block.text("type");
    if (type == "text") {
      events.push_back(
          {.kind = inner ? Event::Kind::kThought : Event::Kind::kText, .text = block.text("text")});
    } else if (type == "thinking") {
      events.push_back({.kind = Event::Kind::kThought, .text = block.text("thinking")});
    } else if (type == "tool_use") {
      const Value* input = block.find("input");
      events.push_back({.kind = Event::Kind::kToolStart,
                        .id = block.text("id"),
                        .tool = block.text("name"),
                        .what = describeInput(input ? *input : Value())});
    }
  }
}

void ClaudeCode::readUser(const Value& line, std::vector<Event>& events) const {
  const Value* content = line.at("/message/content");
  if (!content || !content->isArray()) return;
  for (const Value& block : content->asArray()) {
    if (block.text("type") != "tool_result") continue;
    Event event{.kind = Event::Kind::kToolEnd, .id = block.text("tool_use_id")};
    event.ok = !block.flag("is_error");
    const Value* said = block.find("content");
    if (said && said->isString()) event.text = said->asString();
    if (said && said->isArray() && !said->asArray().empty())
      event.text = said->asArray()[0].text("text");
    events.push_back(std::move(event));
  }
}

void ClaudeCode::readResult(const Value& line, std::vector<Event>& events) const {
  Event usage{.kind = Event::Kind::kUsage};
  if (const Value* given = line.find("usage")) usage.usage = usageOf(*given);
  if (const Value* cost = line.find("total_cost_usd"); cost && cost->isNumber())
    usage.cost = cost->asNumber();
  events.push_back(usage);
  if (const Value* denials = line.find("permission_denials"); denials && denials->isArray()) {
    for (const Value& denial : denials->asArray()) {
      const Value* input = denial.find("tool_input");
      events.push_back({.kind = Event::Kind::kDenied,
                        .tool = denial.text("tool_name"),
                        .what = describeInput(input ? *input : Value()),
                        .text = "denied by its rules"});
    }
  }
  Event last{
      .kind = Event::Kind::kFinal, .id = line.text("session_id"), .text = line.text("result")};
  last.turns = countIn(line, "num_turns");
  last.status = static_cast<int>(line.integer("api_error_status"));
  if (const Value* structured = line.find("structured_output")) last.structured = *structured;
  const std::string subtype = line.text("subtype");
  // subtype says "success" also of a request that the provider refused; is_error does not.
  const bool ok =
      subtype == "success" && !line.flag("is_error", true) && !line.find("deferred_tool_use");
  if (!ok) {
    last.outcome = Outcome::kFailed;
    if (const Value* errors = line.find("errors");
        errors && errors->isArray() && !errors->asArray().empty()) {
      const Value& first = errors->asArray()[0];
      last.text = first.isString() ? first.asString() : json::print(first);
    }
    if (last.text.empty()) last.text = subtype;
    if (subtype == "error_max_turns") last.budget = "turns";
    if (subtype == "error_max_budget_usd") last.budget = "usd";
    if (!last.budget.empty()) last.outcome = Outcome::kOverBudget;
  }
  events.push_back(std::move(last));
}

bool ClaudeCode::parse(std::string_view line, std::vector<Event>& events) {
  const auto value = parseLine(line);
  if (!value) return false;
  const std::string type = value->text("type");
  if (type == "system") readSystem(*value, events);
  if (type == "assistant") readAssistant(*value, events);
  if (type == "user") readUser(*value, events);
  if (type == "result") readResult(*value, events);
  // Other types are of a later version, and nothing that decides.
  return !type.empty();
}

Verdict ClaudeCode::classify(const Ending& ending) const {
  Verdict verdict = judgeEnding(ending);
  if (spec_.session.resume && verdict.outcome == Outcome::kProtocol)
    verdict.outcome = Outcome::kFailed;
  return verdict;
}

}  // namespace

std::unique_ptr<Adapter> makeClaudeCode(const DriveSpec& spec) {
  return std::make_unique<ClaudeCode>(spec);
}

}  // namespace belay::agents
