#include "agent/api/Exchange.h"

#include <algorithm>

#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

http::ServerResponse envelopeResponse(int status, const Envelope& envelope) {
  http::ServerResponse response =
      http::ServerResponse::of(status, "application/json", printEnvelope(envelope) + "\n");
  response.headers.add("Cache-Control", "no-store");
  return response;
}

http::ServerResponse errorResponse(int status, const Error& error) {
  return envelopeResponse(status, Envelope{error, {}, {}});
}

Result<Value> Exchange::bodyObject() const {
  if (request_.body.empty()) return Value(json::Object{});
  BELAY_ASSIGN(Value body, json::parse(request_.body));
  if (!body.isObject()) {
    return Error{ErrorCode::kInvalidArgument,
                 "the body must be a JSON object, it is " + std::string(json::kindName(body))};
  }
  return body;
}

void Exchange::ok(Value data, Value meta, int status) {
  if (meta.isNull()) meta = Value(json::Object{});
  meta.set("source", "daemon");
  responder_.send(
      envelopeResponse(status, Envelope{std::nullopt, std::move(data), std::move(meta)}));
}

void Exchange::fail(const Error& error, Value data) {
  // Codes of runs that failed carry 200 in the table: as an answer to a request they are errors.
  const int listed = base::errorRow(error.code).httpStatus;
  const int status = listed < 400 ? 409 : listed;
  responder_.send(envelopeResponse(status, Envelope{error, std::move(data), {}}));
}

void Exchange::answer(Result<Value> result) {
  if (result)
    ok(std::move(*result));
  else
    fail(result.error());
}

Status checkMembers(const Value& body, std::string_view names) {
  const auto known = names.empty() ? std::vector<std::string_view>() : base::split(names, ' ');
  for (const json::Member& member : body.asObject()) {
    if (std::find(known.begin(), known.end(), member.first) != known.end()) continue;
    std::string message = "the body may not have \"" + base::visible(member.first) + "\"";
    if (const auto near = base::nearest(member.first, known))
      message += "; did you mean \"" + *near + "\"?";
    return Error{ErrorCode::kInvalidArgument, std::move(message)};
  }
  return {};
}

Result<std::string> textMember(const Value& body, std::string_view name, bool required) {
  const Value* member = body.find(name);
  if (!member) {
    if (!required) return std::string();
    return Error{ErrorCode::kInvalidArgument, "the body lacks \"" + std::string(name) + "\""};
  }
  if (member->isString()) return member->asString();
  return Error{ErrorCode::kInvalidArgument, "\"" + std::string(name) +
                                                "\" must be a string, it is " +
                                                std::string(json::kindName(*member))};
}

Result<bool> flagMember(const Value& body, std::string_view name) {
  const Value* member = body.find(name);
  if (!member) return false;
  if (member->isBool()) return member->asBool();
  return Error{ErrorCode::kInvalidArgument, "\"" + std::string(name) +
                                                "\" must be true or false, it is " +
                                                std::string(json::kindName(*member))};
}

}  // namespace belay::api
