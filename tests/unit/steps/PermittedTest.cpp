// More steps wait for their turn than pins are kept, and the connection is changed meanwhile: each
// is performed with what was permitted for it, or not at all.

#include <string>

#include "agent/steps/DbStep.h"
#include "agent/steps/RunStep.h"
#include "tests/unit/steps/FakeJobs.h"
#include "tests/unit/steps/StepsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::flow::Family;
using belay::runtime::Attempt;
using belay::steps::DbStep;
using belay::test::FakeJobs;
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
