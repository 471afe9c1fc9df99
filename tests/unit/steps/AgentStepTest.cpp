// Runs `agent` steps over jobs that only remember: what the driver is told of flow, settings and
// session, what its results mean, and how both of its jobs are found again.

#include <string>
#include <vector>

#include "agent/agents/DriveResult.h"
#include "agent/flow/AgentRules.h"
#include "agent/steps/AgentStep.h"
#include "common/base/Files.h"
#include "tests/unit/steps/JobsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::agents::DriveResult;
using belay::agents::DriveSpec;
using belay::agents::Outcome;
using belay::base::ErrorCode;
using belay::flow::FailureClass;
using belay::jobs::Adoption;
using belay::jobs::JobOutcome;
using belay::json::Value;
using belay::runtime::Attempt;
using belay::runtime::StepResult;
using belay::steps::AgentPlan;
using belay::steps::AgentStep;
using belay::steps::RunStep;
using belay::test::FakeJobs;
using belay::test::JobsFixture;
using belay::test::StepsFixture;

namespace {

const std::string kHost = R"({"claude": {"adapter": "claude-code", "binary": "/bin/true",
  "args": ["--host"], "env": {"KEY": {"secret": "AGENT_KEY"}, "MODE": "host"},
  "permissions": {"default": "allow", "deny": [{"path": "/etc/*"}]},
  "budget": {"usd": 5, "wall_clock": "1h"}, "drift": "warn"}})";

Value parsed(const std::string& text) {
  auto value = belay::json::parse(text);
  CHECK_TEXT(value.ok(), text.c_str());
  return std::move(*value);
}

JobOutcome outcomeOf(const DriveResult& result) {
  JobOutcome out;
  out.result = parsed(belay::agents::printDriveResult(result));
  out.record.exitCode = result.outcome == Outcome::kOk ? 0 : 1;
  return out;
}

DriveResult done(Outcome outcome = Outcome::kOk) {
  DriveResult result;
  result.outcome = outcome;
  result.detail = outcome == Outcome::kOk ? "" : "it said so";
  result.text = "I did it.";
  result.sessionId = "s-1";
  result.usage = {100, 20, 0, 0};
  result.cumulative = {300, 60, 0, 0};
  result.costUsd = 0.5;
  result.turns = 3;
  return result;
}

}  // namespace

TEST_GROUP(AgentStep) {
  JobsFixture on;
  belay::test::MemoryLog& log = on.log;
  FakeJobs& jobs = on.jobs;
  belay::settings::JobSettings& settings = on.settings;
  belay::base::BoundedQueue<std::function<void()>> calls{100};
  std::unique_ptr<RunStep> runs;
  std::unique_ptr<AgentStep> step;
  Value spent;  ///< What the ledger says.

  void setup() override {
    on.secret("AGENT_KEY", "correct-horse-battery");
    settings.workFolder = "/";
    settings.agentsMax = 2;
    const auto onLoop = [this](std::function<void()> call) {
      BELAY_CHECK(calls.tryPush(std::move(call)));
    };
    runs = on.makeRuns(onLoop);
    step = std::make_unique<AgentStep>(
        AgentStep::World{*runs, jobs, *on.outputs, on.pool, on.clock, log, folder(), onLoop,
                         [](const AgentPlan&) { return belay::base::Result<std::string>(""); },
                         [this](const belay::base::RunId&, const std::string&) {
                           return belay::base::Result<Value>(spent);
                         }},
        settings, parsed(kHost), on.sink());
  }
  std::string folder() const { return on.folder.at("agents"); }
  /// What the pool asks the loop for.
  void pump() { (*calls.pop())(); }
  static Attempt attempt(const std::string& more, const std::string& agents = "") {
    const std::string handles =
        agents.empty() ? R"([{"name": "coder", "agent": "claude"}])" : agents;
    return StepsFixture::attemptOf(
        belay::flow::Family::kAgent,
        R"({"use": "coder", "prompt": "Tidy up", "agents": )" + handles + more + "}");
  }
  AgentPlan plan(const Attempt& of) {
    auto read = belay::steps::readAgentPlan(of, parsed(kHost), "/usr/bin:/bin");
    CHECK_TEXT(read.ok(), read.ok() ? "" : read.error().message.c_str());
    return std::move(*read);
  }
  static std::string jobOf(const Attempt& of) { return belay::steps::jobIdOf(of).str(); }
  void end(const std::string& job) { step->takeEnded(*belay::base::JobId::parse(job)); }
  StepResult perform(const Attempt& of, const DriveResult& result) {
    step->start(of);
    pump();
    LONGS_EQUAL(1, jobs.started.size());
    jobs.outcomes[jobOf(of)] = outcomeOf(result);
    end(jobOf(of));
    pump();
    return on.result();
  }
  /// What the first job was told.
  belay::agents::WorkOrder order() {
    const std::string& input = jobs.inputs.back();
    auto order = belay::agents::parseWorkOrder(input.substr(0, input.find('\n')));
    CHECK(order.ok());
    return std::move(*order);
  }
  DriveSpec specOf(const Attempt&) {
    auto spec = belay::agents::parseDriveSpec(order().drive);
    CHECK(spec.ok());
    return std::move(*spec);
  }
};

