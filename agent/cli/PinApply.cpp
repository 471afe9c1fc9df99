#include "agent/cli/Commands.h"
#include "agent/cli/Signing.h"

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

Result<api::Envelope> apply(Invocation& invocation) {
  BELAY_ASSIGN(const auto statement, readStatement(invocation, invocation.argument(0)));
  Value body;
  body.set("statement", statement.lines());
  return invocation.post("/v1/pins", body);
}

std::string print(const Invocation& invocation, const Value& data) {
  const Value* pin = data.find("pin");
  if (!pin) return "";
  const std::string name = "pin " + std::to_string(pin->integer("counter")) + " of " +
                           data.text("flow") + ", " + pin->text("channel");
  if (data.flag("waiting")) {
    invocation.note("its release is not here; bring it: belay flow import FILE");
    return name + ", is accepted, and waits for release " + pin->text("release") + "\n";
  }
  return name + ", is in force; release " +
         invocation.style().bold(std::to_string(data.integer("live"))) + " is live\n";
}

}  // namespace

const Command kPinApplyCommand{
    "pin apply",
    "FILE",
    "give a signed pin to this host: it verifies it, and makes its release live",
    "Any higher counter with enough signatures is taken. Where the release is not here yet, it "
    "becomes live when it is imported.",
    {},
    &apply,
    &print,
    Completes::kFile};

}  // namespace belay::cli
