#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/RunPages.h"

namespace belay::cli {

namespace {

constexpr Flag kFlags[] = {
    {"as", 0, "WORD", "succeeded, failed, or retry: make another attempt"},
    {"note", 0, "TEXT", "how you know; it is journaled"},
};

base::Result<api::Envelope> resolve(Invocation& invocation) {
  if (!invocation.has("as")) {
    return base::Error{base::ErrorCode::kUsage,
                       "say what became of the step: --as succeeded, failed or retry",
                       {"belay run show " + invocation.argument(0)}};
  }
  json::Value body;
  body.set("step", invocation.argument(1)).set("as", invocation.flag("as"));
  if (invocation.has("note")) body.set("note", invocation.flag("note"));
  return invocation.post(pathOf("/v1/runs", invocation.argument(0), "/resolve"), body);
}

std::string print(const Invocation& invocation, const json::Value& data) {
  return runLine(invocation.style(), "resolved " + invocation.argument(1) + " of", data);
}

}  // namespace

const Command kRunResolveCommand{
    "run resolve",
    "RUN STEP",
    "say what became of a step that may or may not have taken effect",
    "A step of class `once` whose outcome was lost in a crash is ambiguous: it is neither repeated "
    "nor taken for done until somebody has looked and says which.",
    kFlags,
    &resolve,
    &print,
    Completes::kRun};

}  // namespace belay::cli