TEST(AgentStep, theHostBoundsWhatTheFlowSays) {
  const AgentPlan read = plan(attempt("", R"([{"name": "coder", "agent": "claude",
    "args": ["--flow"], "env": {"MODE": "flow", "MORE": "1"}, "drift": "refuse", "model": "m",
    "permissions": {"default": "deny", "allow": [{"tool": "Bash"}], "deny": [{"tool": "Web"}]},
    "budget": {"usd": 9, "wall_clock": "10m", "tokens": 50}}])"));
  STRCMP_EQUAL("claude", read.hostAgent.c_str());
  const std::vector<std::string> args{"--host", "--flow"};
  CHECK(read.drive.args == args);
  STRCMP_EQUAL("m", read.drive.model.c_str());
  LONGS_EQUAL(1, read.drive.permissions.allow.size());
  CHECK(!read.drive.permissions.defaultAllow);
  LONGS_EQUAL(2, read.drive.permissions.deny.size());
  DOUBLES_EQUAL(5, read.drive.budgets.usd, 0);
  LONGS_EQUAL(600'000, read.drive.budgets.wallMs);
  LONGS_EQUAL(50, read.drive.budgets.tokens);
  CHECK(read.drift == belay::steps::OnDrift::kWarn);
  for (const auto& [name, value] : read.env) {
    if (name == "MODE") STRCMP_EQUAL("host", std::get<std::string>(value).c_str());
  }
  LONGS_EQUAL(3, read.env.size());
}

TEST(AgentStep, aHostThatDeniesWhatItDoesNotNameIsNotOpenedByAFlow) {
  const auto read = belay::steps::readAgentPlan(
      attempt("", R"([{"name": "coder", "agent": "claude",
        "permissions": {"default": "allow", "allow": [{"tool": "Bash"}], "deny": [{"tool": "Web"}]}}])"),
      parsed(R"({"claude": {"adapter": "claude-code", "permissions": {"allow": [{"tool": "Edit"}]}}})"),
      "/bin");
  CHECK(read.ok());
  const auto& permissions = read->drive.permissions;
  CHECK(!permissions.defaultAllow);
  LONGS_EQUAL(1, permissions.allow.size());
  STRCMP_EQUAL("Edit", permissions.allow.front().tool.c_str());
  LONGS_EQUAL(1, permissions.deny.size());
}

TEST(AgentStep, anAgentThatTheHostDoesNotHaveIsNamedWithTheNearest) {
  const auto read = belay::steps::readAgentPlan(
      attempt("", R"([{"name": "coder", "agent": "cluade"}])"), parsed(kHost), "/bin");
  CHECK(read.error().code == ErrorCode::kAgentNotFound);
  CHECK(read.error().message.find("did you mean claude?") != std::string::npos);
}

TEST(AgentStep, theSettingsAreCheckedByTheTablesOfFlows) {
  CHECK(belay::flow::checkHostAgents(parsed(kHost)).ok());
  CHECK(belay::flow::checkHostAgents(Value()).ok());
  const auto said = [](const std::string& text) {
    const auto status = belay::flow::checkHostAgents(parsed(text));
    CHECK(!status.ok());
    CHECK(status.error().code == ErrorCode::kSettingsInvalid);
    return status.error().message;
  };
  STRCMP_EQUAL("agents/a: an agent of the host needs an adapter", said(R"({"a": {}})").c_str());
  STRCMP_EQUAL("agents/a/fallback: stands in flows, not in settings",
               said(R"({"a": {"adapter": "acp", "binary": "/x", "fallback": ["b"]}})").c_str());
  CHECK(said(R"({"a": {"adapter": "acp", "budgte": {}}})").find("did you mean \"budget\"?") !=
        std::string::npos);
}

