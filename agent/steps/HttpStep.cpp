#include "agent/steps/HttpStep.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "agent/steps/Fields.h"
#include "agent/steps/HttpAnswer.h"
#include "agent/steps/HttpBody.h"
#include "agent/trust/AsideRequest.h"
#include "common/base/Text.h"
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
  HttpBody body;
  HttpAnswer::Wanted wanted;
  int redirects = 0;

  /// Null without a connection.
  const vault::HttpConnection* kind() const {
    return connection ? std::get_if<vault::HttpConnection>(&connection->kind) : nullptr;
  }
};

namespace {

constexpr std::int64_t kRedirectsMax = 10;

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

Result<HttpStep::Call> HttpStep::read(const Attempt& attempt, vault::ConnectionPtr pinned) const {
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
    BELAY_ASSIGN(call.connection, steps::connectionOf(world_.connections, attempt, connection, std::move(pinned)));
    const auto* kind = std::get_if<vault::HttpConnection>(&call.connection->kind);
    if (!kind) return fields.wrong("connection", "\"" + connection + "\" is not of type http");
    BELAY_ASSIGN(call.url, vault::connectionUrl(*kind, url));
  }
  BELAY_ASSIGN(call.url.target, withQuery(std::move(call.url.target), values, fields));
  BELAY_ASSIGN(call.headers, fields.valuesOf("headers"));
  BELAY_ASSIGN(call.body, HttpBody::read(values, fields, world_.outputs.resources(),
                                         attempt.idempotencyKey));
  BELAY_ASSIGN(const std::int64_t redirects, fields.integer("redirects", 0));
  if (redirects < 0 || redirects > kRedirectsMax)
    return fields.wrong("redirects", "must be from 0 to " + std::to_string(kRedirectsMax));
  call.redirects = static_cast<int>(redirects);
  BELAY_ASSIGN(call.wanted.as, fields.text("response_as", "auto"));
  const bool streams = call.wanted.as == "resource";
  const std::uint64_t most = streams ? settings_.resourceBytesMax : settings_.responseBytesMax;
  BELAY_ASSIGN(call.wanted.bytesMax, fields.bytes("max_response_bytes", most));
  call.wanted.bound = streams ? "http.resource_max" : "http.response_max";
  if (call.wanted.bytesMax < most) call.wanted.bound = "max_response_bytes";
  call.wanted.bytesMax = std::min(call.wanted.bytesMax, most);
  BELAY_ASSIGN(call.wanted.okStatus, fields.integers("ok_status"));
  return call;
}

std::optional<runtime::Performer::Connection> HttpStep::connectionOf(const Attempt& attempt) const {
  return limitedConnection(world_.connections, attempt);
}

Result<trust::RenderedEffect> HttpStep::describe(const Attempt& attempt) const {
  BELAY_ASSIGN(const Call call, read(attempt, nullptr));
  pins_.keep(attempt, call.connection);
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
  if (!call.body.empty()) effect.bodyDigest = call.body.digest();
  return trust::RenderedEffect{"http", attempt.slug, attempt.key.path, std::move(effect)};
}

Status HttpStep::addHeaders(http::ClientRequest& request, const Call& call) const {
  for (const auto& [name, value] : call.headers) {
    if (const auto* secret = std::get_if<vault::SecretRef>(&value)) {
      BELAY_ASSIGN(const vault::Secret opened, world_.secrets.secret(secret->name));
      request.headers.set(name, std::string(opened.value.reveal()));
      request.secretHeaders.push_back(name);
    } else {
      request.headers.set(name, std::get<std::string>(value));
    }
  }
  return {};
}

Result<http::ClientRequest> HttpStep::makeRequest(const Attempt& attempt, const Call& call) const {
  http::ClientRequest request;
  request.method = call.method;
  request.url = call.url.str();
  call.body.put(request);
  request.connectTimeout = settings_.connectTimeout;
  if (attempt.timeoutMs > 0) request.timeout = std::chrono::milliseconds{attempt.timeoutMs};
  request.responseBytesMax = static_cast<std::size_t>(call.wanted.bytesMax);
  request.redirectsMax = call.redirects;
  request.allowRedirect = [this, &call, &attempt](const http::Url& next) {
    return allowRedirect(call, attempt, next);
  };
  if (const auto* kind = call.kind())
    BELAY_TRY(applyConnection(request, call.connection, *kind, world_.secrets));
  BELAY_TRY(addHeaders(request, call));
  if (!call.body.empty() && !request.headers.has("Content-Type"))
    request.headers.set("Content-Type", call.body.contentType());
  const bool changes = call.method != "GET" && call.method != "HEAD";
  if (changes && !request.headers.has("Idempotency-Key"))
    request.headers.set("Idempotency-Key", attempt.idempotencyKey);
  return request;
}

/// A server says where to go on; what may be asked there is still this host's to say.
Status HttpStep::allowRedirect(const Call& call, const Attempt& attempt,
                               const http::Url& next) const {
  if (const auto* kind = call.kind()) {
    if (vault::connectionUrl(*kind, next.str()).ok()) return {};
    return Error{ErrorCode::kEgressRefused,
                 "the server redirects to " + next.scheme + "://" + next.authority() +
                     ", which is not of connection " + call.connection->name,
                 {"where it is meant, request it in a step of its own"}};
  }
  trust::HttpEffect effect;
  effect.method = call.method;
  effect.url = next;
  const trust::Verdict verdict =
      trust::checkAside(world_.policy, effect, attempt.slug, attempt.key.path, world_.clock.wallMs());
  if (verdict.allowed) return {};
  return Error{ErrorCode::kEgressRefused, "a redirect: " + verdict.message, {verdict.change}};
}

StepResult HttpStep::perform(const Attempt& attempt, const Call& call, http::Client& client,
                             const base::CancelToken& cancel) const {
  const std::int64_t startedMs = world_.clock.sinceBoot().count();
  auto request = makeRequest(attempt, call);
  if (!request) return refusalOf(request.error());
  request->cancel = &cancel;
  HttpAnswer answer(world_.outputs, world_.clock, attempt, call.wanted);
  for (const bool last : {false, true}) {
    answer.take(*request);
    if (const auto* kind = call.kind()) {
      const Status authorized = world_.tokens.authorize(*request, call.connection, *kind, client);
      if (!authorized) return refusalOf(authorized.error());
    }
    const http::ClientOutcome outcome = client.send(*request);
    if (!outcome.ok()) {
      StepResult result = resultOf(attempt, outcome.failure());
      if (outcome.failure().error.code == ErrorCode::kHttpBodyTooLarge)
        result.failure->message += " (" + call.wanted.bound + ")";
      return result;
    }
    // A token may end before its time. 401 means that nothing was done.
    const bool again = !last && outcome.response().status == 401 && call.kind() &&
                       call.kind()->auth.kind == vault::HttpAuth::Kind::kOAuth2;
    if (!again) return answer.finish(call.method + " " + call.url.str(), outcome.response(), startedMs);
    world_.tokens.forget(*call.connection);
  }
  return {};
}

void HttpStep::start(const Attempt& attempt) {
  auto call = read(attempt, pins_.take(attempt));
  if (!call) return world_.calls.refuse(attempt, call.error());
  const auto shared = std::make_shared<const Call>(std::move(*call));
  world_.calls.perform(
      attempt, [this, attempt, shared](http::Client& client, const base::CancelToken& cancel) {
        return perform(attempt, *shared, client, cancel);
      });
}

void HttpStep::cancel(const base::RunId& run, const engine::StepKey& key) {
  world_.calls.cancel(run, key.path);
}

}  // namespace belay::steps
