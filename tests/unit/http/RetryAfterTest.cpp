// The three forms of an HTTP date and the two of Retry-After, with values that are no such thing.

#include "common/http/RetryAfter.h"

#include <CppUTest/TestHarness.h>

using belay::http::formatHttpDate;
using belay::http::Headers;
using belay::http::parseHttpDate;
using belay::http::retryAfter;

namespace {

constexpr std::int64_t kInstant = 784'111'777'000;  // RFC 9110's example.

std::int64_t waitMs(const char* value) {
  const auto wait = retryAfter(Headers{{"retry-after", value}}, kInstant);
  return wait ? wait->count() : -1;
}

}  // namespace

TEST_GROUP(RetryAfter){};

TEST(RetryAfter, readsAllThreeFormsOfADate) {
  for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"}) {
    CHECK_TEXT(parseHttpDate(text).has_value(), text);
    CHECK_TEXT(*parseHttpDate(text) == kInstant, text);
  }
}

TEST(RetryAfter, writesTheDateThatItReads) {
  STRCMP_EQUAL("Sun, 06 Nov 1994 08:49:37 GMT", formatHttpDate(kInstant).c_str());
  STRCMP_EQUAL("Thu, 01 Jan 1970 00:00:00 GMT", formatHttpDate(0).c_str());
  STRCMP_EQUAL("Thu, 29 Feb 2024 23:59:59 GMT", formatHttpDate(1'709'251'199'999).c_str());
}

TEST(RetryAfter, refusesWhatIsNoDate) {
  for (const char* text : {"", "now", "Sun, 06 Nov 1994 08:49:37 PST",
                           "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT"}) {
    CHECK_FALSE_TEXT(parseHttpDate(text).has_value(), text);
  }
}

TEST(RetryAfter, countsSecondsOrTheTimeToADate) {
  CHECK_EQUAL(std::int64_t{120'000}, waitMs("120"));
  CHECK_EQUAL(std::int64_t{0}, waitMs("0"));
  CHECK_EQUAL(std::int64_t{10'000}, waitMs("Sun, 06 Nov 1994 08:49:47 GMT"));
  CHECK_EQUAL(std::int64_t{0}, waitMs("Sun, 06 Nov 1994 08:49:27 GMT"));
}

TEST(RetryAfter, isNothingWhereItCannotBeRead) {
  CHECK_EQUAL(std::int64_t{-1}, waitMs("soon"));
  CHECK_EQUAL(std::int64_t{-1}, waitMs("-5"));
  CHECK_EQUAL(std::int64_t{-1}, waitMs("1.5"));
  CHECK_FALSE(retryAfter(Headers{}, kInstant).has_value());
}

TEST(RetryAfter, staysFiniteWhateverTheServerSays) {
  CHECK_EQUAL(std::int64_t{315'360'000'000}, waitMs("18446744073709551615"));
  CHECK_EQUAL(std::int64_t{315'360'000'000}, waitMs("99999999999999999999"));
}
