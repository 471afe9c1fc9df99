// Asks for the same start again, as a caller does who did not hear the answer.

#include "common/yaml/Yaml.h"
#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using test::TestRuntime;

namespace {

constexpr const char* kRun = "slug: r\nsteps:\n  - {id: a, run: {command: [\"true\"]}}\n";

}  // namespace

TEST_GROUP(Start) {
  TestRuntime host;

  void setup() override { host.boot(); }
  std::string startBy(const std::string& key) {
    runtime::StartRequest request;
    request.idempotencyKey = key;
    const auto run = std::make_shared<std::string>();
    const auto asked = host.post(kRun, run, request);
    CHECK(host.settle().ok() && asked->answered && asked->status.ok());
    return *run;
  }
};

TEST(Start, theSameKeyIsTheSameRunAlsoAfterAPowerCut) {
  const std::string run = startBy("key");
  STRCMP_EQUAL(run.c_str(), startBy("key").c_str());
  host.cutPower();
  STRCMP_EQUAL(run.c_str(), startBy("key").c_str());
  LONGS_EQUAL(1, host.journal->runs({})->size());
}

TEST(Start, anotherKeyIsAnotherRun) {
  const std::string run = startBy("key");
  CHECK(run != startBy("other"));
  CHECK(run != startBy(""));
  LONGS_EQUAL(3, host.journal->runs({})->size());
}

TEST(Start, aFlowThatNeedsAPinDoesNotStartWithoutOne) {
  const auto rules = yaml::parse("flows: [{slug: r, pin: required}]");
  host.policy = *trust::Policy::parse(rules->root, "policy.yaml",
                                      [](const std::string& path) { return path; });
  const auto run = std::make_shared<std::string>();
  const auto asked = host.post(kRun, run, {});
  CHECK(host.settle().ok() && asked->answered);
  CHECK(asked->status.error().code == base::ErrorCode::kPinRequired);
  LONGS_EQUAL(0, host.journal->runs({})->size());
}
