// Runs `run` steps over a runner of jobs that does nothing but remember, and tells it how each job
// ends: what a job is given, what the policy is shown, and what becomes of all that a job may write
// are the questions.

#include <map>
#include <string>
#include <vector>

#include "agent/engine/Event.h"
#include "agent/steps/RunStep.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "tests/unit/steps/JobsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::Error;
using belay::base::ErrorCode;
using belay::base::JobId;
using belay::flow::EffectClass;
using belay::flow::FailureClass;
using belay::flow::Family;
using belay::jobs::Adoption;
using belay::jobs::JobKiller;
using belay::jobs::JobSpec;
using belay::jobs::LogStream;
using belay::json::Value;
using belay::runtime::Attempt;
using belay::runtime::StepResult;
using belay::steps::RunStep;
using belay::test::FakeJobs;
using belay::test::JobsFixture;
using belay::test::StepsFixture;

namespace {

const std::string kSecret = "correct-horse-battery";

}  // namespace

TEST_GROUP(RunStep) {
  JobsFixture on;
  belay::test::MemoryLog& log = on.log;
  FakeJobs& jobs = on.jobs;
  belay::settings::JobSettings& settings = on.settings;
  std::unique_ptr<RunStep> step;

  void setup() override {
    settings.workFolder = "/";
    on.secret("GITHUB_TOKEN", kSecret);
    make();
  }
  void make() {
    step = on.makeRuns();
  }
  static Attempt attempt(const std::string& renderedJson) {
    return StepsFixture::attemptOf(Family::kRun, renderedJson);
  }
  static Attempt echo(const std::string& more = "") {
    return attempt(R"({"command": ["/bin/echo", "a b", ""])" + more + "}");
  }
  static Attempt withSecret() {
    return echo(R"(, "env": {"PLAIN": "seen", "TOKEN": {"secret": "GITHUB_TOKEN"}})");
  }
  StepResult end(const Attempt& of) {
    jobs.ended.push_back(belay::steps::jobIdOf(of));
    step->takeEnded();
    return on.result();
  }
  StepResult perform(const Attempt& of) {
    step->start(of);
    LONGS_EQUAL(1, jobs.started.size());
    return end(of);
  }
  StepResult recover(Adoption::State state, EffectClass effect = EffectClass::kOnce) {
    jobs.adoption.state = state;
    jobs.adoption.reason = "its record is gone";
    Attempt of = echo();
    of.effect = effect;
    step->recover(of);
    return on.result();
  }
  std::string shown(const Attempt& of) {
    const auto effect = step->describe(of);
    CHECK(effect.ok());
    return belay::trust::effectJson(*effect);
  }
  static Value outputOf(const StepResult& result) {
    const auto output = belay::json::parse(result.outputJson);
    CHECK_TEXT(output.ok(), result.outputJson.c_str());
    return *output;
  }
  static bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
  static std::string variable(const JobSpec& job, const std::string& name) {
    for (const auto& [known, value] : job.environment) {
      if (known == name) return value;
    }
    return "(none)";
  }
};

TEST(RunStep, describesTheCommandAsItIsRunAndSecretsByName) {
  const auto effect = step->describe(withSecret());
  CHECK(effect.ok());
  const auto& run = std::get<belay::trust::RunEffect>(effect->what);
  const std::vector<std::string> argv{"/bin/echo", "a b", ""};
  CHECK(run.argv == argv);
  STRCMP_EQUAL(belay::base::resolvePath("/bin/echo").c_str(), run.executable.c_str());
  STRCMP_EQUAL("/", run.cwd.c_str());
  const std::string text = shown(withSecret());
  CHECK(has(text, "GITHUB_TOKEN"));
  CHECK(has(text, "seen"));
  CHECK(!has(text, kSecret));
}

TEST(RunStep, describesAScriptByItsShellAndItsText) {
  const auto effect =
      step->describe(attempt(R"({"script": "echo hi", "shell": ["/bin/bash", "-eu"]})"));
  const std::vector<std::string> bash{"/bin/bash", "-eu", "echo hi"};
  CHECK(std::get<belay::trust::RunEffect>(effect->what).argv == bash);
  const auto plain = step->describe(attempt(R"({"script": "echo hi"})"));
  const std::vector<std::string> sh{"/bin/sh", "-e", "echo hi"};
  CHECK(std::get<belay::trust::RunEffect>(plain->what).argv == sh);
}

