#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"
#include "common/json/Json.h"

namespace belay::cli {

using base::Result;

namespace {

constexpr Flag kFlags[] = {
    {"body", 0, "JSON", "what the run gets as the callback's body (null)"},
    {"body-file", 0, "FILE", "the same from a file; \"-\" is standard input"},
};

/// The token comes from the environment: what stands in argv is there for all to read.
Result<api::Envelope> callBack(Invocation& invocation) {
  BELAY_ASSIGN(const json::Value body, readJsonFlag(invocation, "body"));
  ApiRequest request;
  request.method = "POST";
  request.target = pathOf("/v1/callbacks", invocation.argument(0));
  request.body = json::print(body);
  if (const auto token = invocation.world().environment("BELAY_CALLBACK_TOKEN");
      token && !token->empty()) {
    request.headers.emplace_back("Authorization", "Bearer " + *token);
  }
  return invocation.send(request);
}

std::string print(const Invocation& invocation, const json::Value& data) {
  return "answered " + invocation.style().bold(data.text("wait")) + "\n";
}

}  // namespace

const Command kCallbackCommand{
    "callback",
    "WAIT",
    "answer a wait of kind callback",
    "A job that was given BELAY_CALLBACK_TOKEN answers with it; operators need no token.",
    kFlags,
    &callBack,
    &print,
    Completes::kWait};

}  // namespace belay::cli
