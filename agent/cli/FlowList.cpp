#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

namespace {

base::Result<api::Envelope> listFlows(Invocation& invocation) {
  return invocation.get("/v1/flows");
}

std::string print(const Invocation& invocation, const json::Value& data) {
  const json::Value* flows = data.find("flows");
  if (!flows || !flows->isArray()) return "";
  if (flows->asArray().empty()) {
    invocation.note("no flows; bring one: belay flow run FILE");
    return "";
  }
  std::string slugs;
  Table table({"FLOW", "DRAFT", "RELEASE", "LIVE", "RUNS", "UPDATED"});
  for (const json::Value& flow : flows->asArray()) {
    slugs += flow.text("slug") + "\n";
    const json::Value* newest = flow.find("newest_release");
    const json::Value* live = flow.find("live");
    Table::Cell shownLive(live ? std::to_string(live->integer("release")) : "", Style::Tone::kGood);
    if (flow.flag("archived")) shownLive = {"archived", Style::Tone::kDim};
    table.row({flow.text("slug"), flow.text("draft_digest").substr(0, 19),
               newest ? std::to_string(newest->integer("number")) : "", shownLive,
               std::to_string(flow.integer("runs")),
               relative(flow.text("updated_at"), invocation.nowMs())});
  }
  return invocation.quiet() ? slugs : table.print(invocation.style());
}

}  // namespace

const Command kFlowListCommand{"flow list",
                               "",
                               "list the flows of this host",
                               "Reads the journal itself when no daemon runs.",
                               {},
                               &listFlows,
                               &print};

}  // namespace belay::cli