TEST(RunStep, showsThePolicyAnotherEffectWhenASecretHasAnotherVersion) {
  const std::string before = shown(withSecret());
  on.secret("GITHUB_TOKEN", "another-value-of-it");
  CHECK(before != shown(withSecret()));
}

TEST(RunStep, isNotDescribedWithASecretThatDoesNotExist) {
  const auto effect = step->describe(echo(R"(, "env": {"TOKEN": {"secret": "GONE"}})"));
  CHECK(effect.error().code == ErrorCode::kSecretNotFound);
}

TEST(RunStep, givesTheValueOfASecretToTheEnvironmentOfTheJobAlone) {
  step->start(withSecret());
  const JobSpec& job = jobs.started.front();
  STRCMP_EQUAL(kSecret.c_str(), variable(job, "TOKEN").c_str());
  STRCMP_EQUAL("seen", variable(job, "PLAIN").c_str());
  STRCMP_EQUAL("flow", variable(job, "BELAY_FLOW").c_str());
  STRCMP_EQUAL("(none)", variable(job, "HOME").c_str());
  for (const std::string& word : job.command) CHECK(!has(word, kSecret));
}

TEST(RunStep, givesWhatTheJobWroteAsItsOutput) {
  jobs.write(LogStream::kStdout, "out\n");
  jobs.write(LogStream::kStderr, "err\n");
  jobs.outcome.result = *belay::json::parse(R"({"n": [1, 2]})");
  const StepResult result = perform(echo());
  CHECK(result.ok);
  const Value output = outputOf(result);
  LONGS_EQUAL(0, output.integer("exit_code", -1));
  STRCMP_EQUAL("out\n", output.find("stdout")->text("text").c_str());
  STRCMP_EQUAL("err\n", output.find("stderr")->text("text").c_str());
  STRCMP_EQUAL(R"({"n":[1,2]})", belay::json::print(*output.find("result")).c_str());
}

TEST(RunStep, failsWhenTheResultIsNoJson) {
  jobs.outcome.resultError = Error{ErrorCode::kJobResult, "no JSON"};
  const StepResult result = perform(echo());
  CHECK(!result.ok);
  STRCMP_EQUAL("BLY-JOB-RESULT", result.failure->code.c_str());
  CHECK(outputOf(result).find("result") == nullptr);
}

TEST(RunStep, keepsWhatTheJobLeftAsResources) {
  jobs.outcome.files.push_back({"report.txt", 0, 6, false, {}});
  jobs.outcome.files.push_back({"out/a", 1, 4, true, {}});
  jobs.files[0] = "report";
  jobs.files[1] = "kept";
  StepResult result = perform(echo(R"(, "collect": ["out/a"])"));
  CHECK(result.ok);
  LONGS_EQUAL(2, result.resources.size());
  const Value output = outputOf(result);
  const Value* attached = output.find("attachments")->find("report.txt");
  STRCMP_EQUAL("report", on.outputs->load(attached->text("ref"))->c_str());
  STRCMP_EQUAL("kept", on.outputs->load(output.find("files")->find("out/a")->text("ref"))->c_str());
  STRCMP_EQUAL("out/a", jobs.started.front().collect.front().c_str());
  jobs.started.clear();
  jobs.outcome.files[1].problem = "No such file or directory";
  result = perform(echo());
  STRCMP_EQUAL("BLY-JOB-RESULT", result.failure->code.c_str());
  STRCMP_EQUAL("collect out/a: No such file or directory", result.failure->message.c_str());
}

TEST(RunStep, givesThePayloadAndTellsThePolicyItsDigest) {
  const Attempt of = echo(R"(, "payload": {"a": [1]}, "collect": ["x"])");
  step->start(of);
  STRCMP_EQUAL(R"({"a":[1]})", jobs.started.front().payload.c_str());
  const Value context = *belay::json::parse(jobs.started.front().context);
  STRCMP_EQUAL(of.run.str().c_str(), context.text("run").c_str());
  STRCMP_EQUAL(of.idempotencyKey.c_str(), context.text("idempotency_key").c_str());
  CHECK(has(shown(of), "payload_sha256"));
  CHECK(has(shown(of), "\"collect\":[\"x\"]"));
  CHECK_FALSE(has(shown(echo()), "payload_sha256"));
  CHECK(shown(of) != shown(echo(R"(, "payload": {"a": [2]}, "collect": ["x"])")));
}

