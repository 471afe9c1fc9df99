#include <utility>

#include "agent/agents/Adapter.h"
#include "agent/agents/Classify.h"
#include "agent/agents/Rules.h"
#include "common/json/Json.h"

// Codex: `codex exec --json`. It never asks; what it may do is a sandbox of its own. Its usage is
// that of the whole thread, not of this run.

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

Error cannot(const std::string& what) { return Error{ErrorCode::kUnsupported, "codex " + what}; }

class Codex final : public Adapter {
 public:
  explicit Codex(const DriveSpec& spec) : spec_(spec) {}

  Result<LaunchPlan> launch(const base::EnvironmentLookup& environment) override;
  bool parse(std::string_view line, std::vector<Event>& events) override;
  Verdict classify(const Ending& ending) const override;

 private:
  Result<std::string> sandbox() const;
  void readItem(const Value& line, bool ended, std::vector<Event>& events);
  void readEnd(const Value& line, std::vector<Event>& events);

  const DriveSpec& spec_;
  std::string message_;  // The last one: it is the result.
};

/// Three levels are all it knows: so rules speak of kinds of tools, and of nothing finer.
Result<std::string> Codex::sandbox() const {
  for (const auto* rules : {&spec_.permissions.allow, &spec_.permissions.deny}) {
    for (const Rule& rule : *rules) {
      if (!rule.command.empty() || !rule.path.empty()) {
        return cannot(
            "has no rules by command or path; name kinds of tools only (edit, execute, fetch)");
      }
      if (rule.tool != "read" && rule.tool != "search" && rule.tool != "edit" &&
          rule.tool != "execute" && rule.tool != "fetch" && rule.tool != "*") {
        return cannot("has no rules for the tool " + rule.tool);
      }
    }
  }
  const auto may = [this](const char* kind) {
    return decide(spec_.permissions, {kind, kind, {}, {}}, spec_.cwd).allowed;
  };
  if (!may("edit")) {
    if (may("fetch")) return cannot("cannot be given the network without the right to edit");
    return std::string("read-only");
  }
  if (!may("execute") && spec_.permissions.defaultAllow) {
    return cannot(
        "cannot be denied to execute; deny edit, and it executes without changing anything");
  }
  return std::string(may("fetch") && spec_.permissions.defaultAllow ? "danger-full-access"
                                                                    : "workspace-write");
}

Result<LaunchPlan> Codex::launch(const base::EnvironmentLookup&) {
  LaunchPlan plan;
  std::vector<std::string>& argv = plan.arguments;
  BELAY_ASSIGN(const std::string level, sandbox());
  argv = {"exec", "--json", "--skip-git-repo-check", "-c", "sandbox_mode=\"" + level + "\""};
  const Permissions& permissions = spec_.permissions;
  if (level == "workspace-write") {
    const bool network = decide(permissions, {"fetch", "fetch", {}, {}}, spec_.cwd).allowed;
    argv.insert(argv.end(), {"-c", std::string("sandbox_workspace_write.network_access=") +
                                       (network ? "true" : "false")});
  }
  argv.insert(argv.end(), {"-c", "check_for_update_on_startup=false"});
  if (!spec_.model.empty()) argv.insert(argv.end(), {"-m", spec_.model});
  if (!spec_.outputSchema.isNull()) {
    plan.files.emplace_back("output-schema.json", json::print(spec_.outputSchema));
    argv.insert(argv.end(), {"--output-schema", spec_.rawFolder + "/output-schema.json"});
  }
  for (const std::string& word : spec_.args) {
    if (word == "--dangerously-bypass-approvals-and-sandbox" || word == "--yolo" ||
        word == "--full-auto") {
      return cannot("must not have the argument " + word + " here");
    }
    argv.push_back(word);
  }
  if (spec_.session.resume)
    argv.insert(argv.end(), {"resume", spec_.session.id});
  else if (!spec_.session.id.empty())
    return cannot("makes the id of a new session itself; leave session.id out");
  argv.push_back("-");
  plan.input =
      spec_.appendSystem.empty() ? spec_.prompt : spec_.appendSystem + "\n\n" + spec_.prompt;
  return plan;
}

