// Compares with values that openssl gave, then changes one thing at a time.

#include "common/wire/CallbackProof.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using namespace belay::wire;

namespace {

// printf '%s.%s.%s' w1 1700000000 '{"ok":true}' | openssl dgst -sha256 -hmac token
constexpr const char* kSignature =
    "v1=4b71641f57bed632605e685ef1e49dbed63b7254871bd256ad08ba9cfaec33b1";

}  // namespace

TEST_GROUP(CallbackProof){};

TEST(CallbackProof, isWhatOpensslGives) {
  STRCMP_EQUAL(kSignature, signCallback("token", "w1", "1700000000", "{\"ok\":true}").c_str());
}

TEST(CallbackProof, coversWaitTimeAndBody) {
  const auto verified = [](const char* token, const char* wait, const char* time,
                           const char* body) {
    return verifyCallback(token, wait, time, body, kSignature).ok();
  };
  CHECK(verified("token", "w1", "1700000000", "{\"ok\":true}"));
  CHECK(!verified("tokem", "w1", "1700000000", "{\"ok\":true}"));
  CHECK(!verified("token", "w2", "1700000000", "{\"ok\":true}"));
  CHECK(!verified("token", "w1", "1700000001", "{\"ok\":true}"));
  CHECK(!verified("token", "w1", "1700000000", "{\"ok\":true} "));
  CHECK(!verifyCallback("token", "w1", "1700000000", "{\"ok\":true}", "").ok());
}

TEST(CallbackProof, nothingMovesFromTheTimeToTheBody) {
  const std::string moved = signCallback("token", "w1", "17", "00.{}");
  CHECK(verifyCallback("token", "w1", "17", "00.{}", moved).ok());
  CHECK(!verifyCallback("token", "w1", "17.00", "{}", moved).ok());
  CHECK(!verifyCallback("token", "w1", "", "17.{}", signCallback("token", "w1", "", "17.{}")).ok());
}

TEST(CallbackProof, routesDifferByWaitAndKey) {
  const std::string one = routingId("key", "w1");
  LONGS_EQUAL(32, one.size());
  STRCMP_EQUAL(one.c_str(), routingId("key", "w1").c_str());
  CHECK(one != routingId("key", "w2"));
  CHECK(one != routingId("other", "w1"));
}
