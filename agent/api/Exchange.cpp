#include "agent/api/Exchange.h"

#include "common/json/Json.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
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

Result<std::string> releaseMember(const Value& body) {
  const Value* member = body.find("release");
  if (member && member->isInteger()) return json::print(*member);
  return textMember(body, "release");
}

Result<Value> Exchange::bodyObject() const {
  return wire::parseBody(request_.body);
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

}  // namespace belay::api
