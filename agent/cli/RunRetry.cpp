#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/RunPages.h"

namespace belay::cli {

namespace {

constexpr Flag kFlags[] = {
    {"from", 0, "STEP", "go on from this step instead of the one that failed"}};

base::Result<api::Envelope> retry(Invocation& invocation) {
  json::Value body{json::Object{}};
  if (invocation.has("from")) body.set("from", invocation.flag("from"));
  return invocation.post(pathOf("/v1/runs", invocation.argument(0), "/retry"), body);
}

std::string print(const Invocation& invocation, const json::Value& data) {
  return runLine(invocation.style(), "retried", data);
}

}  // namespace

const Command kRunRetryCommand{
    "run retry",
    "RUN",
    "let a run that failed, was stopped or cancelled go on",
    "The step is visited again with the outputs of the steps before it; nothing that succeeded is "
    "done twice.",
    kFlags,
    &retry,
    &print,
    Completes::kRun};

}  // namespace belay::cli
