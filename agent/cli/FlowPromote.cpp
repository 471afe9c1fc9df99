#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

using json::Value;

namespace {

base::Result<api::Envelope> makeLive(Invocation& invocation, std::string_view how) {
  Value body{json::Object{}};
  if (const auto which = invocation.positional(1)) body.set("release", *which);
  return invocation.post(pathOf("/v1/flows", invocation.argument(0), how), body);
}

base::Result<api::Envelope> promote(Invocation& invocation) {
  return makeLive(invocation, "/promote");
}
base::Result<api::Envelope> rollBack(Invocation& invocation) {
  return makeLive(invocation, "/rollback");
}

std::string print(const Invocation& invocation, const Value& data) {
  const std::string number = std::to_string(data.integer("live"));
  if (invocation.quiet()) return number + "\n";
  std::string out = "release " + invocation.style().bold(number) + " of " + data.text("flow");
  out += data.flag("existing") ? " was live already" : " is live";
  if (!data.flag("existing") && data.find("before")) {
    out += "; before it was release " + std::to_string(data.integer("before"));
  }
  return out + "\n";
}

}  // namespace

const Command kFlowPromoteCommand{
    "flow promote",
    "SLUG [N|DIGEST]",
    "make a release live: what `flow run SLUG` runs",
    "Without a release the newest one. Who did it and when is kept. Runs that have begun keep the "
    "content that they began with.",
    {},
    &promote,
    &print,
    Completes::kFlow};

const Command kFlowRollbackCommand{
    "flow rollback",
    "SLUG [N|DIGEST]",
    "make the release live that was so before",
    "A second rollback goes one release further back; N says how far. `flow promote` goes forward "
    "again.",
    {},
    &rollBack,
    &print,
    Completes::kFlow};

}  // namespace belay::cli