void Codex::readItem(const Value& line, bool ended, std::vector<Event>& events) {
  const Value* item = line.find("item");
  if (!item) return;
  const std::string type = item->text("type");
  Event event{.kind = ended ? Event::Kind::kToolEnd : Event::Kind::kToolStart,
              .id = item->text("id"),
              .tool = type};
  if (type == "agent_message" || type == "reasoning" || type == "error") {
    if (!ended) return;
    event.text = item->text(type == "error" ? "message" : "text");
    event.kind = type == "agent_message" ? Event::Kind::kText
                 : type == "reasoning"   ? Event::Kind::kThought
                                         : Event::Kind::kNote;
    if (type == "agent_message") message_ = event.text;
  } else {
    const std::string status = item->text("status");
    event.what = firstText(*item, {"command", "query"});
    if (type == "mcp_tool_call") event.what = item->text("server") + "." + item->text("tool");
    if (const Value* changes = item->find("changes"); changes && changes->isArray()) {
      for (const Value& change : changes->asArray()) {
        event.what +=
            (event.what.empty() ? "" : ", ") + change.text("kind") + " " + change.text("path");
      }
    }
    event.what = cutText(std::move(event.what), 1024);
    event.ok = status != "failed" && status != "declined";
    if (ended && status == "declined") {
      events.push_back({.kind = Event::Kind::kDenied,
                        .tool = type,
                        .what = event.what,
                        .text = "declined by its sandbox"});
    }
    if (ended) event.text = cutText(item->text("aggregated_output"), 4096);
    if (type == "todo_list") event.kind = Event::Kind::kNote, event.text = "plan";
  }
  // It numbers no answers of its model, so each thing that it says or does counts as one.
  if (ended && event.kind != Event::Kind::kNote && type != "reasoning") {
    events.push_back({.kind = Event::Kind::kTurn});
  }
  events.push_back(std::move(event));
}

void Codex::readEnd(const Value& line, std::vector<Event>& events) {
  if (const Value* usage = line.find("usage")) {
    events.push_back({.kind = Event::Kind::kUsage,
                      .cumulative = true,
                      .usage = {countIn(*usage, "input_tokens"), countIn(*usage, "output_tokens"),
                                countIn(*usage, "cached_input_tokens"),
                                countIn(*usage, "reasoning_output_tokens")}});
  }
  Event last{.kind = Event::Kind::kFinal, .text = message_};
  if (!spec_.outputSchema.isNull()) {
    auto structured = json::parse(message_);
    if (structured) {
      last.structured = std::move(*structured);
    } else {
      last.outcome = Outcome::kFailed;
      last.text = "its last message is no JSON, and output_schema asks for it";
    }
  }
  events.push_back(std::move(last));
}

bool Codex::parse(std::string_view line, std::vector<Event>& events) {
  const auto value = parseLine(line);
  if (!value) return false;
  const std::string type = value->text("type");
  if (type == "thread.started") {
    events.push_back({.kind = Event::Kind::kStart, .id = value->text("thread_id")});
  } else if (type == "item.started") {
    readItem(*value, false, events);
  } else if (type == "item.completed") {
    readItem(*value, true, events);
  } else if (type == "turn.completed") {
    readEnd(*value, events);
  } else if (type == "turn.failed") {
    const Value* error = value->find("error");
    events.push_back({.kind = Event::Kind::kFinal,
                      .text = error ? error->text("message") : std::string("turn.failed"),
                      .outcome = Outcome::kFailed});
  } else if (type == "error") {
    // Said of each new try as of the last one: only turn.failed is the end.
    Event retry{.kind = Event::Kind::kRetry, .text = value->text("message")};
    retry.retryAfterMs = retryAfterIn(retry.text);
    events.push_back(std::move(retry));
  }
  return !type.empty();
}

Verdict Codex::classify(const Ending& ending) const {
  Verdict verdict = judgeEnding(ending);
  // An id that it does not have is told on standard error only.
  if (spec_.session.resume && !ending.last &&
      (ending.errors.find("No saved session") != std::string::npos ||
       ending.errors.find("no rollout found") != std::string::npos)) {
    verdict.outcome = Outcome::kSession;
  }
  return verdict;
}

}  // namespace

std::unique_ptr<Adapter> makeCodex(const DriveSpec& spec) { return std::make_unique<Codex>(spec); }

}  // namespace belay::agents