TEST(AgentStep, budgetsAreWhatTheRunHasLeft) {
  const std::string handle = R"([{"name": "coder", "adapter": "acp", "binary": "/bin/true",
    "budget": {"tokens": 100, "usd": 1}}])";
  const AgentPlan left = plan(attempt(R"(, "spent": {"tokens": 40, "usd": 0.25})", handle));
  LONGS_EQUAL(60, left.drive.budgets.tokens);
  DOUBLES_EQUAL(0.75, left.drive.budgets.usd, 1e-9);
  const auto none = belay::steps::readAgentPlan(
      attempt(R"(, "spent": {"tokens": 100})", handle), Value(), "/bin");
  CHECK(none.error().code == ErrorCode::kAgentBudget);
}

TEST(AgentStep, thePolicyIsShownAgentPlaceAndDigestsAndNoSecret) {
  const auto effect = step->describe(attempt(R"(, "workspace": {"git": "https://a/b.git", "ref": "v1"})"));
  CHECK(effect.ok());
  const std::string text = belay::trust::effectJson(*effect);
  CHECK(text.find("git:https://a/b.git") != std::string::npos);
  CHECK(text.find("AGENT_KEY") != std::string::npos);
  CHECK(text.find("correct-horse") == std::string::npos);
  CHECK(text.find("Tidy up") == std::string::npos);
}

TEST(AgentStep, aScratchWorkspaceIsOneJobAndItsResultIsTheOutput) {
  const Attempt of = attempt("");
  const StepResult result = perform(of, done());
  CHECK(result.ok);
  const std::vector<std::string>& command = jobs.started.front().command;
  STRCMP_EQUAL("begin", command[2].c_str());
  const DriveSpec spec = specOf(of);
  STRCMP_EQUAL("Tidy up", spec.prompt.c_str());
  CHECK(spec.cwd.ends_with("/tree"));
  const Value output = parsed(result.outputJson);
  STRCMP_EQUAL("I did it.", output.find("text")->text("text").c_str());
  STRCMP_EQUAL("s-1", output.text("session_id").c_str());
  DOUBLES_EQUAL(0.5, output.find("cost_usd")->asNumber(), 0);
  const Value ledger = parsed(result.ledgerJson);
  LONGS_EQUAL(120, ledger.find("spent")->integer("tokens"));
  LONGS_EQUAL(300, ledger.find("session")->find("used")->integer("input"));
}

TEST(AgentStep, whatChangedIsLookedAtWhenTheAgentIsDead) {
  const Attempt of = attempt(R"(, "workspace": {"git": "/srv/app"})");
  step->start(of);
  pump();
  jobs.outcomes[jobOf(of)] = outcomeOf(done());
  end(jobOf(of));
  LONGS_EQUAL(2, jobs.started.size());
  STRCMP_EQUAL("end", jobs.started.back().command[2].c_str());
  const std::string endJob = jobOf(of) + "-end";
  STRCMP_EQUAL(endJob.c_str(), jobs.started.back().id.str().c_str());
  jobs.write(belay::jobs::LogStream::kStdout, "diff --git a b");
  JobOutcome changes = jobs.outcome;
  changes.result = parsed(R"({"files_changed": 1, "branch": "belay/x", "base": "ab"})");
  jobs.outcomes[endJob] = changes;
  end(endJob);
  pump();
  const StepResult result = on.result();
  CHECK(result.ok);
  const Value output = parsed(result.outputJson);
  LONGS_EQUAL(1, output.integer("files_changed"));
  const auto diff = on.outputs->load(output.find("diff")->text("ref"));
  STRCMP_EQUAL("diff --git a b", diff->c_str());
  STRCMP_EQUAL("text/x-diff", output.find("diff")->text("media_type").c_str());
}

TEST(AgentStep, aWorkspaceThatCannotBeMadeMeansThatNothingLeft) {
  const Attempt of = attempt(R"(, "workspace": {"git": "/srv/app"})");
  step->start(of);
  pump();
  JobOutcome failed;
  failed.result = parsed(R"({"workspace_error": "git clone ended with exit code 128"})");
  failed.record.exitCode = 1;
  jobs.outcomes[jobOf(of)] = failed;
  end(jobOf(of));
  pump();
  const StepResult result = on.result();
  STRCMP_EQUAL("BLY-AGENT-WORKSPACE", result.failure->code.c_str());
  CHECK(result.failure->nothingLeft);
  LONGS_EQUAL(1, jobs.started.size());
}

TEST(AgentStep, aQuotaFailsWaitsOrAsks) {
  DriveResult quota = done(Outcome::kQuota);
  quota.retryAfterMs = 7'000;
  const auto handle = [](const std::string& onQuota) {
    return R"([{"name": "coder", "adapter": "acp", "binary": "/bin/true", "on_quota": ")" +
           onQuota + "\"}]";
  };
  const StepResult failed = perform(attempt("", handle("fail")), quota);
  CHECK(!failed.againMs);
  CHECK(failed.failure->kind == FailureClass::kRateLimited);
  jobs.started.clear();
  const StepResult waits = perform(attempt("", handle("wait")), quota);
  LONGS_EQUAL(7'000, *waits.againMs);
  CHECK(parsed(waits.ledgerJson).text("ask").empty());
  jobs.started.clear();
  const StepResult asks = perform(attempt("", handle("ask")), quota);
  LONGS_EQUAL(0, *asks.againMs);
  CHECK(!parsed(asks.ledgerJson).text("ask").empty());
}

TEST(AgentStep, theNextHandleTakesOverWhereOneIsNotThere) {
  const std::string two = R"([{"name": "coder", "adapter": "acp", "binary": "/not/there"},
                              {"name": "spare", "adapter": "acp", "binary": "/bin/true"}])";
  step->start(attempt("", two));
  const StepResult first = on.result();
  STRCMP_EQUAL("BLY-AGENT-NOT-FOUND", first.failure->code.c_str());
  LONGS_EQUAL(0, *first.againMs);
  LONGS_EQUAL(1, parsed(first.ledgerJson).integer("candidate"));
  const StepResult second = perform(attempt(R"(, "candidate": 1)", two), done());
  CHECK(second.ok);
  STRCMP_EQUAL("spare", parsed(second.outputJson).text("agent").c_str());
}

