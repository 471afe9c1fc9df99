#include "agent/runtime/WaitAnswers.h"

#include <utility>

#include "common/base/Units.h"
#include "common/json/Json.h"
#include "common/json/Schema.h"
#include "common/json/Writer.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Status;
using engine::WaitAnswer;

namespace {

Status checkSchema(const json::Value& schema, json::Value& value, const std::string& what) {
  auto compiled = json::Schema::compile(schema);
  if (!compiled) return std::move(compiled).error().in(what);
  const auto violations = compiled->coerce(value);
  if (!violations.empty()) {
    return Error{ErrorCode::kSchemaViolation, what + ": " + json::describe(violations)};
  }
  return {};
}

}  // namespace

Status checkForm(const json::Value& request, json::Value& form, bool approves) {
  if (form.isNull()) form = json::Value(json::Object{});
  const bool empty = form.isObject() && form.asObject().empty();
  const json::Value* schema = request.find("form");
  if (!schema) {
    if (empty) return {};
    return Error{ErrorCode::kSchemaViolation,
                 "the request has no form, so the decision may have no values"};
  }
  json::Value given = form;
  Status fits = checkSchema(*schema, form, "the form");
  if (fits || approves) return fits;
  // The whole form first: so it was when a rejection had to fill it in, and its defaults count.
  form = std::move(given);
  if (empty) return {};
  json::Value partial = *schema;
  partial.erase("required");
  return checkSchema(partial, form, "the form");
}

Status checkBody(const json::Value& request, std::string& bodyJson) {
  BELAY_ASSIGN(json::Value body, json::parse(bodyJson));
  if (const json::Value* schema = request.find("schema")) {
    BELAY_TRY(checkSchema(*schema, body, "the body"));
  }
  bodyJson = json::print(body);
  return {};
}

std::optional<std::string> givesUp(const std::string& bodyJson) {
  const auto body = json::parse(bodyJson.empty() ? "null" : bodyJson);
  const json::Value* failed = body ? body->find("failed") : nullptr;
  if (!failed || !failed->isString() || body->asObject().size() != 1) return std::nullopt;
  return failed->asString();
}

std::string decisionBody(const json::Value& form, const std::string& comment,
                         const std::vector<crypto::Digest>& unseen) {
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("comment", comment).name("form").value(form);
  if (!unseen.empty()) {
    writer.name("unseen").beginArray();
    for (const crypto::Digest& each : unseen) writer.string(each.hex());
    writer.endArray();
  }
  writer.endObject();
  return out;
}

std::string eventJson(std::string_view name, std::string_view bodyJson, std::int64_t atMs) {
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("name", name).rawMember("body", bodyJson);
  writer.member("at", base::formatInstant(atMs)).endObject();
  return out;
}

std::string waitOutput(const engine::WaitOpened& opened, const engine::WaitResolved& resolved,
                       std::int64_t atMs) {
  std::string out;
  json::Writer writer(out);
  writer.beginObject();
  const bool timedOut = resolved.answer == WaitAnswer::kTimedOut;
  if (opened.kind == flow::WaitKind::kApproval) {
    writer.member("approved", resolved.answer == WaitAnswer::kApproved)
        .member("timed_out", timedOut);
    if (!resolved.by.empty()) writer.member("by", resolved.by);
    const auto body = json::parse(resolved.bodyJson.empty() ? "{}" : resolved.bodyJson);
    BELAY_CHECK(body.ok());
    if (body->find("comment")) writer.member("comment", body->text("comment"));
    for (const char* name : {"form", "unseen"}) {
      if (const json::Value* value = body->find(name)) writer.name(name).value(*value);
    }
  } else if (opened.kind != flow::WaitKind::kTime) {
    writer.member("timed_out", timedOut);
    if (!resolved.bodyJson.empty()) writer.rawMember("body", resolved.bodyJson);
  }
  writer.member("at", base::formatInstant(atMs)).endObject();
  return out;
}

std::optional<engine::Failure> waitFailure(const engine::WaitOpened& opened,
                                           const engine::WaitResolved& resolved,
                                           bool failOnReject) {
  engine::Failure failure;
  failure.nothingLeft = opened.review;
  if (resolved.answer == WaitAnswer::kTimedOut && opened.onTimeout == flow::OnTimeout::kFail) {
    failure.code = base::errorText(ErrorCode::kWaitTimeout);
    failure.kind = flow::FailureClass::kTimeout;
    failure.message = "nobody answered the wait of step " + opened.key.path + " in time";
    return failure;
  }
  // Only a handoff, of the waits for a body, fails by its answer.
  const bool task = failOnReject && opened.kind == flow::WaitKind::kCallback;
  if (const auto why = task ? givesUp(resolved.bodyJson) : std::nullopt) {
    failure.code = base::errorText(ErrorCode::kStepFailed);
    failure.message = "the task of step " + opened.key.path + " failed: " + *why;
    return failure;
  }
  const bool denied =
      resolved.answer == WaitAnswer::kRejected ||
      (resolved.answer == WaitAnswer::kTimedOut && opened.onTimeout == flow::OnTimeout::kReject);
  if (denied && failOnReject) {
    failure.code = base::errorText(ErrorCode::kWaitRejected);
    failure.message = "the approval of step " + opened.key.path + " was rejected" +
                      (resolved.by.empty() ? " by silence" : " by " + resolved.by);
    return failure;
  }
  return std::nullopt;
}

}  // namespace belay::runtime
