#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/RunPages.h"

namespace belay::cli {

namespace {

constexpr Flag kFlags[] = {
    {"with", 0, "WHICH", "another content: live, draft, the number or digest of a release"}};

base::Result<api::Envelope> replay(Invocation& invocation) {
  json::Value body{json::Object{}};
  if (invocation.has("with")) body.set("with", invocation.flag("with"));
  return invocation.post(pathOf("/v1/runs", invocation.argument(0), "/replay"), body);
}

std::string print(const Invocation& invocation, const json::Value& data) {
  if (data.flag("skipped")) {
    invocation.note(skippedText(data));
    return "";
  }
  const json::Value* row = data.find("run");
  if (row && invocation.quiet()) return row->text("id") + "\n";
  return runLine(invocation.style(), data.flag("queued") ? "queued" : "started", data);
}

}  // namespace

const Command kRunReplayCommand{
    "run replay",
    "RUN",
    "start a new run with the input and the content that an earlier one had",
    "Everything is done again, effects too. To go on from where a run failed: `run retry`. To see "
    "what it would do, without doing it: `flow test FILE --from RUN`.",
    kFlags,
    &replay,
    &print,
    Completes::kRun};

}  // namespace belay::cli
