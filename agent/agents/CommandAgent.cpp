#include <utility>

#include "agent/agents/Adapter.h"
#include "agent/agents/Classify.h"

// Any program that takes a prompt. It has no stream: what it prints is its text, its exit status
// its success.

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

Error cannot(const std::string& what) {
  return Error{ErrorCode::kUnsupported, "the adapter command " + what};
}

class CommandAgent final : public Adapter {
 public:
  explicit CommandAgent(const DriveSpec& spec) : spec_(spec) {}

  Result<LaunchPlan> launch(const base::EnvironmentLookup& environment) override;
  bool hasStream() const override { return false; }
  bool parse(std::string_view line, std::vector<Event>& events) override;
  Verdict classify(const Ending& ending) const override;

 private:
  base::Status checkAbilities() const;
  void addFlag(std::vector<std::string>& argv, const std::string& flag,
               const std::string& value) const;
  void addPrompt(LaunchPlan& plan) const;

  const DriveSpec& spec_;
};

base::Status CommandAgent::checkAbilities() const {
  const Permissions& permissions = spec_.permissions;
  if (!permissions.allow.empty() || !permissions.deny.empty() || !permissions.defaultAllow) {
    Error error = cannot("knows no permissions of its agent");
    error.actions = {"set permissions.default to allow, and give the agent its rules by args"};
    return error;
  }
  if (!spec_.outputSchema.isNull()) return cannot("takes no output_schema");
  if (!spec_.session.id.empty()) return cannot("knows no sessions");
  if (!spec_.model.empty()) return cannot("knows no model; put it into option_flags");
  return {};
}

void CommandAgent::addFlag(std::vector<std::string>& argv, const std::string& flag,
                           const std::string& value) const {
  if (value == "false") return;
  if (value == "true") {
    argv.push_back(flag);
  } else if (spec_.command.flagStyle == CommandShape::FlagStyle::kEquals) {
    argv.push_back(flag + "=" + value);
  } else {
    argv.push_back(flag);
    argv.push_back(value);
  }
}

void CommandAgent::addPrompt(LaunchPlan& plan) const {
  const std::string prompt =
      spec_.appendSystem.empty() ? spec_.prompt : spec_.appendSystem + "\n\n" + spec_.prompt;
  const std::string& flag = spec_.command.promptFlag;
  switch (spec_.command.prompt) {
    case CommandShape::Prompt::kArgument:
      plan.arguments.push_back(prompt);
      return;
    case CommandShape::Prompt::kFlag:
      plan.arguments.insert(plan.arguments.end(), {flag, prompt});
      return;
    case CommandShape::Prompt::kStdin:
      plan.input = prompt;
      return;
    case CommandShape::Prompt::kFile:
      plan.files.emplace_back("prompt.txt", prompt);
      if (!flag.empty()) plan.arguments.push_back(flag);
      plan.arguments.push_back(spec_.rawFolder + "/prompt.txt");
      return;
  }
}

Result<LaunchPlan> CommandAgent::launch(const base::EnvironmentLookup&) {
  BELAY_TRY(checkAbilities());
  LaunchPlan plan;
  plan.arguments = spec_.command.prefixArgs;
  for (const auto& [flag, value] : spec_.command.optionFlags) addFlag(plan.arguments, flag, value);
  plan.arguments.insert(plan.arguments.end(), spec_.args.begin(), spec_.args.end());
  addPrompt(plan);
  return plan;
}

bool CommandAgent::parse(std::string_view line, std::vector<Event>& events) {
  events.push_back({.kind = Event::Kind::kText, .text = std::string(line) + "\n", .append = true});
  return true;
}

Verdict CommandAgent::classify(const Ending& ending) const {
  Verdict verdict;
  if (ending.signal) {
    verdict.outcome = Outcome::kKilled;
    verdict.detail = "it was ended by " + howItEnded(ending);
  } else if (ending.exitCode != 0) {
    const std::string said = lastLine(ending.errors);
    verdict.outcome = reasonOf(0, ending.errors);
    verdict.detail = "it ended with " + howItEnded(ending) + (said.empty() ? "" : ": " + said);
  } else {
    verdict.outcome = Outcome::kOk;
  }
  return verdict;
}

}  // namespace

std::unique_ptr<Adapter> makeCommand(const DriveSpec& spec) {
  return std::make_unique<CommandAgent>(spec);
}

std::unique_ptr<Adapter> makeAdapter(const DriveSpec& spec) {
  if (spec.adapter == "claude-code") return makeClaudeCode(spec);
  if (spec.adapter == "codex") return makeCodex(spec);
  if (spec.adapter == "gemini") return makeGemini(spec);
  if (spec.adapter == "opencode") return makeOpenCode(spec);
  if (spec.adapter == "acp") return makeAcp(spec);
  return makeCommand(spec);
}

}  // namespace belay::agents
