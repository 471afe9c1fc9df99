// How each agent is started: arguments, standard input, and rules in the agent's own words. What an
// agent cannot be told is an error, never left out.

#include "agent/agents/Rules.h"
#include "tests/unit/agents/AgentFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using namespace belay::agents;

namespace {

constexpr const char* kUuid = "0ecf8a4e-5f0a-4b3e-9a53-0f6f4a1a2b3c";

}  // namespace

TEST_GROUP(Launch){
    void has(AgentFixture & agent, const char* part){const std::string argv = agent.argv();
STRCMP_CONTAINS(part, argv.c_str());
}
void lacks(AgentFixture& agent, const char* part) {
  CHECK(agent.argv().find(part) == std::string::npos);
}
void refuses(AgentFixture& agent, const char* said) {
  const auto plan = agent.launch();
  CHECK_FALSE(plan.ok());
  CHECK(plan.error().code == ErrorCode::kUnsupported);
  STRCMP_CONTAINS(said, plan.error().message.c_str());
}
}
;

TEST(Launch, claudeTakesItsPromptFromItsInput) {
  AgentFixture agent{"claude-code"};
  const auto plan = agent.launch();
  STRCMP_EQUAL("do it", plan->input.c_str());
  has(agent, " -p --output-format stream-json --verbose ");
  has(agent, " --permission-mode dontAsk ");
  lacks(agent, "--bare");
  lacks(agent, "bypass");
}

TEST(Launch, claudeIsGivenBudgetsModelAndSession) {
  AgentFixture agent{"claude-code"};
  agent.spec.model = "m";
  agent.spec.budgets.turns = 5;
  agent.spec.budgets.usd = 1.5;
  agent.spec.appendSystem = "short";
  agent.spec.session.id = kUuid;
  has(agent,
      " --model m --max-turns 5 --max-budget-usd 1.5 --append-system-prompt short --session-id "
      "0ecf");
  agent.spec.session.resume = true;
  has(agent, " --resume 0ecf");
  lacks(agent, "--session-id");
  agent.spec.session.id = "mine";
  refuses(agent, "UUID");
}

TEST(Launch, claudeIsGivenItsRules) {
  AgentFixture agent{"claude-code"};
  agent.spec.permissions.allow = {
      {"", "git *", ""}, {"edit", "", "src/*"}, {"mcp__db__query", "", ""}};
  agent.spec.permissions.deny = {{"fetch", "", ""}, {"", "", "/etc/*"}};
  has(agent,
      " --allowedTools Bash(git *) Edit(src/**) mcp__db__query --disallowedTools WebFetch "
      "WebSearch "
      "Edit(//etc/**) Read(//etc/**) ");
  agent.spec.permissions.defaultAllow = true;
  has(agent, " --permission-mode acceptEdits --allowedTools Agent Bash BashOutput Edit ");
  agent.spec.permissions.deny = {{"Task", "rm *", ""}};
  refuses(agent, "no rules by command for the tool Task");
  agent.spec.permissions.deny = {{"fetch", "", "/x"}};
  refuses(agent, "no rules by path");
}

TEST(Launch, argumentsThatWouldUndoTheRulesAreRefused) {
  for (const char* word :
       {"--bare", "--dangerously-skip-permissions", "--permission-mode=bypassPermissions"}) {
    AgentFixture agent{"claude-code"};
    agent.spec.args = {word};
    refuses(agent, "must not have the argument");
  }
  AgentFixture codex{"codex"};
  codex.spec.args = {"--yolo"};
  refuses(codex, "must not have the argument");
}

TEST(Launch, codexHasThreeLevels) {
  AgentFixture agent{"codex"};
  has(agent, "exec --json --skip-git-repo-check -c sandbox_mode=\"read-only\"");
  STRCMP_EQUAL("do it", agent.launch()->input.c_str());
  CHECK(agent.launch()->arguments.back() == "-");
  agent.spec.permissions.allow = {{"edit", "", ""}, {"execute", "", ""}};
  has(agent, "sandbox_mode=\"workspace-write\" -c sandbox_workspace_write.network_access=false");
  agent.spec.permissions.allow.push_back({"fetch", "", ""});
  has(agent, "network_access=true");
  agent.spec.permissions = {true, false, {}, {}};
  has(agent, "danger-full-access");
  agent.spec.permissions.deny = {{"fetch", "", ""}};
  has(agent, "network_access=false");
  agent.spec.permissions.deny = {{"", "rm *", ""}};
  refuses(agent, "no rules by command or path");
}

TEST(Launch, codexGoesOnWithAThread) {
  AgentFixture agent{"codex"};
  agent.spec.session = {"01a1", true, {}};
  agent.spec.model = "m";
  has(agent, " -m m resume 01a1 - ");
  agent.spec.session.resume = false;
  refuses(agent, "leave session.id out");
}

