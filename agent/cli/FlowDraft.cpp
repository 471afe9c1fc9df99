#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

namespace {

constexpr Flag kFlags[] = {
    {"digest", 0, "DIGEST", "another content that the flow had, by its digest"}};

base::Result<api::Envelope> draft(Invocation& invocation) {
  Target target(pathOf("/v1/flows", invocation.argument(0), "/content"));
  target.add("of", invocation.has("digest") ? invocation.flag("digest") : "draft");
  return invocation.get(target.str());
}

std::string print(const Invocation&, const json::Value& data) { return data.text("content"); }

}  // namespace

const Command kFlowDraftCommand{
    "flow draft",
    "SLUG",
    "print the draft of a flow, byte by byte",
    "With --json the digest stands beside it, for `flow push --if-draft`. Reads the journal itself "
    "when no daemon runs.",
    kFlags,
    &draft,
    &print,
    Completes::kFlow};

}  // namespace belay::cli
