#include "agent/steps/HttpStep.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "agent/steps/Fields.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/http/RetryAfter.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using runtime::Attempt;
using runtime::StepResult;

struct HttpStep::Call {
  std::string method = "GET";
  http::Url url;
  vault::ConnectionPtr connection;
  std::vector<std::pair<std::string, vault::TextOrSecret>> headers;
  std::string body;
  std::string contentType;  ///< Of the body, where the step did not set one.
  std::string responseAs;
  std::uint64_t responseBytesMax = 0;
  std::vector<std::int64_t> okStatus;
};

namespace {

Result<vault::ConnectionPtr> findConnection(const vault::ConnectionStore& store,
                                                const Attempt& attempt, const std::string& name) {
  const auto bound = attempt.bindings.find(name);
  return store.find(bound == attempt.bindings.end() ? name : bound->second);
}

/// Adds `query` to a target, encoded.
Result<std::string> withQuery(std::string target, const json::Value& values, const Fields& fields) {
  const json::Value* query = values.find("query");
  if (!query || query->isNull()) return target;
  if (!query->isObject()) return fields.wrong("query", "must hold names and values");
  char separator = target.find('?') == std::string::npos ? '?' : '&';
  for (const json::Member& member : query->asObject()) {
    const json::Array one{member.second};
    for (const json::Value& item : member.second.isArray() ? member.second.asArray() : one) {
      if (item.isNull()) continue;
      const auto text = asText(item);
      if (!text)
        return fields.wrong("query." + member.first, "must be a text, a number or a list of them");
      target += separator + http::percentEncode(member.first) + "=" + http::percentEncode(*text);
      separator = '&';
    }
  }
  return target;
}

}  // namespace

