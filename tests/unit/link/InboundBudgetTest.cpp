// Floods of one kind after the other, on a clock of the test's own: how many get through at once,
// how many a minute after that, and that the other kinds do not suffer.

#include <chrono>
#include <string_view>

#include "agent/link/InboundBudget.h"

#include <CppUTest/TestHarness.h>

using belay::link::InboundBudget;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

TEST_GROUP(InboundBudget) {
  InboundBudget budget;
  milliseconds now{1'000};

  /// Takes what it can for so long: how many.
  int flood(std::string_view kind, milliseconds length, std::size_t bytes = 100) {
    int taken = 0;
    const milliseconds end = now + length;
    while (true) {
      const milliseconds wait = budget.take(kind, bytes, now);
      if (wait == 0ms) {
        ++taken;
        continue;
      }
      if (now + wait > end) {
        now = end;
        return taken;
      }
      now += wait;
    }
  }
};

TEST(InboundBudget, aKindHasABurstAndARateAfterIt) {
  LONGS_EQUAL(1'000, flood("pin", 0ms));
  const int later = flood("pin", 60s);
  CHECK(later > 580 && later <= 600);
}

TEST(InboundBudget, unknownKindsShareOneBudgetAndKnownOnesKeepTheirs) {
  LONGS_EQUAL(200, flood("poem", 0ms));
  LONGS_EQUAL(0, flood("exec", 0ms));
  LONGS_EQUAL(0, flood("", 0ms));
  LONGS_EQUAL(10'000, flood("callback", 0ms));
  LONGS_EQUAL(10'000, flood("webhook", 0ms));
  LONGS_EQUAL(200, flood("release", 0ms));
}

TEST(InboundBudget, aLargeMessageCountsForSeveralAndComesInTheEnd) {
  LONGS_EQUAL(12, flood("poem", 0ms, 1 << 20));
  LONGS_EQUAL(1, flood("poem", 30s, 100 << 20));
}

TEST(InboundBudget, whatWasRefusedIsPaidForByAll) {
  CHECK(budget.take("callback", 1, now) == 0ms);
  budget.refused(400, now);
  CHECK(budget.take("callback", 1, now) == 0ms);
  budget.refused(400, now);
  const milliseconds wait = budget.take("pin", 1, now);
  // 300 too many, at ten a second, and some more.
  CHECK(wait > 30s && wait < 32s);
  CHECK(budget.take("callback", 1, now) == wait);
  now += wait;
  CHECK(budget.take("callback", 1, now) == 0ms);
}

TEST(InboundBudget, aClockThatStandsStillGivesNothing) {
  flood("poem", 0ms);
  for (int i = 0; i < 10; ++i) CHECK(budget.take("poem", 1, now) > 0ms);
  now -= 500ms;
  CHECK(budget.take("poem", 1, now) > 0ms);
}
