#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/WaitPages.h"

namespace belay::cli {

namespace {

base::Result<api::Envelope> showWait(Invocation& invocation) {
  return invocation.get(pathOf("/v1/waits", invocation.argument(0)));
}

std::string print(const Invocation& invocation, const json::Value& data) {
  const json::Value* wait = data.find("wait");
  if (!wait) return "";
  return waitPage(invocation.style(), *wait, invocation.nowMs(), invocation.arguments().place);
}

}  // namespace

const Command kWaitShowCommand{
    "wait show",
    "WAIT",
    "show what a wait asks, and how to answer it",
    "WAIT is the id of a wait or the beginning of one, or of a run that has one open wait.",
    {},
    &showWait,
    &print,
    Completes::kWait};

}  // namespace belay::cli
