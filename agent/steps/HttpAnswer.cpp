#include "agent/steps/HttpAnswer.h"

#include <algorithm>
#include <utility>

#include "agent/steps/HttpCalls.h"
#include "common/base/Text.h"
#include "common/http/RetryAfter.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using runtime::StepResult;

namespace {

std::string mediaTypeOf(const http::ClientResponse& response) {
  const std::string* type = response.headers.find("Content-Type");
  return type ? Outputs::toUtf8(*type) : "application/octet-stream";
}

}  // namespace

bool HttpAnswer::fine(int status) const {
  const auto& named = wanted_.okStatus;
  return named.empty() ? status >= 200 && status < 300
                       : std::find(named.begin(), named.end(), status) != named.end();
}

void HttpAnswer::take(http::ClientRequest& request) {
  writer_.reset();
  redacting_.reset();
  body_.clear();
  request.onHead = [this](const http::ClientResponse&) { return begin(); };
  request.onBody = [this](std::string_view bytes) { return write(bytes); };
}

Status HttpAnswer::begin() {
  if (wanted_.as != "resource") return {};
  BELAY_ASSIGN(auto redactor, outputs_.redactor());
  redacting_ = std::make_unique<redaction::RedactingStream>(std::move(redactor));
  BELAY_ASSIGN(writer_, outputs_.resources().write(wanted_.bytesMax));
  return {};
}

Status HttpAnswer::write(std::string_view bytes) {
  if (!writer_) {
    body_ += bytes;
    return {};
  }
  const std::string clean = redacting_->push(bytes);
  return clean.empty() ? Status{} : writer_->write(clean);
}

Result<json::Value> HttpAnswer::resourceOf(const std::string& mediaType,
                                           std::vector<journal::ResourceRow>& rows) {
  const std::string rest = redacting_->finish();
  if (!rest.empty()) BELAY_TRY(writer_->write(rest));
  BELAY_ASSIGN(const resources::Resource resource, writer_->commit());
  writer_.reset();
  journal::ResourceRow row = outputs_.rowOf(resource, mediaType, attempt_.key.path + ".body");
  json::Value described = Outputs::describe(row);
  rows.push_back(std::move(row));
  return described;
}

Result<json::Value> HttpAnswer::bodyOf(const http::ClientResponse& response,
                                       std::vector<journal::ResourceRow>& rows) {
  const std::string mediaType = mediaTypeOf(response);
  if (writer_) return resourceOf(mediaType, rows);
  const bool looksJson = mediaType.find("json") != std::string::npos;
  if (wanted_.as == "json" || (wanted_.as == "auto" && looksJson && !body_.empty())) {
    BELAY_ASSIGN(const std::string clean, outputs_.redact(body_));
    auto parsed = json::parse(clean, runtime::kIntakeLimits);
    if (parsed) return parsed;
    // A server that says JSON and sends something else: a person wants to see what it was.
    if (wanted_.as == "json") return std::move(parsed).error().in("body of the response");
  }
  return outputs_.keepText(body_, attempt_.persist, attempt_.key.path + ".body", rows);
}

Result<json::Value> HttpAnswer::headersOf(const http::ClientResponse& response) const {
  json::Value headers{json::Object{}};
  for (const http::HeaderField& field : response.headers.fields()) {
    const std::string name = Outputs::toUtf8(base::toLower(field.name));
    const std::string before = headers.text(name);
    // A server may give back what it was sent.
    BELAY_ASSIGN(const std::string clean, outputs_.redact(field.value));
    const std::string value = Outputs::toUtf8(clean);
    headers.set(name, before.empty() ? value : before + ", " + value);
  }
  return headers;
}

void HttpAnswer::fail(StepResult& result, const std::string& what,
                      const http::ClientResponse& response) const {
  const int status = response.status;
  engine::Failure& failure = *result.failure;
  failure.code = base::errorText(status == 429   ? ErrorCode::kRateLimited
                                 : status == 401 ? ErrorCode::kAuthentication
                                                 : ErrorCode::kHttpStatus);
  failure.kind = failureClassOf(http::retryClassOf(status));
  failure.message = what + " answered " + std::to_string(status);
  // The reason is the server's own text.
  if (const auto reason = outputs_.redact(response.reason)) failure.message += " " + *reason;
  if (status >= 300 && status < 400)
    failure.message += "; set redirects to follow it, or ok_status to take it as it is";
  // The server refused before it did anything.
  failure.nothingLeft = status == 429;
  if (const auto wait = http::retryAfter(response.headers, clock_.wallMs()))
    result.retryAfterMs = wait->count();
}

StepResult HttpAnswer::finish(const std::string& what, const http::ClientResponse& response,
                              std::int64_t startedMs) {
  StepResult result;
  auto body = bodyOf(response, result.resources);
  result.durationMs = clock_.sinceBoot().count() - startedMs;
  json::Value output;
  output.set("status", response.status);
  auto headers = headersOf(response);
  output.set("headers", headers ? std::move(*headers) : json::Value(json::Object{}));
  if (!headers) body = std::move(headers).error();
  if (body) output.set("body", std::move(*body));
  output.set("duration_ms", result.durationMs);
  auto printed = outputs_.print(output);
  if (printed)
    result.outputJson = std::move(*printed);
  else
    body = std::move(printed).error();
  if (fine(response.status) && body) return result;
  result.ok = false;
  engine::Failure& failure = result.failure.emplace();
  if (!fine(response.status)) {
    fail(result, what, response);
  } else {
    failure.code = base::errorText(body.error().code);
    failure.message = body.error().message;
  }
  return result;
}

}  // namespace belay::steps
