#include <array>
#include <utility>

#include "agent/agents/Adapter.h"
#include "agent/agents/Classify.h"
#include "agent/agents/Rules.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"

// Gemini CLI: `gemini -p … -o stream-json`. Its rules are a policy file; its exit status is the
// provider's HTTP status modulo 256, or one of its own.

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

struct ExitRow {
  int status;
  Outcome outcome;
  std::string_view what;
};

constexpr std::array<ExitRow, 13> kExits{{
    {41, Outcome::kAuth, "no way to authenticate"},
    {42, Outcome::kFailed, "its input is not valid"},
    {44, Outcome::kFailed, "its sandbox could not be made"},
    {52, Outcome::kFailed, "its settings are not valid"},
    {53, Outcome::kOverBudget, "its own limit of turns"},
    {54, Outcome::kFailed, "a tool failed"},
    {55, Outcome::kFailed, "the folder is not trusted"},
    {130, Outcome::kKilled, "it was interrupted"},
    {144, Outcome::kFailed, "HTTP status 400"},
    {145, Outcome::kAuth, "HTTP status 401"},
    {147, Outcome::kAuth, "HTTP status 403"},
    {173, Outcome::kRateLimited, "HTTP status 429"},
    {247, Outcome::kRateLimited, "HTTP status 503"},
}};

struct ToolRow {
  std::string_view kind;
  std::string_view name;
};

constexpr std::array<ToolRow, 11> kTools{{{"read", "read_file"},
                                          {"read", "read_many_files"},
                                          {"search", "glob"},
                                          {"search", "search_file_content"},
                                          {"search", "grep_search"},
                                          {"search", "list_directory"},
                                          {"edit", "write_file"},
                                          {"edit", "replace"},
                                          {"execute", "run_shell_command"},
                                          {"fetch", "web_fetch"},
                                          {"fetch", "google_web_search"}}};

Error cannot(const std::string& what) { return Error{ErrorCode::kUnsupported, "gemini " + what}; }

/// A basic string of TOML has the escapes of JSON.
std::string quoted(std::string_view text) {
  std::string out;
  json::appendQuoted(out, text);
  return out;
}

void addTable(std::string& out, std::string_view tool, const std::string& condition, bool allow,
              int priority) {
  out += "[[rule]]\ntoolName = " + quoted(tool) + "\n" + condition + "decision = \"" +
         (allow ? "allow" : "deny") + "\"\npriority = " + std::to_string(priority) + "\n";
  // Else what is allowed would be asked about when it writes to a file by `>`: and nobody answers.
  if (allow && (tool == "*" || tool == "run_shell_command")) out += "allowRedirection = true\n";
  out += "\n";
}

/// `pattern` within a string of JSON: `*` does not go past its end.
std::string within(std::string_view pattern) {
  constexpr std::string_view kAny = "[\\s\\S]*";
  std::string out = regexOf(pattern);
  out = out.substr(1, out.size() - 2);
  for (std::size_t at = out.find(kAny); at != std::string::npos; at = out.find(kAny, at)) {
    out.replace(at, kAny.size(), R"((?:[^"\\]|\\.)*)");
  }
  return out;
}

/// The arguments of a tool are matched as JSON. The names stand in the pattern, because content may
/// hold any path; a file may be named from the folder in which the agent works, too.
std::string pathCondition(std::string_view rule, const std::string& cwd) {
  const std::string path = plainPath(rule, cwd);
  const std::string inside = plainPath("", cwd) + "/";
  std::string either = within(path);
  if (path.starts_with(inside)) {
    either = "(?:" + either + "|(?:\\./)?" + within(path.substr(inside.size())) + ")";
  }
  return "argsPattern = " +
         quoted(R"x("(?:file_path|absolute_path|dir_path|path)":")x" + either + "\"") + "\n";
}

Status addRule(const Rule& rule, bool allow, const std::string& cwd, std::string& out) {
  const int priority = allow ? 500 : 900;
  const bool any = rule.tool.empty() || rule.tool == "*";
  if (!rule.command.empty()) {
    if (!rule.path.empty()) return cannot("has no rules with both a command and a path");
    if (!any && rule.tool != "execute" && rule.tool != "run_shell_command") {
      return cannot("has no rules by command for the tool " + rule.tool);
    }
    // It puts `"command":"` before it.
    const std::string end = rule.command.ends_with('*') ? "" : "\"";
    addTable(out, "run_shell_command",
             "commandRegex = " + quoted(within(rule.command) + end) + "\n", allow, priority);
    return {};
  }
  const std::string condition = rule.path.empty() ? "" : pathCondition(rule.path, cwd);
  bool found = false;
  for (const ToolRow& row : kTools) {
    if (any || rule.tool != row.kind) continue;
    addTable(out, row.name, condition, allow, priority);
    found = true;
  }
  if (!found) addTable(out, any ? "*" : rule.tool, condition, allow, priority);
  return {};
}

class Gemini final : public Adapter {
 public:
  explicit Gemini(const DriveSpec& spec) : spec_(spec) {}

  Result<LaunchPlan> launch(const base::EnvironmentLookup& environment) override;
  bool parse(std::string_view line, std::vector<Event>& events) override;
  std::string fatal(std::string_view errorLine) const override;
  Verdict classify(const Ending& ending) const override;

 private:
  void readMessage(const Value& line, std::vector<Event>& events);
  void readResult(const Value& line, std::vector<Event>& events) const;

