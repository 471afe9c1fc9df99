#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "common/base/Units.h"

namespace belay::cli {

namespace {

constexpr Flag kFlags[] = {
    {"run", 0, "RUN", "only of this run"},
    {"flow", 0, "SLUG", "only of runs of this flow"},
    {"largest", 0, "", "largest first"},
    {"usage", 0, "", "what each flow takes, in place of the list"},
    {"limit", 'n', "N", "at most so many (100)"},
};

base::Result<api::Envelope> listResources(Invocation& invocation) {
  if (invocation.has("usage")) return invocation.get("/v1/resource-usage");
  Target target("/v1/resources");
  if (invocation.has("largest")) target.add("largest", "true");
  for (const char* name : {"run", "flow", "limit"}) {
    if (invocation.has(name)) target.add(name, invocation.flag(name));
  }
  return invocation.get(target.str());
}

std::string printUsage(const Invocation& invocation, const json::Value& flows) {
  Table table({"FLOW", "RESOURCES", "SIZE"});
  for (const json::Value& flow : flows.asArray()) {
    table.row({flow.text("flow"), std::to_string(flow.integer("resources")),
               base::formatBytes(static_cast<std::uint64_t>(flow.integer("bytes")))});
  }
  if (!table.empty()) return table.print(invocation.style());
  invocation.note("no resources");
  return "";
}

std::string print(const Invocation& invocation, const json::Value& data) {
  if (const json::Value* flows = data.find("flows")) return printUsage(invocation, *flows);
  std::string refs;
  Table table({"NAME", "SIZE", "TYPE", "RUN", "STEP", "CREATED", "REF"});
  for (const json::Value& resource : data.find("resources")->asArray()) {
    refs += resource.text("ref") + "\n";
    table.row({resource.text("name"),
               base::formatBytes(static_cast<std::uint64_t>(resource.integer("size"))),
               resource.text("media_type"), resource.text("run"), resource.text("step"),
               relative(resource.text("created_at"), invocation.nowMs()), resource.text("ref")});
  }
  if (table.empty()) {
    invocation.note("no resources");
    return "";
  }
  // A reference that was cut is of no use: rows may be wider than the terminal.
  return invocation.quiet() ? refs : table.print(Style(invocation.style().color(), 0));
}

}  // namespace

const Command kResourceListCommand{"resource list",
                                   "",
                                   "list stored artifacts, newest first",
                                   "Reads the journal itself when no daemon runs.",
                                   kFlags,
                                   &listResources,
                                   &print};

}  // namespace belay::cli