TEST(Launch, geminiIsGivenAPolicyFile) {
  AgentFixture agent{"gemini"};
  agent.spec.permissions.allow = {{"", "git *", ""}};
  agent.spec.permissions.deny = {{"edit", "", "/etc/*"}};
  const auto plan = agent.launch();
  STRCMP_EQUAL("policy.toml", plan->files.at(0).first.c_str());
  const std::string& policy = plan->files.at(0).second;
  STRCMP_CONTAINS(R"x([[rule]]
toolName = "run_shell_command"
commandRegex = "git (?:[^\"\\\\]|\\\\.)*"
decision = "allow"
priority = 500
allowRedirection = true
)x",
                  policy.c_str());
  // The name of the argument stands before the path: content may hold any path, too.
  STRCMP_CONTAINS(
      R"x(toolName = "write_file"
argsPattern = "\"(?:file_path|absolute_path|dir_path|path)\":\"\\/etc\\/(?:[^\"\\\\]|\\\\.)*\""
decision = "deny"
priority = 900)x",
      policy.c_str());
  STRCMP_CONTAINS("toolName = \"*\"\ndecision = \"deny\"\npriority = 1\n", policy.c_str());
  has(agent, " --approval-mode default --policy /raw/policy.toml ");
}

// Regression: it warns of a policy file that it does not understand, and goes on without rules.
TEST(Launch, geminiMustNotGoOnWithoutItsRules) {
  AgentFixture agent{"gemini"};
  CHECK(agent.launch().ok());
  CHECK_FALSE(agent.adapter->fatal("[USER] Policy file error in policy.toml:").empty());
  CHECK(agent.adapter->fatal("Ripgrep is not available.").empty());
}

TEST(Launch, opencodeIsGivenItsRulesInOrder) {
  AgentFixture agent{"opencode"};
  agent.spec.permissions.allow = {{"", "git *", ""}, {"edit", "", ""}};
  agent.spec.permissions.deny = {{"", "git push*", ""}, {"edit", "", "/repo/secret/*"}};
  const auto plan = agent.launch();
  STRCMP_EQUAL("OPENCODE_CONFIG_CONTENT", plan->environment.at(0).first.c_str());
  STRCMP_CONTAINS(
      R"("permission":{"*":"deny","bash":{"git *":"allow","git push*":"deny"},"edit":{"*":"allow","secret/*":"deny"}})",
      plan->environment.at(0).second.c_str());
  STRCMP_CONTAINS(R"("autoupdate":false)", plan->environment.at(0).second.c_str());
}

TEST(Launch, aCommandTakesItsPromptAsItIsTold) {
  AgentFixture agent{"command"};
  agent.spec.permissions.defaultAllow = true;
  agent.spec.command.prefixArgs = {"run"};
  agent.spec.command.optionFlags = {{"--yes", "true"}, {"--no", "false"}, {"--n", "3"}};
  agent.spec.args = {"x"};
  has(agent, " run --yes --n 3 x do it ");
  agent.spec.command.flagStyle = CommandShape::FlagStyle::kEquals;
  agent.spec.command.prompt = CommandShape::Prompt::kFlag;
  agent.spec.command.promptFlag = "--message";
  has(agent, " run --yes --n=3 x --message do it ");
  agent.spec.command.prompt = CommandShape::Prompt::kFile;
  has(agent, " --message /raw/prompt.txt ");
  agent.spec.command.prompt = CommandShape::Prompt::kStdin;
  lacks(agent, "do it");
  STRCMP_EQUAL("do it", agent.launch()->input.c_str());
}

TEST(Launch, aCommandThatKnowsNoRulesIsGivenNone) {
  AgentFixture agent{"command"};
  refuses(agent, "knows no permissions");
  agent.spec.permissions.defaultAllow = true;
  agent.spec.permissions.deny = {{"execute", "", ""}};
  refuses(agent, "knows no permissions");
  agent.spec.permissions.deny.clear();
  agent.spec.model = "m";
  refuses(agent, "knows no model");
}

TEST_GROUP(Rules) {
  Permissions permissions;
  bool may(const Action& action) { return decide(permissions, action, "/repo").allowed; }
};

TEST(Rules, aStarFitsAnyText) {
  CHECK(fits("*", ""));
  CHECK(fits("git *", "git push --all"));
  CHECK_FALSE(fits("git *", "git"));
  CHECK(fits("*.md", "a/b.md"));
  CHECK(fits("a*b*c", "aXbYc"));
  CHECK_FALSE(fits("a*b", "aXbY"));
  CHECK_FALSE(fits("", "x"));
}

TEST(Rules, denyGoesBeforeAllowAndTheDefaultComesLast) {
  permissions.allow = {{"execute", "git *", ""}};
  permissions.deny = {{"", "git push*", ""}};
  CHECK(may({"Bash", "execute", "git status", ""}));
  CHECK_FALSE(may({"Bash", "execute", "git push", ""}));
  CHECK_FALSE(may({"Bash", "execute", "ls", ""}));
  CHECK_FALSE(may({"Edit", "edit", "", "/repo/a"}));
  permissions.defaultAllow = true;
  CHECK(may({"Bash", "execute", "ls", ""}));
  STRCMP_EQUAL("permissions.deny[0]",
               decide(permissions, {"Bash", "execute", "git push", ""}, "/repo").rule.c_str());
}

TEST(Rules, pathsAreComparedWithoutTheirTurns) {
  permissions.allow = {{"edit", "", "src/*"}};
  CHECK(may({"Edit", "edit", "", "/repo/src/a"}));
  CHECK(may({"Edit", "edit", "", "src/./a"}));
  CHECK_FALSE(may({"Edit", "edit", "", "/repo/src/../secret"}));
  CHECK_FALSE(may({"Edit", "edit", "", "/repo/src/../../etc/passwd"}));
  CHECK_FALSE(may({"Edit", "edit", "", ""}));
}
