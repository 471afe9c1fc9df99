#include "agent/steps/HttpConnectionTests.h"

#include <string>
#include <utility>

#include "agent/steps/HttpCalls.h"
#include "agent/vault/WebhookSignature.h"
#include "agent/trust/AsideRequest.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::chrono::seconds kTimeout{20};
constexpr std::size_t kBodyBytesMax = 1u << 20;

/// Nobody's flow asks, so rules that name flows do not allow it.
Status checkPolicy(const HttpTestWorld& world, const vault::Connection& connection,
                   trust::HttpEffect effect) {
  BELAY_TRY(describeConnection(effect, connection, world.secrets));
  return trust::checkAside(world.policy, effect, "", "connection test", world.clock.wallMs()).status();
}

Result<json::Value> judge(const http::ClientResponse& response, const std::string& shown) {
  const std::string answered = shown + " answered " + std::to_string(response.status);
  if (response.status == 401 || response.status == 403 || response.status == 407)
    return Error{ErrorCode::kAuthentication, answered};
  if (response.status >= 500) return Error{ErrorCode::kHttpStatus, answered};
  json::Value out;
  out.set("detail", answered).set("status", response.status);
  return out;
}

Result<json::Value> send(const HttpTestWorld& world, http::ClientRequest request,
                         const std::string& shown, std::string* body = nullptr) {
  request.timeout = kTimeout;
  request.responseBytesMax = kBodyBytesMax;
  const auto startedMs = world.clock.sinceBoot();
  http::ClientOutcome outcome = world.client.send(request);
  if (!outcome.ok()) return outcome.failure().error;
  BELAY_ASSIGN(json::Value out, judge(outcome.response(), shown));
  if (body) *body = std::move(outcome.response().body);
  out.set("duration_ms", static_cast<std::int64_t>((world.clock.sinceBoot() - startedMs).count()));
  return out;
}

Result<json::Value> testChat(const HttpTestWorld& world, const vault::ConnectionPtr& shared) {
  const vault::Connection& connection = *shared;
  const auto& kind = std::get<vault::ChatConnection>(connection.kind);
  BELAY_ASSIGN(const vault::ResolvedChat chat, vault::resolve(kind, world.secrets));
  json::Value body;
  body.set("text", "This is a test of the connection " + connection.name + ".");
  if (kind.format == vault::ChatFormat::kGeneric) body.set("type", "belay.notification");
  http::ClientRequest request;
  request.method = "POST";
  request.url = std::string(chat.url.reveal());
  request.caFile = chat.caFile;
  request.body = json::print(body);
  request.headers.set("Content-Type", "application/json");
  trust::HttpEffect effect;
  effect.method = "POST";
  BELAY_ASSIGN(effect.url, http::parseUrl(request.url));
  effect.url.target = "/";
  effect.bodyDigest = crypto::sha256(request.body).hex();
  const std::string shown = effect.url.scheme + "://" + effect.url.authority();
  BELAY_TRY(checkPolicy(world, connection, std::move(effect)));
  BELAY_ASSIGN(request.proxy, proxyFor(chat.proxy));
  limitAddresses(request, shared, kind.addresses);
  if (chat.signingSecret)
    BELAY_TRY(signMessage(request, *chat.signingSecret, "msg_test", world.clock.wallMs()));
  return send(world, std::move(request), shown);
}

}  // namespace

Result<json::Value> askBelow(const HttpTestWorld& world, const vault::ConnectionPtr& connection,
                             const vault::HttpConnection& kind, const std::string& path,
                             std::string* body) {
  http::ClientRequest request;
  trust::HttpEffect effect;
  effect.method = "GET";
  effect.url = kind.baseUrl;
  if (!path.empty()) {
    BELAY_ASSIGN(effect.url, vault::connectionUrl(kind, path));
  }
  const std::string shown = effect.url.str();
  request.url = shown;
  BELAY_TRY(checkPolicy(world, *connection, std::move(effect)));
  BELAY_TRY(applyConnection(request, connection, kind, world.secrets));
  // A new token: it is the credentials that are tried.
  world.tokens.forget(*connection);
  BELAY_TRY(world.tokens.authorize(request, connection, kind, world.client));
  return send(world, std::move(request), shown, body);
}

void addHttpTests(ConnectionTests& tests, const HttpTestWorld& world) {
  tests.add("http", [world](const vault::ConnectionPtr& one) {
    const auto& kind = std::get<vault::HttpConnection>(one->kind);
    return askBelow(world, one, kind, kind.testPath, nullptr);
  });
  tests.add("chat", [world](const vault::ConnectionPtr& one) { return testChat(world, one); });
}

}  // namespace belay::steps
