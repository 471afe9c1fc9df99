// Signs the published example of Standard Webhooks and refuses what a forger could send.

#include <string>

#include "agent/vault/WebhookSignature.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::vault::SecretValue;
using belay::vault::signWebhook;
using belay::vault::verifyWebhook;
using belay::vault::WebhookHeaders;

namespace {

constexpr const char* kId = "msg_p5jXN8AQM9LWM0D4loKWxJek";
constexpr std::int64_t kTime = 1614265330;
constexpr const char* kBody = R"({"test": 2432232314})";

}  // namespace

TEST_GROUP(WebhookSignature) {
  SecretValue secret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"};
  WebhookHeaders headers = signWebhook(secret, kId, kTime, kBody).value();
};

TEST(WebhookSignature, makesThePublishedExample) {
  STRCMP_EQUAL("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", headers.signature.c_str());
  const auto fields = headers.fields();
  LONGS_EQUAL(3, fields.size());
  STRCMP_EQUAL("webhook-id", fields[0].first.c_str());
  STRCMP_EQUAL("1614265330", fields[1].second.c_str());
}

TEST(WebhookSignature, verifiesOneOfSeveralSignatures) {
  CHECK(verifyWebhook(secret, headers, kBody, kTime).ok());
  headers.signature = "v1,AAAA v2,xx " + headers.signature;
  CHECK(verifyWebhook(secret, headers, kBody, kTime).ok());
}

TEST(WebhookSignature, refusesWhatWasChanged) {
  const auto refuses = [&](WebhookHeaders changed, const char* body) {
    CHECK(verifyWebhook(secret, changed, body, kTime).error().code == ErrorCode::kCallbackToken);
  };
  refuses(headers, R"({"test": 2432232315})");
  WebhookHeaders other = headers;
  other.id += "x";
  refuses(other, kBody);
  other = headers;
  other.timestamp = "1614265331";
  refuses(other, kBody);
  other = headers;
  other.signature = "";
  refuses(other, kBody);
  other.signature = headers.signature.substr(3);
  refuses(other, kBody);
}

TEST(WebhookSignature, refusesOtherTimesAndMalformedOnes) {
  CHECK(verifyWebhook(secret, headers, kBody, kTime + 300).ok());
  CHECK_FALSE(verifyWebhook(secret, headers, kBody, kTime + 301).ok());
  CHECK_FALSE(verifyWebhook(secret, headers, kBody, kTime - 301).ok());
  for (const char* timestamp : {"", "-1", "1e9", "99999999999999999999", "0x10"}) {
    headers.timestamp = timestamp;
    CHECK_FALSE(verifyWebhook(secret, headers, kBody, kTime).ok());
  }
}

TEST(WebhookSignature, refusesSecretsAndIdsThatCannotBe) {
  for (const char* bad : {"", "whsec_", "whsec_short", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                          "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!!", "whsec_MfKQ9r8GKYqrTwjUPD8I"}) {
    const auto made = signWebhook(SecretValue(bad), kId, kTime, kBody);
    CHECK(made.error().code == ErrorCode::kConnectionInvalid);
    CHECK_FALSE(verifyWebhook(SecretValue(bad), headers, kBody, kTime).ok());
  }
  for (const char* id : {"", "a.b", "a b", "a\n"}) CHECK_FALSE(signWebhook(secret, id, 1, "").ok());
}

TEST(WebhookSignature, makesSecretsThatWork) {
  belay::test::SeededRandom random;
  const SecretValue made = belay::vault::makeWebhookSecret(random);
  const auto signedHeaders = signWebhook(made, "id", kTime, "body");
  CHECK(verifyWebhook(made, signedHeaders.value(), "body", kTime).ok());
  CHECK_FALSE(verifyWebhook(secret, signedHeaders.value(), "body", kTime).ok());
}
