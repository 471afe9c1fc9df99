#include "agent/cli/Commands.h"
#include "agent/cli/FlowFiles.h"

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"if-draft", 0, "DIGEST", "only when this is the draft: a digest, its beginning, or \"none\""},
    {"force", 0, "", "whatever the draft is"},
};

Result<api::Envelope> push(Invocation& invocation) {
  const std::string& path = invocation.argument(0);
  BELAY_ASSIGN(Value body, readFlowFile(invocation, path));
  addOrigin(invocation, path, body);
  if (invocation.has("if-draft")) body.set("if_draft", invocation.flag("if-draft"));
  if (invocation.has("force")) body.set("force", true);
  auto answer = invocation.post("/v1/flows", body);
  if (answer && answer->error && path != "-") {
    // The daemon does not know by what name the file is called here.
    for (std::string& action : answer->error->actions) {
      const std::size_t at = action.find("FILE");
      if (at != std::string::npos) action.replace(at, 4, path);
    }
  }
  return answer;
}

std::string print(const Invocation& invocation, const Value& data) {
  if (data.find("diagnostics")) {
    invocation.world().console.err(diagnosticsPage(invocation.style(), data));
    return "";
  }
  noteReplaced(invocation, data.text("flow"), data);
  return "draft of " + invocation.style().bold(data.text("flow")) + " is now " +
         data.text("digest") + "\n";
}

}  // namespace

const Command kFlowPushCommand{
    "flow push",
    "FILE",
    "store a flow file as the draft of its slug, without running it",
    "No edit is lost: a draft that came from another file or another user is replaced only with "
    "--if-draft, which names it, or --force. The refusal names the draft, its author, and the "
    "command that shows the difference. Every earlier draft stays: `belay flow draft SLUG --digest "
    "DIGEST`.",
    kFlags,
    &push,
    &print,
    Completes::kFile};

}  // namespace belay::cli
