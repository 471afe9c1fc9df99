#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

// connection usages and delete.

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

constexpr Flag kDeleteFlags[] = {{"force", 0, "", "also when flows use it"}};

Result<api::Envelope> usages(Invocation& invocation) {
  ApiRequest request;
  request.target = pathOf("/v1/connections", invocation.argument(0), "/usages");
  return invocation.send(request);
}

std::string printUsages(const Invocation& invocation, const Value& data) {
  Table table({"FLOW", "REQUIRES", "IN", "HOW"});
  for (const Value& use : data.find("usages")->asArray()) {
    table.row({use.text("flow"), use.text("name"), use.text("in"),
               use.flag("bound") ? "bound" : "by its name"});
  }
  if (table.empty()) {
    invocation.note("no flow uses " + shown(data.text("name")));
    return "";
  }
  return table.print(invocation.style());
}

Result<api::Envelope> remove(Invocation& invocation) {
  Value body;
  body.set("force", invocation.has("force"));
  ApiRequest request;
  request.method = "DELETE";
  request.target = pathOf("/v1/connections", invocation.argument(0));
  request.body = json::print(body);
  return invocation.send(request);
}

std::string printRemoved(const Invocation&, const Value& data) {
  return "removed " + shown(data.text("name")) + "\n";
}

}  // namespace

const Command kConnectionUsagesCommand{
    "connection usages", "NAME", "list the flows that use a connection",
    "Drafts and live releases that are bound to it, or require something by its name without "
    "being bound.",
    {},
    &usages,
    &printUsages};

const Command kConnectionDeleteCommand{
    "connection delete", "NAME", "remove a connection that was added",
    "Refused while flows use it.",
    kDeleteFlags,
    &remove,
    &printRemoved};

}  // namespace belay::cli
