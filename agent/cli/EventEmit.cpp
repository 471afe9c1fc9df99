#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/RunPages.h"

namespace belay::cli {

using base::Result;

namespace {

constexpr Flag kFlags[] = {
    {"body", 0, "JSON", "the event's body (null)"},
    {"body-file", 0, "FILE", "the same from a file; \"-\" is standard input"},
};

Result<api::Envelope> emit(Invocation& invocation) {
  BELAY_ASSIGN(json::Value content, readJsonFlag(invocation, "body"));
  json::Value body;
  body.set("name", invocation.argument(0)).set("body", std::move(content));
  return invocation.post("/v1/events", body);
}

std::string print(const Invocation& invocation, const json::Value& data) {
  std::string out =
      shown(data.text("name")) + " answered " + std::to_string(data.integer("answered")) + " waits";
  const json::Value* runs = data.find("runs");
  const bool any = runs && runs->isArray() && !runs->asArray().empty();
  if (any) out += " and started " + std::to_string(runs->asArray().size()) + " runs";
  out += "\n";
  if (any) {
    for (const json::Value& run : runs->asArray()) out += shown(run.asString()) + "\n";
  }
  const json::Value* refused = data.find("refused");
  if (refused && refused->isArray()) {
    for (const json::Value& one : refused->asArray()) {
      invocation.note("flow " + shown(one.text("flow")) + " was not started: " +
                      shown(one.text("message")) + " [" + one.text("code") + "]");
    }
  }
  const json::Value* skipped = data.find("skipped");
  if (skipped && skipped->isArray()) {
    for (const json::Value& one : skipped->asArray())
      invocation.note("flow " + shown(one.text("flow")) + " was " + skippedText(one));
  }
  return out;
}

}  // namespace

const Command kEventEmitCommand{
    "event emit",
    "NAME",
    "emit an event to the waits and flows that are for it",
    "Runs that wait for it go on, and the live flows with an `event` trigger of this name start.",
    kFlags,
    &emit,
    &print};

}  // namespace belay::cli
