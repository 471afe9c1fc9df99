#include "agent/steps/NotifyStep.h"

#include <utility>

#include "agent/steps/Fields.h"
#include "common/crypto/Sha256.h"
#include "common/http/RetryAfter.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using runtime::Attempt;
using runtime::StepResult;

namespace {

constexpr std::size_t kAnswerBytesMax = 1u << 20;  // Nobody reads it.

}  // namespace

struct NotifyStep::Message {
  vault::ConnectionPtr connection;
  vault::ResolvedChat chat;
  std::string body;
};

Result<NotifyStep::Message> NotifyStep::read(const Attempt& attempt, vault::ConnectionPtr pinned) const {
  BELAY_ASSIGN(const json::Value values, json::parse(attempt.renderedJson));
  const Fields fields(values, attempt.key.path);
  BELAY_ASSIGN(const std::string name, fields.text("connection"));
  BELAY_ASSIGN(const std::string text, fields.text("text"));
  Message message;
  BELAY_ASSIGN(message.connection,
               steps::connectionOf(world_.connections, attempt, name, std::move(pinned)));
  const auto* kind = std::get_if<vault::ChatConnection>(&message.connection->kind);
  if (!kind) return fields.wrong("connection", "\"" + name + "\" is not of type chat or smtp");
  BELAY_ASSIGN(message.chat, vault::resolve(*kind, world_.secrets));
  json::Value body;
  body.set("text", text);
  if (message.chat.format == vault::ChatFormat::kGeneric) {
    BELAY_ASSIGN(const std::string title, fields.text("title"));
    body.set("type", "belay.notification");
    if (!title.empty()) body.set("title", title);
    body.set("flow", attempt.slug);
    body.set("run", attempt.run.str());
    body.set("step", attempt.key.path);
    if (const json::Value* data = values.find("data")) body.set("data", *data);
  }
  message.body = json::print(body);
  return message;
}

bool NotifyStep::isMail(const Attempt& attempt) const {
  const auto values = json::parse(attempt.renderedJson);
  const std::string name = values && values->isObject() ? values->text("connection") : "";
  const auto found = steps::connectionOf(world_.connections, attempt, name, nullptr);
  return found && (*found)->type() == "smtp";
}

/// Of a request to a chat nothing is left after a crash.
void NotifyStep::recover(const Attempt& attempt) {
  if (isMail(attempt)) return world_.mail.recover(attempt);
  StepResult result;
  result.ok = false;
  result.orderAnew = attempt.effect != flow::EffectClass::kOnce;
  result.ambiguous = !result.orderAnew;
  if (result.ambiguous) {
    result.reason =
        "the daemon ended while the step was in flight, and it is not known whether it took effect";
    engine::Failure& failure = result.failure.emplace();
    failure.code = base::errorText(ErrorCode::kStepAmbiguous);
    failure.message = result.reason;
  }
  world_.sink(attempt.run, attempt.key, std::move(result));
}

std::optional<runtime::Performer::Connection> NotifyStep::connectionOf(
    const Attempt& attempt) const {
  return limitedConnection(world_.connections, attempt);
}

Result<trust::RenderedEffect> NotifyStep::describe(const Attempt& attempt) const {
  if (isMail(attempt)) return world_.mail.describe(attempt);
  BELAY_ASSIGN(const Message message, read(attempt, nullptr));
  pins_.keep(attempt, message.connection);
  trust::HttpEffect effect;
  effect.method = "POST";
  BELAY_ASSIGN(effect.url, http::parseUrl(message.chat.url.reveal()));
  const auto& chat = std::get<vault::ChatConnection>(message.connection->kind);
  if (const auto* secret = std::get_if<vault::SecretRef>(&chat.url)) {
    // Where it goes is for the policy to judge; what is a credential in it is for nobody to read.
    effect.url.target = "/";
    effect.urlSecret = secret->name;
    BELAY_ASSIGN(effect.urlSecretVersion, world_.secrets.secretVersion(secret->name));
  }
  BELAY_TRY(describeConnection(effect, *message.connection, world_.secrets));
  effect.bodyDigest = crypto::sha256(message.body).hex();
  return trust::RenderedEffect{"notify", attempt.slug, attempt.key.path, std::move(effect)};
}

Result<http::ClientRequest> NotifyStep::makeRequest(const Attempt& attempt) const {
  BELAY_ASSIGN(Message message, read(attempt, pins_.take(attempt)));
  http::ClientRequest request;
  request.method = "POST";
  request.url = std::string(message.chat.url.reveal());
  request.connectTimeout = settings_.connectTimeout;
  request.responseBytesMax = kAnswerBytesMax;
  if (attempt.timeoutMs > 0) request.timeout = std::chrono::milliseconds{attempt.timeoutMs};
  request.caFile = message.chat.caFile;
  request.headers.set("Content-Type", "application/json");
  BELAY_ASSIGN(request.proxy, proxyFor(message.chat.proxy));
  limitAddresses(request, message.connection,
                 std::get<vault::ChatConnection>(message.connection->kind).addresses);
  request.body = std::move(message.body);
  if (message.chat.signingSecret) {
    BELAY_TRY(signMessage(request, *message.chat.signingSecret, "msg_" + attempt.idempotencyKey,
                          world_.clock.wallMs()));
  }
  return request;
}

void NotifyStep::start(const Attempt& attempt) {
  if (isMail(attempt)) return world_.mail.start(attempt);
  auto request = makeRequest(attempt);
  if (!request) return world_.calls.refuse(attempt, request.error());
  const std::int64_t startedMs = world_.clock.sinceBoot().count();
  world_.calls.send(attempt, std::move(*request),
                    [this, attempt, startedMs](const http::ClientOutcome& outcome) {
                      return finish(attempt, outcome, startedMs);
                    });
}

void NotifyStep::cancel(const base::RunId& run, const engine::StepKey& key) {
  world_.mail.cancel(run, key);
  world_.calls.cancel(run, key.path);
}

StepResult NotifyStep::finish(const Attempt& attempt, const http::ClientOutcome& outcome,
                              std::int64_t startedMs) const {
  if (!outcome.ok()) return resultOf(attempt, outcome.failure());
  const http::ClientResponse& response = outcome.response();
  StepResult result;
  result.durationMs = world_.clock.sinceBoot().count() - startedMs;
  json::Value output;
  output.set("delivery_id", "msg_" + attempt.idempotencyKey);
  output.set("status", response.status);
  output.set("duration_ms", result.durationMs);
  result.outputJson = json::print(output);
  if (response.status >= 200 && response.status < 300) return result;
  result.ok = false;
  engine::Failure& failure = result.failure.emplace();
  failure.code =
      base::errorText(response.status == 429 ? ErrorCode::kRateLimited : ErrorCode::kHttpStatus);
  failure.kind = failureClassOf(http::retryClassOf(response.status));
  failure.message = "the chat answered " + std::to_string(response.status);
  // A status below 500 says that the receiver did not take the message.
  failure.nothingLeft = response.status < 500;
  if (const auto wait = http::retryAfter(response.headers, world_.clock.wallMs()))
    result.retryAfterMs = wait->count();
  return result;
}

}  // namespace belay::steps