TEST(AgentStep, aDriftedProgramIsRunWhenTheHostOnlyWarns) {
  DriveResult drifted = done(Outcome::kDrifted);
  drifted.digest = std::string(64, 'a');
  const StepResult first = perform(attempt(""), drifted);
  LONGS_EQUAL(0, *first.againMs);
  STRCMP_EQUAL(drifted.digest.c_str(), parsed(first.ledgerJson).text("accepted").c_str());
  jobs.started.clear();
  const Attempt again = attempt(R"(, "accepted": ")" + drifted.digest + "\"");
  CHECK(perform(again, done()).ok);
  STRCMP_EQUAL(drifted.digest.c_str(), specOf(again).digest.c_str());
}

TEST(AgentStep, aSessionGoesOnInItsWorkspace) {
  const Attempt of = attempt(
      R"(, "resume": true, "workspace": {"git": "/other"}, "session": {"id": "s-1", "agent": "coder",
      "used": {"input": 300, "output": 60}, "workspace": {"kind": "git", "folder": "/w",
      "place": "/srv/app", "branch": "b", "title": "t", "diff": true}})");
  const AgentPlan read = plan(of);
  CHECK(read.drive.session.resume);
  LONGS_EQUAL(300, read.drive.session.used.input);
  STRCMP_EQUAL("/w/tree", read.workspace.tree().c_str());
  CHECK(read.workspace.made);
}

TEST(AgentStep, bothJobsAreFoundAgainAfterARestart) {
  const Attempt of = attempt(R"(, "workspace": {"git": "/srv/app"})");
  const std::string endJob = jobOf(of) + "-end";
  jobs.adoptions[jobOf(of)].state = Adoption::State::kRunning;
  step->recover(of);
  jobs.outcomes[jobOf(of)] = outcomeOf(done());
  end(jobOf(of));
  LONGS_EQUAL(1, jobs.started.size());
  // And once more, when the second one has ended meanwhile.
  setup();
  jobs.started.clear();
  jobs.adoptions[jobOf(of)].state = Adoption::State::kEnded;
  jobs.adoptions[endJob].state = Adoption::State::kEnded;
  jobs.outcomes[endJob].result = parsed(R"({"files_changed": 0})");
  step->recover(of);
  pump();
  CHECK(on.result().ok);
  CHECK(jobs.started.empty());
}

TEST(AgentStep, anAgentThatIsLostIsAmbiguousAndOneThatNeverStartedIsOrderedAnew) {
  const Attempt of = attempt("");
  jobs.adoptions[jobOf(of)].state = Adoption::State::kLost;
  jobs.collectError = belay::base::Error{ErrorCode::kJobLost, "its record is gone"};
  step->recover(of);
  CHECK(on.result().ambiguous);
  jobs.adoptions[jobOf(of)].state = Adoption::State::kNotStarted;
  step->recover(of);
  CHECK(on.result().orderAnew);
}

