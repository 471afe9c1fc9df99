#include "agent/cli/Commands.h"
#include "agent/cli/FlowFiles.h"

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

Result<api::Envelope> push(Invocation& invocation) {
  BELAY_ASSIGN(const Value body, readFlowFile(invocation, invocation.argument(0)));
  return invocation.post("/v1/flows", body);
}

std::string print(const Invocation& invocation, const Value& data) {
  if (data.find("diagnostics")) {
    invocation.world().console.err(diagnosticsPage(invocation.style(), data));
    return "";
  }
  return "flow " + invocation.style().bold(data.text("flow")) + " is now " + data.text("digest").substr(0, 19) + "\n";
}

}  // namespace

const Command kFlowPushCommand{
    "flow push", "FILE", "store a flow file as the draft of its slug, without running it", "", {},
    &push, &print, Completes::kFile};

}  // namespace belay::cli
