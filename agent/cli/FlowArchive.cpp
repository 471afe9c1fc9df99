#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

namespace {

constexpr Flag kFlags[] = {{"undo", 0, "", "take it out of the archive again"}};

base::Result<api::Envelope> archive(Invocation& invocation) {
  json::Value body;
  body.set("undo", invocation.has("undo"));
  return invocation.post(pathOf("/v1/flows", invocation.argument(0), "/archive"), body);
}

std::string print(const Invocation&, const json::Value& data) {
  const std::string state = data.flag("archived") ? "archived" : "not archived";
  return data.text("flow") +
         (data.flag("existing") ? " was " + state + " already\n" : " is now " + state + "\n");
}

}  // namespace

const Command kFlowArchiveCommand{
    "flow archive",
    "SLUG",
    "let a flow start no new runs; its history stays",
    "It takes no drafts, releases and promotions either. Runs that have begun go on.",
    kFlags,
    &archive,
    &print,
    Completes::kFlow};

}  // namespace belay::cli
