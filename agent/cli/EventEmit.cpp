#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"

namespace belay::cli {

using base::Result;

namespace {

constexpr Flag kFlags[] = {
    {"body", 0, "JSON", "what the waits get as the event's body (null)"},
    {"body-file", 0, "FILE", "the same from a file; \"-\" is standard input"},
};

Result<api::Envelope> emit(Invocation& invocation) {
  BELAY_ASSIGN(json::Value content, readJsonFlag(invocation, "body"));
  json::Value body;
  body.set("name", invocation.argument(0)).set("body", std::move(content));
  return invocation.post("/v1/events", body);
}

std::string print(const Invocation&, const json::Value& data) {
  return shown(data.text("name")) + " answered " + std::to_string(data.integer("answered")) +
         " waits\n";
}

}  // namespace

const Command kEventEmitCommand{
    "event emit", "NAME", "emit an event to the waits that are for it", "", kFlags, &emit, &print};

}  // namespace belay::cli