  const DriveSpec& spec_;
  bool inMessage_ = false;
  std::string message_;
};

Result<LaunchPlan> Gemini::launch(const base::EnvironmentLookup&) {
  if (!spec_.outputSchema.isNull()) return cannot("takes no output_schema");
  LaunchPlan plan;
  std::string policy;
  for (const Rule& rule : spec_.permissions.deny)
    BELAY_TRY(addRule(rule, false, spec_.cwd, policy));
  for (const Rule& rule : spec_.permissions.allow)
    BELAY_TRY(addRule(rule, true, spec_.cwd, policy));
  addTable(policy, "*", "", spec_.permissions.defaultAllow, 1);
  plan.files.emplace_back("policy.toml", std::move(policy));
  std::vector<std::string>& argv = plan.arguments;
  argv = {"-o",
          "stream-json",
          "--skip-trust",
          "--approval-mode",
          "default",
          "--policy",
          spec_.rawFolder + "/policy.toml"};
  if (!spec_.model.empty()) argv.insert(argv.end(), {"-m", spec_.model});
  if (!spec_.session.id.empty()) {
    argv.insert(argv.end(), {spec_.session.resume ? "-r" : "--session-id", spec_.session.id});
  }
  for (const std::string& word : spec_.args) {
    if (word == "--yolo" || word == "-y" || word.starts_with("--approval-mode")) {
      return cannot("must not have the argument " + word + " here");
    }
    argv.push_back(word);
  }
  plan.input =
      spec_.appendSystem.empty() ? spec_.prompt : spec_.appendSystem + "\n\n" + spec_.prompt;
  return plan;
}

void Gemini::readMessage(const Value& line, std::vector<Event>& events) {
  if (line.text("role") != "assistant") return;
  const bool more = line.flag("delta") && inMessage_;
  if (!more) {
    events.push_back({.kind = Event::Kind::kTurn});
    message_.clear();
  }
  inMessage_ = true;
  const std::string text = line.text("content");
  message_ += text;
  events.push_back({.kind = Event::Kind::kText, .text = text, .append = more});
}

void Gemini::readResult(const Value& line, std::vector<Event>& events) const {
  if (const Value* stats = line.find("stats")) {
    events.push_back({.kind = Event::Kind::kUsage,
                      .usage = {countIn(*stats, "input_tokens"), countIn(*stats, "output_tokens"),
                                countIn(*stats, "cached"), 0}});
  }
  Event last{.kind = Event::Kind::kFinal, .text = message_};
  if (line.text("status") != "success") {
    last.outcome = Outcome::kFailed;
    const Value* error = line.find("error");
    last.text = error ? firstText(*error, {"message", "type"}) : line.text("status");
  }
  events.push_back(std::move(last));
}

bool Gemini::parse(std::string_view line, std::vector<Event>& events) {
  const auto value = parseLine(line);
  if (!value) return false;
  const std::string type = value->text("type");
  if (type != "message") inMessage_ = false;
  if (type == "init") {
    events.push_back({.kind = Event::Kind::kStart,
                      .id = value->text("session_id"),
                      .what = value->text("model")});
  } else if (type == "message") {
    readMessage(*value, events);
  } else if (type == "tool_use") {
    events.push_back({.kind = Event::Kind::kTurn});
    const Value* input = value->find("parameters");
    events.push_back({.kind = Event::Kind::kToolStart,
                      .id = value->text("tool_id"),
                      .tool = value->text("tool_name"),
                      .what = describeInput(input ? *input : Value())});
  } else if (type == "tool_result") {
    Event end{
        .kind = Event::Kind::kToolEnd, .id = value->text("tool_id"), .text = value->text("output")};
    end.ok = value->text("status") != "error";
    const Value* error = value->find("error");
    if (error) end.text = error->text("message");
    // A denial is told as a failure of the tool, with this type.
    if (error && error->text("type") == "policy_violation") {
      events.push_back({.kind = Event::Kind::kDenied,
                        .tool = value->text("tool_name"),
                        .what = end.id,
                        .text = end.text});
    }
    events.push_back(std::move(end));
  } else if (type == "error") {
    events.push_back(
        {.kind = Event::Kind::kRetry, .text = firstText(*value, {"message", "error"})});
  } else if (type == "result") {
    readResult(*value, events);
  }
  return !type.empty();
}

/// It says so, and goes on without any rule.
std::string Gemini::fatal(std::string_view errorLine) const {
  if (errorLine.find("Policy file error") == std::string_view::npos) return {};
  return "it does not understand its rules (policy.toml)";
}

Verdict Gemini::classify(const Ending& ending) const {
  Verdict verdict = judgeEnding(ending);
  if (!ending.exitCode || *ending.exitCode == 0) return verdict;
  if (verdict.outcome != Outcome::kFailed && verdict.outcome != Outcome::kProtocol) return verdict;
  for (const ExitRow& row : kExits) {
    if (row.status != *ending.exitCode) continue;
    verdict.outcome = row.outcome;
    if (row.outcome == Outcome::kOverBudget) verdict.budget = "turns";
    verdict.detail += " (" + std::string(row.what) + ")";
  }
  return verdict;
}

}  // namespace

std::unique_ptr<Adapter> makeGemini(const DriveSpec& spec) {
  return std::make_unique<Gemini>(spec);
}

}  // namespace belay::agents
