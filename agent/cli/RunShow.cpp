#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/RunPages.h"

namespace belay::cli {

namespace {

constexpr Flag kFlags[] = {
    {"step", 0, "STEP", "one step in full: what was rendered, attempts, output"},
    {"full", 0, "",
     "with --json: values longer than 2 KiB, too; an output that is a resource stays output_ref"},
};

base::Result<api::Envelope> showRun(Invocation& invocation) {
  Target target(pathOf("/v1/runs", invocation.argument(0)));
  if (invocation.has("step")) target.add("step", invocation.flag("step"));
  if (invocation.has("full")) target.add("outputs", "full");
  return invocation.get(target.str());
}

std::string print(const Invocation& invocation, const json::Value& data) {
  if (invocation.has("step")) return stepPage(invocation.style(), data, invocation.nowMs());
  return runPage(invocation.style(), data, invocation.nowMs());
}

}  // namespace

const Command kRunShowCommand{
    "run show",
    "RUN",
    "show a run: its steps, why it is where it is, what to do next",
    "RUN is an id or the beginning of one. Reads the journal itself when no daemon runs.",
    kFlags,
    &showRun,
    &print,
    Completes::kRun};

}  // namespace belay::cli
