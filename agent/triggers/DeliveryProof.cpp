#include "agent/triggers/DeliveryProof.h"

#include <algorithm>

#include "agent/vault/WebhookSignature.h"
#include "common/base/Text.h"
#include "common/crypto/Hmac.h"
#include "common/crypto/Sha256.h"

namespace belay::triggers {

using base::Error;
using base::ErrorCode;
using base::Result;
using Kind = flow::WebhookAuth::Kind;
using Scheme = flow::WebhookAuth::Scheme;

namespace {

constexpr std::string_view kGithubHeader = "X-Hub-Signature-256";
constexpr std::string_view kDigestPrefix = "sha256=";
constexpr std::size_t kKeyBytesMax = 200;

Error refused(std::string why) {
  return Error{ErrorCode::kWebhookRefused, "the delivery is refused: " + std::move(why)};
}

/// A field that must stand once: of two, nobody knows which one the sender meant.
Result<std::string> soleHeader(const Delivery& delivery, std::string_view name) {
  if (delivery.count(name) > 1) return refused("the header " + std::string(name) + " stands twice");
  const std::string* const value = delivery.header(name);
  if (!value) return refused("the header " + std::string(name) + " is missing");
  return *value;
}

std::string bodyKey(const Delivery& delivery) {
  return "sha256:" + crypto::sha256(delivery.body).hex();
}

/// A token vouches for its sender, not for a content.
Proof tokenProof(std::string_view words, const Delivery& delivery) {
  Proof proof{std::string(words), bodyKey(delivery), {}};
  const std::string* const key = delivery.header("Idempotency-Key");
  if (key && !key->empty() && key->size() <= kKeyBytesMax && base::isUtf8(*key))
    proof.key = "key:" + *key;
  return proof;
}

/// The digest of the body in hex, with "sha256=" before it or not, or in base64.
Result<Proof> bodyDigest(std::string_view header, const vault::SecretValue& secret,
                         const Delivery& delivery) {
  BELAY_ASSIGN(const std::string given, soleHeader(delivery, header));
  std::string_view text = given;
  if (text.starts_with(kDigestPrefix)) text.remove_prefix(kDigestPrefix.size());
  const crypto::Digest digest = crypto::hmacSha256(secret.reveal(), delivery.body);
  const bool matches = base::equalsInConstantTime(base::toLower(text), digest.hex()) ||
                       base::equalsInConstantTime(text, base::toBase64(digest.view()));
  if (!matches) return refused("the signature in " + std::string(header) + " does not match");
  return Proof{"hmac-sha256", bodyKey(delivery), {}};
}

Result<Proof> standardWebhook(const flow::WebhookAuth& auth, const vault::SecretValue& secret,
                              const Delivery& delivery, std::int64_t nowMs) {
  vault::WebhookHeaders headers;
  BELAY_ASSIGN(headers.id, soleHeader(delivery, "webhook-id"));
  BELAY_ASSIGN(headers.timestamp, soleHeader(delivery, "webhook-timestamp"));
  BELAY_ASSIGN(headers.signature, soleHeader(delivery, "webhook-signature"));
  const base::Status verified =
      vault::verifyWebhook(secret, headers, delivery.body, nowMs / 1000,
                           std::chrono::floor<std::chrono::seconds>(auth.tolerance));
  if (!verified) {
    if (verified.error().code != ErrorCode::kCallbackToken) return verified.error();
    return Error{ErrorCode::kWebhookRefused, verified.error().message};
  }
  return Proof{"hmac-sha256", "id:" + headers.id, {"webhook-id", "webhook-timestamp"}};
}

Result<Proof> authorization(std::string_view scheme, std::string_view words,
                            const std::string& expected, const Delivery& delivery) {
  BELAY_ASSIGN(const std::string given, soleHeader(delivery, "Authorization"));
  const bool named = given.size() > scheme.size() + 1 && given[scheme.size()] == ' ' &&
                     base::equalsIgnoringCase(given.substr(0, scheme.size()), scheme);
  const std::string_view token =
      named ? std::string_view(given).substr(scheme.size() + 1) : std::string_view();
  if (!base::equalsInConstantTime(token, expected))
    return refused("Authorization is not what the webhook takes");
  return tokenProof(words, delivery);
}

}  // namespace

const std::string* Delivery::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [name](const auto& field) {
    return base::equalsIgnoringCase(field.first, name);
  });
  return found == headers.end() ? nullptr : &found->second;
}

std::size_t Delivery::count(std::string_view name) const {
  return static_cast<std::size_t>(std::count_if(
      headers.begin(), headers.end(),
      [name](const auto& field) { return base::equalsIgnoringCase(field.first, name); }));
}

Proof unproven(const Delivery& delivery) { return tokenProof("none", delivery); }

Result<Proof> verifyDelivery(const flow::WebhookAuth& auth, const vault::SecretValue& secret,
                             const Delivery& delivery, std::int64_t nowMs) {
  // An empty secret would be known to everybody.
  if (secret.reveal().empty()) return refused("the secret of the webhook is empty");
  switch (auth.kind) {
    case Kind::kHmac:
      if (auth.scheme == Scheme::kStandardWebhooks)
        return standardWebhook(auth, secret, delivery, nowMs);
      return bodyDigest(auth.scheme == Scheme::kGithub ? kGithubHeader : auth.header, secret,
                        delivery);
    case Kind::kBearer:
      return authorization("Bearer", "bearer", std::string(secret.reveal()), delivery);
    case Kind::kBasic:
      return authorization("Basic", "basic",
                           base::toBase64(auth.user + ":" + std::string(secret.reveal())),
                           delivery);
    case Kind::kApiKey: {
      BELAY_ASSIGN(const std::string given, soleHeader(delivery, auth.header));
      if (!base::equalsInConstantTime(given, secret.reveal()))
        return refused(auth.header + " is not what the webhook takes");
      return tokenProof("api-key", delivery);
    }
  }
  return refused("the kind of its authentication is not known");
}

}  // namespace belay::triggers
