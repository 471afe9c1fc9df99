// Sets the wall clock by seconds, days and decades in both directions while runs wait: only what
// names a wall time looks at it, and each timer fires once.

#include <array>
#include <string>

#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using test::TestRuntime;

namespace {

constexpr std::int64_t kDay = 86'400'000;
/// To 1970, 2038 and 2106 too: the clock of the tests stands at the beginning of 2027.
constexpr std::array<std::int64_t, 13> kJumps{1'000,
                                              -1'000,
                                              3'600'000,
                                              -3'600'000,
                                              kDay,
                                              -kDay,
                                              30 * kDay,
                                              -30 * kDay,
                                              3650 * kDay,
                                              -3650 * kDay,
                                              -1'800'000'000'000,
                                              347'483'647'000,
                                              2'494'967'296'000};

const std::string kSleep = "slug: s\nsteps:\n  - {id: a, sleep: {for: 1h}}\n";
const std::string kAsk =
    "slug: s\nsteps:\n  - id: a\n    wait: {approval: {summary: Go on?}, timeout: 1h, on_timeout: "
    "reject}\n";
const std::string kEvent =
    "slug: s\nsteps:\n  - id: a\n    wait: {event: {name: go}, timeout: 1h, on_timeout: "
    "continue}\n";
const std::string kRetry =
    "slug: s\nsteps:\n  - id: a\n    run: {command: [\"true\"]}\n    effect: idempotent\n"
    "    retry: {max_attempts: 2, on: [unavailable], backoff: {initial: 1h, max: 1h, jitter: 0}}\n";

}  // namespace

TEST_GROUP(ClockJump) {
  std::unique_ptr<TestRuntime> host;

  void boot() {
    host = std::make_unique<TestRuntime>();
    host->boot();
  }
  void jump(std::int64_t by) {
    host->clock.jumpWall(milliseconds{by});
    CHECK(host->settle().ok());
  }
  /// What waits an hour does so, whatever becomes of the wall clock on the way.
  void lastsAnHour(const std::string& flow, const char* waits, const char* ends) {
    for (const std::int64_t by : kJumps) {
      boot();
      const auto run = host->start(flow);
      host->pass(59min);
      jump(by);
      STRCMP_EQUAL(waits, host->status(run).c_str());
      host->boot();  // A daemon that starts anew in the same boot has the same clocks.
      STRCMP_EQUAL(waits, host->status(run).c_str());
      host->pass(61s);
      STRCMP_EQUAL(ends, host->status(run).c_str());
      const std::string before = host->history(run);
      jump(-by);
      host->pass(2h);
      STRCMP_EQUAL(before.c_str(), host->history(run).c_str());
    }
    host.reset();
  }
};

TEST(ClockJump, aSleepLastsItsTime) { lastsAnHour(kSleep, "waiting", "succeeded"); }

TEST(ClockJump, anApprovalExpiresAfterItsTime) { lastsAnHour(kAsk, "waiting", "succeeded"); }

TEST(ClockJump, aWaitForAnEventEndsAfterItsTime) { lastsAnHour(kEvent, "waiting", "succeeded"); }

TEST(ClockJump, aRetryIsMadeAfterItsTime) {
  for (const std::int64_t by : kJumps) {
    boot();
    host->start(kRetry);
    host->fail(host->jobs.started().front(), flow::FailureClass::kUnavailable);
    host->pass(59min);
    jump(by);
    LONGS_EQUAL(1, host->jobs.started().size());
    host->pass(61s);
    LONGS_EQUAL(2, host->jobs.started().size());
    jump(-by);
    host->pass(2h);
    LONGS_EQUAL(2, host->jobs.started().size());
  }
  host.reset();
}

TEST(ClockJump, untilATimeOfDayFollowsTheWallClockAndFiresOnce) {
  boot();
  const auto run =
      host->start("slug: s\nsteps:\n  - {id: a, sleep: {until: \"2027-01-15T09:00:00Z\"}}\n");
  STRCMP_EQUAL("waiting", host->status(run).c_str());
  jump(-30 * kDay);
  host->pass(2h);
  STRCMP_EQUAL("waiting", host->status(run).c_str());
  jump(30 * kDay);
  STRCMP_EQUAL("succeeded", host->status(run).c_str());
  jump(-30 * kDay);
  host->pass(31 * 24h);
  STRCMP_EQUAL("run_created wait_opened wait_resolved step_finished run_finished",
               host->history(run).c_str());
  host.reset();
}
