// Deliveries that are right, and the same with one thing changed: the body, the signature, the
// secret, the time, a header that is missing or stands twice.

#include "agent/triggers/DeliveryProof.h"
#include "agent/vault/WebhookSignature.h"
#include "common/base/Text.h"
#include "common/crypto/Hmac.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using flow::WebhookAuth;
using triggers::Delivery;

namespace {

constexpr std::int64_t kNowMs = 1'800'000'000'000;
const std::string kBody = R"({"ref":"refs/heads/main"})";

vault::SecretValue secretOf(const std::string& text) {
  return vault::SecretValue::take(std::string(text));
}

bool taken(const WebhookAuth& auth, const std::string& secret, const Delivery& delivery,
           std::int64_t nowMs = kNowMs) {
  const auto proof = triggers::verifyDelivery(auth, secretOf(secret), delivery, nowMs);
  if (!proof) CHECK(proof.error().code == base::ErrorCode::kWebhookRefused);
  return proof.ok();
}

std::string keyOf(const WebhookAuth& auth, const std::string& secret, const Delivery& delivery) {
  const auto proof = triggers::verifyDelivery(auth, secretOf(secret), delivery, kNowMs);
  return proof ? proof->key : "(refused)";
}

}  // namespace

TEST_GROUP(DeliveryProof){};

TEST(DeliveryProof, githubSignsTheBody) {
  // The example of GitHub's documentation.
  const WebhookAuth auth;
  Delivery delivery{{{"x-hub-signature-256",
                      "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}},
                    "Hello, World!"};
  const std::string secret = "It's a Secret to Everybody";
  CHECK(taken(auth, secret, delivery));
  CHECK_FALSE(taken(auth, secret + "\n", delivery));
  Delivery other = delivery;
  other.body += "\n";
  CHECK_FALSE(taken(auth, secret, other));
  other = delivery;
  other.headers.push_back(other.headers.front());
  CHECK_FALSE(taken(auth, secret, other));
  other.headers.clear();
  CHECK_FALSE(taken(auth, secret, other));
  other.headers = {{"X-Hub-Signature-256", "sha256="}};
  CHECK_FALSE(taken(auth, secret, other));
}

TEST(DeliveryProof, whatGithubDoesNotSignDoesNotMakeAnotherDelivery) {
  const WebhookAuth auth;
  const std::string mac = "sha256=" + crypto::hmacSha256("s", kBody).hex();
  const Delivery one{{{"X-Hub-Signature-256", mac}, {"X-GitHub-Delivery", "1"}}, kBody};
  const Delivery two{{{"X-Hub-Signature-256", mac}, {"X-GitHub-Delivery", "2"}}, kBody};
  STRCMP_EQUAL(keyOf(auth, "s", one).c_str(), keyOf(auth, "s", two).c_str());
  STRCMP_CONTAINS("sha256:", keyOf(auth, "s", one).c_str());
}

TEST(DeliveryProof, aGenericDigestMayBeHexOrBase64) {
  WebhookAuth auth;
  auth.scheme = WebhookAuth::Scheme::kGeneric;
  auth.header = "X-Sig";
  const crypto::Digest mac = crypto::hmacSha256("s", kBody);
  for (const std::string& text : {mac.hex(), "sha256=" + mac.hex(), base::toBase64(mac.view())}) {
    CHECK(taken(auth, "s", {{{"X-Sig", text}}, kBody}));
    CHECK_FALSE(taken(auth, "t", {{{"X-Sig", text}}, kBody}));
    CHECK_FALSE(taken(auth, "s", {{{"X-Sig", text}}, kBody + " "}));
    CHECK_FALSE(taken(auth, "s", {{{"X-Sig", text.substr(1)}}, kBody}));
  }
}

TEST(DeliveryProof, standardWebhooksCoverIdTimeAndBody) {
  WebhookAuth auth;
  auth.scheme = WebhookAuth::Scheme::kStandardWebhooks;
  auth.tolerance = std::chrono::minutes{5};
  const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const auto headers = vault::signWebhook(secretOf(secret), "msg_1", kNowMs / 1000, kBody);
  const Delivery delivery{headers->fields(), kBody};
  const auto proof = triggers::verifyDelivery(auth, secretOf(secret), delivery, kNowMs);
  CHECK(proof.ok());
  STRCMP_EQUAL("id:msg_1", proof->key.c_str());
  LONGS_EQUAL(2, proof->covered.size());
  CHECK(taken(auth, secret, delivery, kNowMs + 299'000));
  CHECK_FALSE(taken(auth, secret, delivery, kNowMs + 302'000));
  CHECK_FALSE(taken(auth, secret, delivery, kNowMs - 302'000));
  for (std::size_t i = 0; i < 3; ++i) {
    Delivery other = delivery;
    other.headers[i].second += "1";
    CHECK_FALSE(taken(auth, secret, other));
    other = delivery;
    other.headers.erase(other.headers.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK_FALSE(taken(auth, secret, other));
  }
}

TEST(DeliveryProof, aSecretThatCannotSignIsNamed) {
  WebhookAuth auth;
  auth.scheme = WebhookAuth::Scheme::kStandardWebhooks;
  const Delivery delivery{
      {{"webhook-id", "a"}, {"webhook-timestamp", "1"}, {"webhook-signature", "v1,x"}}, ""};
  const auto proof = triggers::verifyDelivery(auth, secretOf("short"), delivery, kNowMs);
  CHECK(proof.error().code == base::ErrorCode::kConnectionInvalid);
}

TEST(DeliveryProof, tokensAreComparedWhole) {
  WebhookAuth bearer;
  bearer.kind = WebhookAuth::Kind::kBearer;
  CHECK(taken(bearer, "tok", {{{"Authorization", "bearer tok"}}, kBody}));
  for (const char* text :
       {"Bearer to", "Bearer tok ", "Bearer  tok", "Basic tok", "tok", "Bearer", "Bearer "}) {
    CHECK_FALSE(taken(bearer, "tok", {{{"Authorization", text}}, kBody}));
  }
  WebhookAuth key;
  key.kind = WebhookAuth::Kind::kApiKey;
  key.header = "X-Api-Key";
  CHECK(taken(key, "tok", {{{"x-api-key", "tok"}}, kBody}));
  CHECK_FALSE(taken(key, "tok", {{{"x-api-key", "toc"}}, kBody}));
  WebhookAuth basic;
  basic.kind = WebhookAuth::Kind::kBasic;
  basic.user = "Aladdin";
  CHECK(taken(basic, "open sesame",
              {{{"Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}}, kBody}));
  CHECK_FALSE(
      taken(basic, "open", {{{"Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}}, kBody}));
  CHECK_FALSE(taken(bearer, "", {{{"Authorization", "Bearer "}}, kBody}));
}

TEST(DeliveryProof, withATokenTheSenderMayNameTheDelivery) {
  WebhookAuth auth;
  auth.kind = WebhookAuth::Kind::kBearer;
  const std::pair<std::string, std::string> token{"Authorization", "Bearer t"};
  STRCMP_EQUAL("key:7", keyOf(auth, "t", {{token, {"idempotency-key", "7"}}, kBody}).c_str());
  STRCMP_CONTAINS("sha256:", keyOf(auth, "t", {{token}, kBody}).c_str());
}
