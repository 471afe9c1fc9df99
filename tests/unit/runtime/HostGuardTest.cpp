// A host that may be a copy, or was set back, begins nothing until a person has looked.

#include <string>

#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using belay::base::ErrorCode;
using belay::base::RunId;
using belay::runtime::HostEpoch;
using belay::runtime::MachineFacts;
using belay::runtime::Runtime;
using belay::runtime::Verb;
using belay::test::TestRuntime;

namespace {

const char* const kJob = "slug: work\nsteps:\n  - id: build\n    run: {command: [/bin/true]}\n"
                         "  - id: after\n    run: {command: [/bin/false]}\n";
const char* const kNap = "slug: nap\nsteps:\n  - id: nap\n    sleep: {for: 10m}\n";
const MachineFacts kHere{{"/etc/machine-id", "aa"}};

}  // namespace

TEST_GROUP(HostGuard) {
  TestRuntime host;

  void setup() override {
    host.boot();
    CHECK(check(kHere).ok());
  }
  belay::base::Status check(const MachineFacts& facts) {
    return host.tell([facts](Runtime& on) { return on.guard().checkMachine(facts); });
  }
  belay::base::Status release() {
    return host.tell([](Runtime& on) { return on.guard().release(); });
  }
  void quarantine() {
    CHECK(check({{"/etc/machine-id", "bb"}}).ok());
    CHECK(quarantined());
  }
  bool quarantined() { return host.runtime->guard().quarantined().value(); }
  HostEpoch epoch() { return **host.runtime->guard().epoch(); }
};

TEST(HostGuard, theSameMachineIsNoReasonAndAMissingFactSaysNothing) {
  CHECK(check(kHere).ok());
  CHECK(check({}).ok());
  CHECK(check({{"/sys/uuid", "cc"}}).ok());
  CHECK_FALSE(quarantined());
  CHECK(check({{"/sys/uuid", "dd"}}).ok());
  CHECK(quarantined());
  CHECK(epoch().quarantine->message.find("/sys/uuid") == 0);
}

TEST(HostGuard, nothingBeginsAndTheFactsOfJobsAreTaken) {
  const RunId nap = host.start(kNap);
  const RunId work = host.start(kJob);
  LONGS_EQUAL(1, host.jobs.started().size());
  quarantine();
  host.succeed(host.jobs.started().front());
  host.pass(1h);
  // The timer was due, and the second step is owed: neither happens.
  STRCMP_EQUAL("waiting", host.status(nap).c_str());
  STRCMP_EQUAL("running", host.status(work).c_str());
  LONGS_EQUAL(1, host.jobs.started().size());
  const auto asked = host.post(kJob, std::make_shared<std::string>(), {});
  CHECK(host.settle().ok());
  CHECK(TestRuntime::failedWith(asked->status, ErrorCode::kHostQuarantined));
  CHECK(release().ok());
  LONGS_EQUAL(2, host.jobs.started().size());
  STRCMP_EQUAL("succeeded", host.status(nap).c_str());
}

TEST(HostGuard, noWaitIsAnsweredAndARunCanBeCancelled) {
  const RunId run = host.start(
      "slug: w\nsteps:\n  - id: w\n    wait: {event: {name: go}, timeout: 24h}\n");
  quarantine();
  CHECK(TestRuntime::failedWith(host.tell([](Runtime& on) -> belay::base::Status {
    const auto emitted = on.waits().emit("go", "{}", "uid:1");
    return emitted ? belay::base::Status{} : emitted.error();
  }), ErrorCode::kHostQuarantined));
  STRCMP_EQUAL("waiting", host.status(run).c_str());
  CHECK(host.tell([run](Runtime& on) { return on.control(run, Verb::kCancel, "uid:0"); }).ok());
  CHECK(release().ok());
  STRCMP_EQUAL("cancelled", host.status(run).c_str());
}

TEST(HostGuard, itOutlastsPowerCutsAndItsFirstCauseStays) {
  quarantine();
  const std::string first = epoch().quarantine->message;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    host.cutPower(seed);
    CHECK(quarantined());
    CHECK(check(kHere).ok());
    CHECK(host.tell([](Runtime& on) { return on.guard().quarantine("session", "x", 9); }).ok());
  }
  STRCMP_EQUAL(first.c_str(), epoch().quarantine->message.c_str());
  LONGS_EQUAL(9, epoch().sessions);
}

TEST(HostGuard, anotherEpochBeginsWithItsEnd) {
  const std::string before = epoch().text();
  CHECK(TestRuntime::failedWith(release(), ErrorCode::kConflict));
  quarantine();
  CHECK(release().ok());
  const std::string after = epoch().text();
  LONGS_EQUAL(2, epoch().counter);
  CHECK(after != before && after.substr(2) != before.substr(2));
  // The machine is taken as it is now.
  CHECK(check({{"/etc/machine-id", "bb"}}).ok());
  CHECK_FALSE(quarantined());
  host.cutPower();
  STRCMP_EQUAL(after.c_str(), epoch().text().c_str());
}

TEST(HostGuard, noTwoSessionStatementsHaveOneNumber) {
  std::int64_t last = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CHECK(host.tell([&last](Runtime& on) -> belay::base::Status {
      const auto number = on.guard().numberSession();
      CHECK(number.ok() && *number > last);
      last = *number;
      return {};
    }).ok());
    host.cutPower(seed);
  }
  LONGS_EQUAL(5, last);
}
