#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "common/http/Message.h"
#include "common/json/Json.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

Result<api::Envelope> configure(Invocation& invocation) {
  api::Envelope out;
  json::Array bindings;
  const std::string& slug = invocation.argument(0);
  for (std::size_t i = 1; invocation.positional(i); ++i) {
    const std::string& pair = invocation.argument(i);
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error{ErrorCode::kUsage, "a binding is NAME=CONNECTION, not \"" + shown(pair) + "\"",
                   {"belay flow show " + slug, "belay connection list"}};
    }
    Value body;
    body.set("connection", pair.substr(equals + 1));
    ApiRequest request;
    request.method = "PUT";
    request.target = pathOf("/v1/flows", slug, "/bindings/" + http::percentEncode(pair.substr(0, equals)));
    request.body = json::print(body);
    BELAY_ASSIGN(api::Envelope bound, invocation.send(request));
    if (bound.error) return bound;
    bindings.push_back(std::move(bound.data));
  }
  out.data.set("flow", slug).set("bindings", std::move(bindings));
  return out;
}

std::string print(const Invocation&, const Value& data) {
  std::string out;
  for (const Value& binding : data.find("bindings")->asArray()) {
    out += shown(data.text("flow")) + ": " + shown(binding.text("name")) + " is " + shown(binding.text("connection")) + "\n";
  }
  return out;
}

}  // namespace

const Command kFlowConfigureCommand{
    "flow configure", "SLUG NAME=CONNECTION…", "bind what a flow requires to connections of this host",
    "Connections are defined in the settings; `belay connection list` shows them.", {}, &configure,
    &print, Completes::kFlow};

}  // namespace belay::cli