Result<HttpStep::Call> HttpStep::read(const Attempt& attempt) const {
  BELAY_ASSIGN(const json::Value values, json::parse(attempt.renderedJson));
  const Fields fields(values, attempt.key.path);
  Call call;
  BELAY_ASSIGN(call.method, fields.text("method", "GET"));
  std::transform(call.method.begin(), call.method.end(), call.method.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  BELAY_ASSIGN(const std::string url, fields.text("url"));
  BELAY_ASSIGN(const std::string connection, fields.text("connection"));
  if (connection.empty()) {
    BELAY_ASSIGN(call.url, http::parseUrl(url));
  } else {
    BELAY_ASSIGN(call.connection, findConnection(world_.connections, attempt, connection));
    const auto* kind = std::get_if<vault::HttpConnection>(&call.connection->kind);
    if (!kind) return fields.wrong("connection", "\"" + connection + "\" is not of type http");
    BELAY_ASSIGN(call.url, vault::connectionUrl(*kind, url));
  }
  BELAY_ASSIGN(call.url.target, withQuery(std::move(call.url.target), values, fields));
  BELAY_ASSIGN(call.headers, fields.valuesOf("headers"));
  if (fields.has("json")) {
    call.body = json::print(*values.find("json"));
    call.contentType = "application/json";
  } else {
    BELAY_ASSIGN(call.body, fields.text("body"));
    if (!call.body.empty()) call.contentType = "text/plain; charset=utf-8";
  }
  BELAY_ASSIGN(call.responseAs, fields.text("response_as", "auto"));
  BELAY_ASSIGN(call.responseBytesMax,
               fields.bytes("max_response_bytes", settings_.responseBytesMax));
  call.responseBytesMax = std::min(call.responseBytesMax, settings_.responseBytesMax);
  BELAY_ASSIGN(call.okStatus, fields.integers("ok_status"));
  return call;
}

std::optional<runtime::Performer::Connection> HttpStep::connectionOf(const Attempt& attempt) const {
  return limitedConnection(world_.connections, attempt);
}

Result<trust::RenderedEffect> HttpStep::describe(const Attempt& attempt) const {
  BELAY_ASSIGN(const Call call, read(attempt));
  trust::HttpEffect effect;
  effect.method = call.method;
  effect.url = call.url;
  if (call.connection) BELAY_TRY(describeConnection(effect, *call.connection, world_.secrets));
  for (const auto& [name, value] : call.headers) {
    trust::EffectValue shown;
    shown.name = name;
    if (const auto* secret = std::get_if<vault::SecretRef>(&value)) {
      shown.secret = secret->name;
      BELAY_ASSIGN(shown.secretVersion, world_.secrets.secretVersion(secret->name));
    } else {
      shown.text = std::get<std::string>(value);
    }
    effect.headers.push_back(std::move(shown));
  }
  if (!call.body.empty()) effect.bodyDigest = crypto::sha256(call.body).hex();
  return trust::RenderedEffect{"http", attempt.slug, attempt.key.path, std::move(effect)};
}

Result<http::ClientRequest> HttpStep::makeRequest(const Attempt& attempt, const Call& call) const {
  http::ClientRequest request;
  request.method = call.method;
  request.url = call.url.str();
  request.body = call.body;
  request.connectTimeout = settings_.connectTimeout;
  if (attempt.timeoutMs > 0) request.timeout = std::chrono::milliseconds{attempt.timeoutMs};
  request.responseBytesMax = static_cast<std::size_t>(call.responseBytesMax);
  if (call.connection) {
    const auto& kind = std::get<vault::HttpConnection>(call.connection->kind);
    BELAY_TRY(applyConnection(request, kind, world_.secrets));
  }
  for (const auto& [name, value] : call.headers) {
    if (const auto* secret = std::get_if<vault::SecretRef>(&value)) {
      BELAY_ASSIGN(const vault::Secret opened, world_.secrets.secret(secret->name));
      request.headers.set(name, std::string(opened.value.reveal()));
      request.secretHeaders.push_back(name);
    } else {
      request.headers.set(name, std::get<std::string>(value));
    }
  }
  if (!call.contentType.empty() && !request.headers.has("Content-Type")) {
    request.headers.set("Content-Type", call.contentType);
  }
  const bool changes = call.method != "GET" && call.method != "HEAD";
  if (changes && !request.headers.has("Idempotency-Key")) {
    request.headers.set("Idempotency-Key", attempt.idempotencyKey);
  }
  return request;
}

void HttpStep::start(const Attempt& attempt) {
  auto call = read(attempt);
  if (!call) return world_.calls.refuse(attempt, call.error());
  auto request = makeRequest(attempt, *call);
  if (!request) return world_.calls.refuse(attempt, request.error());
  const std::int64_t startedMs = world_.clock.sinceBoot().count();
  const auto shared = std::make_shared<Call>(std::move(*call));
  world_.calls.send(attempt, std::move(*request),
                    [this, attempt, shared, startedMs](http::ClientOutcome outcome) {
                      return finish(attempt, *shared, std::move(outcome), startedMs);
                    });
}

void HttpStep::cancel(const base::RunId& run, const engine::StepKey& key) {
  world_.calls.cancel(run, key.path);
}

Result<json::Value> HttpStep::bodyOf(const Attempt& attempt, const Call& call,
                                     const http::ClientResponse& response,
                                     std::vector<journal::ResourceRow>& rows) const {
  const std::string* type = response.headers.find("Content-Type");
  const std::string mediaType = type ? *type : "application/octet-stream";
  const std::string name = attempt.key.path + ".body";
  if (call.responseAs == "resource") {
    BELAY_ASSIGN(journal::ResourceRow row, world_.outputs.store(response.body, mediaType, name));
    json::Value described = Outputs::describe(row);
    rows.push_back(std::move(row));
    return described;
  }
  const bool looksJson = mediaType.find("json") != std::string::npos;
  if (call.responseAs == "json" ||
      (call.responseAs == "auto" && looksJson && !response.body.empty())) {
    BELAY_ASSIGN(const std::string clean, world_.outputs.redact(response.body));
    auto parsed = json::parse(clean);
    if (parsed) return parsed;
    // A server that says JSON and sends something else: a person wants to see what it was.
    if (call.responseAs == "json") return std::move(parsed).error().in("body of the response");
  }
  return world_.outputs.keepText(response.body, attempt.persist, name, rows);
}

Result<json::Value> HttpStep::headersOf(const http::ClientResponse& response) const {
  json::Value headers{json::Object{}};
  for (const http::HeaderField& field : response.headers.fields()) {
    const std::string name = base::toLower(field.name);
    const std::string before = headers.text(name);
    // A server may give back what it was sent.
    BELAY_ASSIGN(const std::string value, world_.outputs.redact(field.value));
    headers.set(name, before.empty() ? value : before + ", " + value);
  }
  return headers;
}

StepResult HttpStep::finish(const Attempt& attempt, const Call& call, http::ClientOutcome outcome,
                            std::int64_t startedMs) const {
  if (!outcome.ok()) return resultOf(attempt, outcome.failure());
  const http::ClientResponse& response = outcome.response();
  StepResult result;
  result.durationMs = world_.clock.sinceBoot().count() - startedMs;
  auto body = bodyOf(attempt, call, response, result.resources);
  json::Value output;
  output.set("status", response.status);
  auto headers = headersOf(response);
  output.set("headers", headers ? std::move(*headers) : json::Value(json::Object{}));
  if (!headers) body = std::move(headers).error();
  if (body) output.set("body", std::move(*body));
  output.set("duration_ms", result.durationMs);
  result.outputJson = json::print(output);

  const bool named =
      std::find(call.okStatus.begin(), call.okStatus.end(), response.status) != call.okStatus.end();
  const bool fine = call.okStatus.empty() ? response.status < 400 : named;
  if (fine && body) return result;
  result.ok = false;
  engine::Failure& failure = result.failure.emplace();
  if (!fine) {
    failure.code =
        base::errorText(response.status == 429 ? ErrorCode::kRateLimited : ErrorCode::kHttpStatus);
    failure.kind = failureClassOf(http::retryClassOf(response.status));
    failure.message = call.method + " " + call.url.str() + " answered " +
                      std::to_string(response.status) + " " + response.reason;
    // The server refused before it did anything.
    failure.nothingLeft = response.status == 429;
    if (const auto wait = http::retryAfter(response.headers, world_.clock.wallMs()))
      result.retryAfterMs = wait->count();
  } else {
    failure.code = base::errorText(body.error().code);
    failure.message = body.error().message;
  }
  return result;
}

}  // namespace belay::steps
