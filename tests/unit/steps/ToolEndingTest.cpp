// What the end of a step's program comes to, in a table of results as programs could give them.

#include "agent/steps/ToolEnding.h"
#include "common/json/Json.h"
#include "tests/unit/steps/StepsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::jobs::JobOutcome;
using belay::steps::judgeTool;
using belay::steps::ToolPlan;
using belay::steps::ToolVerdict;
using belay::test::StepsFixture;

TEST_GROUP(ToolEnding) {
  ToolPlan plan;
  JobOutcome outcome;

  ToolVerdict judge(const char* result = nullptr) {
    if (result) outcome.result = belay::json::parse(result).value();
    return judgeTool(StepsFixture::attemptOf(belay::flow::Family::kPlugin, "{}"), plan, outcome);
  }
  void fails(const char* result, const char* code, bool nothingLeft, bool unknown) {
    const ToolVerdict verdict = judge(result);
    CHECK_TEXT(verdict.failure.has_value(), result);
    STRCMP_EQUAL(code, verdict.failure->code.c_str());
    CHECK_EQUAL_TEXT(nothingLeft, verdict.failure->nothingLeft, result);
    CHECK_EQUAL_TEXT(unknown, verdict.unknown, result);
  }
};

TEST(ToolEnding, aResultThatIsFineGivesItsOutput) {
  const ToolVerdict verdict = judge(R"({"ok":true,"output":{"n":1}})");
  CHECK_FALSE(verdict.failure.has_value());
  CHECK_EQUAL(std::string(R"({"n":1})"), belay::json::print(verdict.output));
}

TEST(ToolEnding, anErrorSaysWhetherSomethingHasLeft) {
  fails(R"({"ok":false,"effect":"none","error":{"code":"BLY-CONNECT"}})", "BLY-CONNECT", true, false);
  fails(R"({"ok":false,"effect":"done","error":{"code":"BLY-SFTP"}})", "BLY-SFTP", false, false);
  fails(R"({"ok":false,"effect":"unknown","error":{"code":"X"}})", "BLY-STEP-FAILED", false, true);
  fails(R"({"ok":false,"error":{}})", "BLY-STEP-FAILED", false, true);
  fails(R"({"ok":false})", "BLY-STEP-FAILED", false, true);
}

TEST(ToolEnding, withoutAResultNothingIsKnown) {
  fails(nullptr, "BLY-PLUGIN-PROTOCOL", false, true);
  fails("[]", "BLY-PLUGIN-PROTOCOL", false, true);
  fails(R"({"ok":"yes"})", "BLY-PLUGIN-PROTOCOL", false, true);
}

TEST(ToolEnding, exitCodesCountWhereThePlanHasThem) {
  CHECK_FALSE(judge(R"({"ok":true,"output":{"exit_code":7}})").failure.has_value());
  plan.okExitCodes = {0, 3};
  CHECK_FALSE(judge(R"({"ok":true,"output":{"exit_code":3}})").failure.has_value());
  fails(R"({"ok":true,"output":{"exit_code":7}})", "BLY-STEP-EXIT-CODE", false, false);
  fails(R"({"ok":true,"output":{"signal":"KILL"}})", "BLY-JOB-SIGNALLED", false, false);
}

TEST(ToolEnding, theTimeoutGoesBeforeWhatWasSaidOfTheSignal) {
  outcome.record.killedBy = belay::jobs::JobKiller::kDeadline;
  fails(R"({"ok":false,"effect":"none","error":{"code":"BLY-CANCELLED"}})", "BLY-STEP-TIMEOUT", true, false);
  fails(R"({"ok":false,"effect":"unknown","error":{"code":"BLY-CANCELLED"}})", "BLY-STEP-TIMEOUT", false, true);
  // It had ended well before the signal came.
  CHECK_FALSE(judge(R"({"ok":true,"output":{}})").failure.has_value());
  outcome.result.reset();
  fails(nullptr, "BLY-STEP-TIMEOUT", false, true);
}

TEST(ToolEnding, aClassOfItsOwnIsTaken) {
  const ToolVerdict verdict =
      judge(R"({"ok":false,"effect":"none","error":{"class":"rate_limited","retry_after_ms":1500}})");
  CHECK(verdict.failure->kind == belay::flow::FailureClass::kRateLimited);
  CHECK_EQUAL(1500, verdict.retryAfterMs);
}
