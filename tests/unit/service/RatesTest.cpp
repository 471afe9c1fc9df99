// Asks often, moves the clock by hand, and counts who was let through.

#include "relay/service/Rates.h"

#include <CppUTest/TestHarness.h>

using belay::service::Rates;
using std::chrono::milliseconds;

TEST_GROUP(Rates){};

TEST(Rates, aBurstThenTheRate) {
  Rates rates(10);
  int taken = 0;
  for (int i = 0; i < 100; ++i) taken += rates.take("a", 60, milliseconds{0});
  LONGS_EQUAL(20, taken);
  CHECK(!rates.take("a", 60, milliseconds{999}));
  CHECK(rates.take("a", 60, milliseconds{1000}));
  CHECK(!rates.take("a", 60, milliseconds{1000}));
  CHECK(rates.take("b", 60, milliseconds{1000}));
}

TEST(Rates, aLongSilenceGivesNoMoreThanABurst) {
  Rates rates(10);
  CHECK(rates.take("a", 3, milliseconds{0}));
  CHECK(!rates.take("a", 3, milliseconds{0}));
  CHECK(rates.take("a", 3, milliseconds{3'600'000}));
  CHECK(!rates.take("a", 3, milliseconds{3'600'000}));
}

TEST(Rates, thereIsRoomForSoManyKeys) {
  Rates rates(2);
  CHECK(rates.take("a", 1, milliseconds{0}));
  CHECK(rates.take("b", 1, milliseconds{0}));
  CHECK(!rates.take("a", 1, milliseconds{0}));
  CHECK(rates.take("c", 1, milliseconds{0}));
  // "b" asked least lately, and was forgotten; "a" was not.
  CHECK(!rates.take("a", 1, milliseconds{0}));
  CHECK(rates.take("b", 1, milliseconds{0}));
}
