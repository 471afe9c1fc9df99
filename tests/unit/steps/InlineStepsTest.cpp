// Runs flows of steps that the loop performs itself, with a process that dies in between: what they
// did must be there exactly when the step that did it is recorded.

#include <string>

#include "agent/steps/FunctionStep.h"
#include "agent/steps/KvStep.h"
#include "agent/steps/SetStep.h"
#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using belay::base::RunId;
using belay::test::FaultVfs;
using belay::test::TestRuntime;

namespace {

std::string kv(const std::string& operation) {
  return "slug: kv\nsteps:\n  - id: it\n    kv: {" + operation +
         "}\noutput: \"${{ steps.it.output }}\"\n";
}

}  // namespace

TEST_GROUP(InlineSteps) {
  TestRuntime host;
  belay::steps::SetStep set;
  belay::steps::FunctionStep function;
  belay::steps::KvStep kvStep;

  void setup() override {
    host.wire = [this](belay::runtime::Steps& steps) {
      steps.setInline(belay::flow::Family::kSet, set);
      steps.setInline(belay::flow::Family::kFunction, function);
      steps.setInline(belay::flow::Family::kKv, kvStep);
    };
    host.boot();
  }
  std::string outputOf(const std::string& yaml) { return host.output(host.start(yaml)); }
};

TEST(InlineSteps, aKeyIsSetReadAndDeleted) {
  STRCMP_EQUAL(R"({"value":{"a":1},"exists":false,"previous":null})",
               outputOf(kv("set: k, value: {a: 1}")).c_str());
  STRCMP_EQUAL(R"({"value":{"a":1},"exists":true})", outputOf(kv("get: k")).c_str());
  STRCMP_EQUAL(R"({"exists":true})", outputOf(kv("exists: k")).c_str());
  STRCMP_EQUAL(R"({"exists":true,"previous":{"a":1}})", outputOf(kv("delete: k")).c_str());
  STRCMP_EQUAL(R"({"exists":false})", outputOf(kv("exists: k")).c_str());
}

TEST(InlineSteps, whoComesFirstKeepsAKeyThatIsSetOnlyIfItIsNotThere) {
  outputOf(kv("set: k, value: 1, if_not_exists: true"));
  STRCMP_EQUAL(R"({"value":1,"exists":true,"previous":1})",
               outputOf(kv("set: k, value: 2, if_not_exists: true")).c_str());
}

TEST(InlineSteps, aKeyLivesAsLongAsItsTtl) {
  outputOf(kv("set: k, value: 1, ttl: 10m"));
  host.pass(10min - 1ms);
  STRCMP_EQUAL(R"({"exists":true})", outputOf(kv("exists: k")).c_str());
  // An increment does not give it a longer life.
  outputOf(kv("increment: k"));
  host.pass(1ms);
  STRCMP_EQUAL(R"({"exists":false})", outputOf(kv("exists: k")).c_str());
}

TEST(InlineSteps, aValueOfTheWrongKindFailsTheStepAndStays) {
  outputOf(kv("set: k, value: text"));
  const RunId failed = host.start(kv("increment: k"));
  STRCMP_CONTAINS("BLY-CONFLICT", host.errorOf(failed).c_str());
  STRCMP_EQUAL(R"({"value":"text","exists":true})", outputOf(kv("get: k")).c_str());
}

TEST(InlineSteps, anIncrementCountsOnceWhateverHappensToTheProcess) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    outputOf(kv("increment: n, by: 2"));
    host.cutPower(seed);
  }
  STRCMP_EQUAL(R"({"value":10,"exists":true})", outputOf(kv("get: n")).c_str());
}

TEST(InlineSteps, anIncrementThatAFullDiskRolledBackIsMadeOnce) {
  host.disk.setFault({host.disk.operations() + 1, FaultVfs::Failure::kDiskFull, false});
  const auto id = std::make_shared<std::string>();
  host.post(kv("increment: n"), id, {});
  CHECK(host.loop->step().ok());
  CHECK(host.disk.faultHappened());
  CHECK(host.settle().ok());
  host.pass(5s);
  STRCMP_EQUAL(R"({"value":1,"exists":true})", outputOf(kv("get: n")).c_str());
}

TEST(InlineSteps, listsGiveKeysInOrder) {
  outputOf(kv("set: job/2, value: b"));
  outputOf(kv("set: job/1, value: a"));
  outputOf(kv("set: other, value: c"));
  STRCMP_EQUAL(R"({"items":[{"key":"job/1","value":"a"},{"key":"job/2","value":"b"}]})",
               outputOf(kv("list: job/")).c_str());
}

TEST(InlineSteps, aListSaysThatItIsNotAll) {
  for (int i = 0; i <= 1000; ++i)
    CHECK(host.journal->putKv({"default", "m/" + std::to_string(i), "1", 0, 0}).ok());
  STRCMP_CONTAINS(R"(],"truncated":true})", outputOf(kv("list: m/")).c_str());
  CHECK(outputOf(kv("list: m/1")).find("truncated") == std::string::npos);
}

TEST(InlineSteps, anIncrementBeyondTheExactNumbersFails) {
  outputOf(kv("set: n, value: 9007199254740990"));
  STRCMP_CONTAINS(R"("value":9007199254740991,)", outputOf(kv("increment: n")).c_str());
  STRCMP_CONTAINS("BLY-LIMIT", host.errorOf(host.start(kv("increment: n"))).c_str());
  outputOf(kv("set: n, value: 9007199254740992"));
  STRCMP_CONTAINS("BLY-LIMIT", host.errorOf(host.start(kv("increment: n"))).c_str());
}

TEST(InlineSteps, aTtlThatAnExpressionGivesIsLongerThanNothing) {
  const RunId failed = host.start(kv("set: k, value: 1, ttl: \"${{ '0s' }}\""));
  STRCMP_CONTAINS("ttl must be longer than 0s", host.errorOf(failed).c_str());
}

TEST(InlineSteps, aKeyHasUpTo512Characters) {
  std::string umlauts;
  for (int i = 0; i < 300; ++i) umlauts += "é";
  outputOf(kv("set: " + umlauts + ", value: 1"));
  STRCMP_EQUAL(R"({"exists":true})", outputOf(kv("exists: " + umlauts)).c_str());
}

TEST(InlineSteps, setChangesTheMembersThatItNamesAndNoOther) {
  STRCMP_EQUAL(R"({"a":2,"b":"kept"})", outputOf("slug: s\nstate: {a: 1, b: kept}\nsteps:\n  - id: "
                                                 "it\n    set: {a: \"${{ state.a + 1 }}\"}\n"
                                                 "output: \"${{ state }}\"\n")
                                            .c_str());
}

TEST(InlineSteps, aFunctionGetsItsInputAndGivesItsValue) {
  STRCMP_EQUAL(
      R"("ab-c")",
      outputOf(
          "slug: f\nfunctions: {slugify: \"s => s.toLowerCase().replace(/ /g, '-')\"}\nsteps:\n  - "
          "id: it\n"
          "    function: {name: slugify, input: \"AB c\"}\noutput: \"${{ steps.it.output }}\"\n")
          .c_str());
}

TEST(InlineSteps, aFunctionThatThrowsFailsItsStep) {
  const RunId failed = host.start(
      "slug: f\nsteps:\n  - id: it\n    function: {code: \"throw new Error('no luck')\"}\n");
  STRCMP_CONTAINS("BLY-EXPRESSION-FAILED", host.errorOf(failed).c_str());
  STRCMP_CONTAINS("no luck", host.errorOf(failed).c_str());
}