TEST(AgentStep, aFileThatTheAgentDidNotMakeFailsTheStep) {
  const StepResult result = perform(attempt(R"(, "collect": ["report.md"])"), done());
  CHECK(!result.ok);
  CHECK(result.failure->message.starts_with("collect report.md: "));
}

TEST(AgentStep, whatItLeavesIsKeptByDescriptor) {
  const Attempt of = attempt(R"(, "collect": ["report.md"], "workspace": {"dir": "/srv"}, "files": {"in.txt": "abc"})");
  step->start(of);
  pump();
  STRCMP_EQUAL("/srv", jobs.started.front().collectFolder.c_str());
  LONGS_EQUAL(3, order().files.front().first);
  CHECK(jobs.inputs.front().ends_with("\nabc"));
  CHECK_FALSE(belay::base::fileExists(jobs.started.front().stdinPath));
  DriveResult result = done();
  result.textTruncated = true;
  JobOutcome outcome = outcomeOf(result);
  outcome.files.push_back({"text.txt", 0, 9, false, {}});
  outcome.files.push_back({"report.md", 1, 4, true, {}});
  jobs.files[0] = "all of it";
  jobs.files[1] = "done";
  jobs.outcomes[jobOf(of)] = outcome;
  end(jobOf(of));
  pump();
  const StepResult told = on.result();
  CHECK(told.ok);
  const Value output = parsed(told.outputJson);
  STRCMP_EQUAL("done", on.outputs->load(output.find("files")->find("report.md")->text("ref"))->c_str());
}

TEST(AgentStep, stepsThatShareABudgetWorkOneAfterTheOther) {
  const std::string handle = R"([{"name": "coder", "adapter": "acp", "binary": "/bin/true",
    "budget": {"tokens": 100}}])";
  const Attempt first = attempt("", handle);
  Attempt second = attempt("", handle);
  second.key.path = "second";
  second.idempotencyKey = "another-key-of-the-second";
  step->start(first);
  pump();
  step->start(second);
  LONGS_EQUAL(1, jobs.started.size());
  jobs.outcomes[jobOf(first)] = outcomeOf(done());
  end(jobOf(first));
  pump();
  CHECK(on.result().ok);
  CHECK(on.result().orderAnew);
  // What the first one has used is known now, whatever the second one's intent says.
  spent = parsed(R"({"tokens": 120})");
  step->start(second);
  STRCMP_EQUAL("BLY-AGENT-BUDGET", on.result().failure->code.c_str());
  LONGS_EQUAL(1, jobs.started.size());
}

TEST(AgentStep, theHigherProfileOfHostAndFlowCounts) {
  const auto profileOf = [](const char* host, const char* flow) {
    const std::string handle = std::string(R"([{"name": "coder", "agent": "a", "profile": ")") + flow + "\"}]";
    const auto read = belay::steps::readAgentPlan(
        attempt("", handle),
        parsed(std::string(R"({"a": {"adapter": "acp", "binary": "/x", "profile": ")") + host + "\"}}"), "/bin");
    return read.ok() ? read->profile : read.error().message;
  };
  STRCMP_EQUAL("strong", profileOf("user", "strong").c_str());
  STRCMP_EQUAL("strong", profileOf("strong", "bare").c_str());
  STRCMP_EQUAL("user", profileOf("bare", "user").c_str());
  // This host has no users for jobs.
  const Attempt of = attempt("", R"([{"name": "coder", "agent": "claude", "profile": "user"}])");
  CHECK(step->describe(of).error().code == ErrorCode::kJobProfile);
  step->start(of);
  STRCMP_EQUAL("BLY-JOB-PROFILE", on.result().failure->code.c_str());
}

TEST(AgentStep, foldersGoWithTheirRunsAndStayWhereTheyAreToBeKept) {
  using Fate = AgentStep::Fate;
  const Attempt of = attempt(R"(, "workspace": {"scratch": true, "keep": "on_failure"})");
  CHECK(perform(of, done()).ok);
  const std::string run = folder() + "/" + of.run.str();
  step->sweep([](const belay::base::RunId&) { return Fate::kKeep; });
  step->sweep([](const belay::base::RunId&) { return Fate::kFailed; });
  CHECK(belay::base::fileExists(run + "/keep"));
  step->sweep([](const belay::base::RunId&) { return Fate::kSucceeded; });
  pump();
  CHECK(!belay::base::fileExists(run));
}
