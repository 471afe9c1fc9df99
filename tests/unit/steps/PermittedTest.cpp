// More steps wait for their turn than pins are kept, and the connection is changed meanwhile: each
// is performed with what was permitted for it, or not at all.

#include <string>

#include "agent/steps/DbStep.h"
#include "agent/steps/RunStep.h"
#include "agent/steps/ToolPlans.h"
#include "agent/steps/ToolStep.h"
#include "tests/unit/steps/JobsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::flow::Family;
using belay::runtime::Attempt;
using belay::steps::DbStep;
using belay::steps::RunStep;
using belay::steps::ToolStep;
using belay::test::FakeJobs;
using belay::test::JobsFixture;
using belay::test::StepsFixture;

TEST_GROUP(Permitted) {
  static constexpr int kMany = 4200;

  StepsFixture on;
  FakeJobs jobs{on.folder.path()};
  belay::settings::DbSettings settings;

  static Attempt attempt(int number) {
    Attempt out = StepsFixture::attemptOf(
        Family::kDb, R"({"connection":"data","sql":"select 1"})");
    out.run = *belay::base::RunId::parse("r" + std::to_string(number));
    return out;
  }
  void connectTo(const std::string& file) {
    on.connect(R"({"data":{"type":"db","file":")" + file + R"("}})");
  }
};

TEST(Permitted, whoeverWaitsKeepsTheConnectionThatWasAllowed) {
  settings.runningMax = 1;
  connectTo("/srv/allowed.db");
  DbStep step({jobs, *on.outputs, on.connections, on.clock, on.folder.path()}, settings, on.sink());
  for (int i = 0; i < kMany; ++i) {
    CHECK(step.describe(attempt(i)).ok());
    step.start(attempt(i));
  }
  LONGS_EQUAL(1, jobs.started.size());
  // Those of which nothing comes any more fill what is kept.
  for (int i = 0; i < kMany; ++i) CHECK(step.describe(attempt(kMany + i)).ok());
  connectTo("/srv/another.db");
  for (int i = 0; i < 10; ++i) {
    step.takeEnded(belay::steps::jobIdOf(attempt(i)));
    static_cast<void>(on.result());
  }
  LONGS_EQUAL(11, jobs.started.size());
  for (const std::string& input : jobs.inputs) STRCMP_CONTAINS("/srv/allowed.db", input.c_str());
}

TEST(Permitted, whatIsNotKnownToBeAllowedIsNotStarted) {
  connectTo("/srv/allowed.db");
  DbStep step({jobs, *on.outputs, on.connections, on.clock, on.folder.path()}, settings, on.sink());
  step.start(attempt(1));
  const auto refused = on.result();
  STRCMP_EQUAL("BLY-REVIEW-CHANGED", refused.failure->code.c_str());
  CHECK(refused.failure->nothingLeft);
  LONGS_EQUAL(0, jobs.started.size());
}

TEST_GROUP(PermittedTools) {
  JobsFixture on;
  belay::test::MemoryLog& log = on.log;
  FakeJobs& jobs = on.jobs;
  belay::settings::JobSettings& settings = on.settings;
  std::unique_ptr<RunStep> runs;
  std::unique_ptr<ToolStep> step;

  void setup() override {
    settings.runningMax = 1;
    runs = on.makeRuns();
    const belay::steps::ResourceLookup none = [](std::string_view) {
      return std::optional<belay::journal::ResourceRow>();
    };
    on.secret("KEY", "correct-horse-battery");
    connectTo("allowed");
    step = std::make_unique<ToolStep>(
        ToolStep::World{*runs, jobs, *on.outputs, on.connections, *on.vault, on.pool, on.clock, log,
                        on.folder.at("tools"), JobsFixture::callNow},
        settings, belay::steps::toolPlanners(on.connections, settings, none), on.sink());
  }
  void connectTo(const std::string& host) {
    on.connect(R"({"box":{"type":"ssh","host":")" + host +
            R"(","user":"u","key":{"secret":"KEY"},"host_keys":[)"
            R"("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHJlYWxseS1ub3QtYS1rZXktYnV0LTMyLWJ5dGVz"]}})");
  }
  static Attempt attempt(int number) {
    Attempt out = StepsFixture::attemptOf(Family::kSsh, R"({"connection":"box","command":["/bin/true"]})");
    out.run = *belay::base::RunId::parse("r" + std::to_string(number));
    return out;
  }
  void allowAndStart(int number) {
    const auto described = step->describe(attempt(number));
    CHECK_TEXT(described.ok(), described.ok() ? "" : described.error().message.c_str());
    step->start(attempt(number));
  }
};

TEST(PermittedTools, whoeverWaitsIsNotStartedOverAConnectionThatWasChanged) {
  allowAndStart(1);
  allowAndStart(2);
  LONGS_EQUAL(1, jobs.started.size());
  STRCMP_CONTAINS("\"allowed\"", jobs.inputs.at(0).c_str());
  connectTo("another");
  step->takeEnded(belay::steps::jobIdOf(attempt(1)));
  static_cast<void>(on.result());
  const auto refused = on.result();
  STRCMP_EQUAL("BLY-REVIEW-CHANGED", refused.failure->code.c_str());
  STRCMP_CONTAINS("box was changed since the step was allowed", refused.failure->message.c_str());
  CHECK(refused.failure->nothingLeft);
  LONGS_EQUAL(1, jobs.started.size());
  // It is allowed anew, as it is now.
  allowAndStart(2);
  LONGS_EQUAL(2, jobs.started.size());
  STRCMP_CONTAINS("\"another\"", jobs.inputs.at(1).c_str());
}

TEST(PermittedTools, whatIsNotKnownToBeAllowedIsNotStarted) {
  step->start(attempt(1));
  const auto refused = on.result();
  STRCMP_EQUAL("BLY-REVIEW-CHANGED", refused.failure->code.c_str());
  CHECK(refused.failure->nothingLeft);
  LONGS_EQUAL(0, jobs.started.size());
}
