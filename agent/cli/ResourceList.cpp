#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "common/base/Units.h"

namespace belay::cli {

namespace {

constexpr Flag kFlags[] = {
    {"run", 0, "RUN", "only of this run"},
    {"limit", 'n', "N", "at most so many (100)"},
};

base::Result<api::Envelope> listResources(Invocation& invocation) {
  Target target("/v1/resources");
  for (const char* name : {"run", "limit"}) {
    if (invocation.has(name)) target.add(name, invocation.flag(name));
  }
  return invocation.get(target.str());
}

std::string print(const Invocation& invocation, const json::Value& data) {
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