TEST(RunStep, takesTheExitCodesThatAreNamedAndNoOthers) {
  jobs.outcome.record.exitCode = 3;
  StepResult result = perform(echo());
  CHECK(!result.ok);
  STRCMP_EQUAL("BLY-STEP-EXIT-CODE", result.failure->code.c_str());
  CHECK(result.failure->kind == FailureClass::kExitCode);
  CHECK(!result.failure->nothingLeft);
  LONGS_EQUAL(3, outputOf(result).integer("exit_code", -1));
  jobs.started.clear();
  CHECK(perform(echo(R"(, "ok_exit_codes": [0, 3])")).ok);
  jobs.started.clear();
  jobs.outcome.record.exitCode = 0;
  CHECK(!perform(echo(R"(, "ok_exit_codes": [3])")).ok);
}

TEST(RunStep, cutsWhatIsTooLargeAndStoresAllOfIt) {
  const std::string large(200'000, 'x');
  jobs.write(LogStream::kStdout, large);
  const StepResult result = perform(echo());
  CHECK(result.ok);
  const Value output = outputOf(result);
  const Value& out = *output.find("stdout");
  LONGS_EQUAL(64, out.text("text").size());
  CHECK(out.flag("truncated"));
  LONGS_EQUAL(1, result.resources.size());
  STRCMP_EQUAL(result.resources.front().ref.c_str(), out.text("ref").c_str());
  CHECK(*on.outputs->load(out.text("ref")) == large);
  CHECK(!output.find("stderr")->flag("truncated"));
}

TEST(RunStep, masksSecretsInOutputInWhatIsStoredAndInTheResult) {
  const std::string large = "token: " + kSecret + "\n" + std::string(100'000, 'x') + kSecret;
  jobs.write(LogStream::kStdout, large);
  jobs.write(LogStream::kStderr, kSecret);
  Value given;
  given.set("token", kSecret);
  given.set("inside", "a " + kSecret + " b");
  jobs.outcome.result = given;
  const StepResult result = perform(withSecret());
  CHECK(result.ok);
  CHECK(!has(result.outputJson, kSecret));
  const Value output = outputOf(result);
  STRCMP_EQUAL("***GITHUB_TOKEN***", output.find("result")->text("token").c_str());
  STRCMP_EQUAL("***GITHUB_TOKEN***", output.find("stderr")->text("text").c_str());
  const auto stored = on.outputs->load(output.find("stdout")->text("ref"));
  CHECK(stored.ok());
  CHECK(!has(*stored, kSecret));
  CHECK(stored->ends_with("x***GITHUB_TOKEN***"));
}

TEST(RunStep, givesNulAndWhatIsNoUtf8SoThatTheJournalCanBeReadAgain) {
  jobs.write(LogStream::kStdout, std::string("a\0b", 3) + "\xff" + "\xc3\xa4" + "\xed\xa0\x80");
  const StepResult result = perform(echo());
  CHECK(belay::base::isUtf8(result.outputJson));
  belay::engine::StepFinished finished;
  finished.key = {"call", 1, 1};
  finished.outputJson = result.outputJson;
  const auto body = belay::engine::decodeBody(belay::engine::eventName(finished),
                                              belay::engine::encodeBody(finished));
  CHECK(body.ok());
  const auto output = belay::json::parse(std::get<belay::engine::StepFinished>(*body).outputJson);
  const std::string text = output->find("stdout")->text("text");
  CHECK(
      text.starts_with("a\xEF\xBF\xBD"
                       "b\xEF\xBF\xBD\xc3\xa4"));
}

TEST(RunStep, isAmbiguousWhenItWasLostAndMayNotBeRepeated) {
  const StepResult once = recover(Adoption::State::kLost);
  CHECK(once.ambiguous);
  STRCMP_EQUAL("its record is gone", once.reason.c_str());
  const StepResult repeatable = recover(Adoption::State::kLost, EffectClass::kIdempotent);
  CHECK(!repeatable.ambiguous && repeatable.orderAnew);
  LONGS_EQUAL(1, jobs.removed);
  CHECK(jobs.started.empty());
}

TEST(RunStep, isAmbiguousTooWhenItIsLostAtItsEnd) {
  jobs.collectError = Error{ErrorCode::kJobLost, "no record"};
  Attempt of = echo();
  of.effect = EffectClass::kOnce;
  CHECK(perform(of).ambiguous);
}

TEST(RunStep, isTakenUpWhereItIsAndNotStartedAgain) {
  jobs.adoption.state = Adoption::State::kRunning;
  jobs.write(LogStream::kStdout, "late");
  step->recover(echo());
  STRCMP_EQUAL("boot-1", jobs.adoptedFrom.c_str());
  CHECK(jobs.started.empty());
  STRCMP_EQUAL("late", outputOf(end(echo())).find("stdout")->text("text").c_str());
}

TEST(RunStep, isCollectedWhenItEndedWhileNobodyLooked) {
  jobs.write(LogStream::kStdout, "done");
  const StepResult result = recover(Adoption::State::kEnded);
  CHECK(result.ok);
  STRCMP_EQUAL("done", outputOf(result).find("stdout")->text("text").c_str());
  CHECK(jobs.started.empty());
}

// To be ordered anew, on the way that asks the policy.
TEST(RunStep, saysSoWhenItNeverBegan) {
  const StepResult result = recover(Adoption::State::kNotStarted);
  CHECK(result.orderAnew);
  CHECK(!result.ok && !result.ambiguous);
  CHECK(jobs.started.empty());
}

TEST(RunStep, cancelEndsTheJobAndWhatWaitsForItsTurn) {
  settings.runningMax = 1;
  make();
  Attempt second = echo();
  second.key.path = "other";
  second.idempotencyKey = "fedcba9876543210fedcba9876543210";
  step->start(echo());
  step->start(second);
  LONGS_EQUAL(1, jobs.started.size());
  step->cancel(second.run, second.key);
  CHECK(jobs.cancelled.empty());
  step->cancel(echo().run, echo().key);
  LONGS_EQUAL(1, jobs.cancelled.size());
  STRCMP_EQUAL(belay::steps::jobIdOf(echo()).str().c_str(), jobs.cancelled.front().c_str());
  jobs.outcome.record.killedBy = JobKiller::kCancel;
  STRCMP_EQUAL("BLY-CANCELLED", end(echo()).failure->code.c_str());
  // What was cancelled while it waited is not started when there is room.
  LONGS_EQUAL(1, jobs.started.size());
}

TEST(RunStep, leavesNothingBehindWhenNoJobCanBeStarted) {
  jobs.startError = Error{ErrorCode::kBusy, "too many"};
  step->start(echo());
  const StepResult result = on.result();
  CHECK(!result.ok && !result.ambiguous);
  CHECK(result.failure->nothingLeft);
  CHECK(result.failure->kind == FailureClass::kUnavailable);
}

TEST(RunStep, jobsThatNoStepWaitsForAreEnded) {
  jobs.adoption.state = Adoption::State::kRunning;
  step->recover(echo());
  jobs.unknown = {belay::steps::jobIdOf(echo()), JobId::parse("stray").value()};
  step->endStrays();
  LONGS_EQUAL(1, jobs.cancelled.size());
  STRCMP_EQUAL("stray", jobs.cancelled.front().c_str());
  // Its end is nobody's.
  jobs.ended.push_back(jobs.unknown.back());
  step->takeEnded();
  CHECK(log.contains("job.stray"));
}

TEST(RunStep, whatIsDemandedOfAHostThatCannotIsRefused) {
  const Attempt demanding = echo(R"(, "profile": "user")");
  CHECK(step->describe(demanding).error().code == ErrorCode::kJobProfile);
  step->start(demanding);
  const StepResult result = on.result();
  STRCMP_EQUAL("BLY-JOB-PROFILE", result.failure->code.c_str());
  CHECK(result.failure->nothingLeft);
  CHECK(jobs.started.empty());
}
