#include "relay/service/Responses.h"

#include "common/json/Writer.h"
#include "common/wire/Envelope.h"

namespace belay::service {

namespace {

http::ServerResponse respond(int status, std::string text) {
  auto response = http::ServerResponse::of(status, "application/json", std::move(text));
  response.headers.add("Cache-Control", "no-store");
  return response;
}

}  // namespace

http::ServerResponse okResponse(json::Value data, int status) {
  return respond(status, wire::printEnvelope({std::nullopt, std::move(data), {}}) + "\n");
}

http::ServerResponse errorResponse(int status, const base::Error& error, json::Value data) {
  http::ServerResponse response =
      respond(status, wire::printEnvelope({error, std::move(data), {}}) + "\n");
  if (status == 429 || status == 503) response.headers.add("Retry-After", "5");
  if (status == 401) response.headers.add("WWW-Authenticate", "Bearer");
  return response;
}

http::ServerResponse errorResponse(const base::Error& error) {
  return errorResponse(base::errorRow(error.code).httpStatus, error);
}

http::ServerResponse rawResponse(std::string dataJson) {
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("ok", true).rawMember("data", dataJson).name("meta").beginObject();
  writer.member("schema", std::int64_t{wire::kEnvelopeSchema}).endObject().endObject();
  return respond(200, out + "\n");
}

}  // namespace belay::service
