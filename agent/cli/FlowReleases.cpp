#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"limit", 'n', "N", "at most so many (50)"},
    {"before", 0, "N", "older than this release: the next page"},
    {"promotions", 0, "", "show what was live when, instead"},
};

base::Result<api::Envelope> list(Invocation& invocation) {
  Target target(pathOf("/v1/flows", invocation.argument(0), "/releases"));
  if (invocation.has("limit")) target.add("limit", invocation.flag("limit"));
  if (invocation.has("before")) target.add("before", invocation.flag("before"));
  return invocation.get(target.str());
}

std::string printPromotions(const Invocation& invocation, const Value& data) {
  Table table({"RELEASE", "DIGEST", "LIVE SINCE", "BY", ""});
  for (const Value& row : data.find("promotions")->asArray()) {
    table.row({std::to_string(row.integer("release")), row.text("digest").substr(0, 19),
               relative(row.text("at"), invocation.nowMs()), row.text("by"),
               row.flag("rollback") ? "rollback" : ""});
  }
  return table.empty() ? "" : table.print(invocation.style());
}

std::string print(const Invocation& invocation, const Value& data) {
  if (invocation.has("promotions")) return printPromotions(invocation, data);
  std::string numbers;
  Table table({"RELEASE", "DIGEST", "", "RELEASED", "BY", "NOTE"});
  for (const Value& row : data.find("releases")->asArray()) {
    const std::string number = std::to_string(row.integer("number"));
    numbers += number + "\n";
    table.row({number,
               row.text("digest").substr(0, 19),
               {row.flag("live") ? "live" : "", Style::Tone::kGood},
               relative(row.text("released_at"), invocation.nowMs()),
               row.text("released_by"),
               row.text("note")});
  }
  if (table.empty()) {
    invocation.note("no releases; make one: belay flow release " + data.text("flow"));
    return "";
  }
  if (data.find("next_before")) {
    invocation.note("older ones: belay flow releases " + data.text("flow") + " --before " +
                    std::to_string(data.integer("next_before")));
  }
  if (const Value* pin = data.find("pin")) {
    invocation.note("pin " + std::to_string(pin->integer("counter")) + " of " +
                    pin->text("channel") + " names " + pin->text("release"));
  }
  if (const Value* pin = data.find("pin_waiting")) {
    invocation.note("pin " + std::to_string(pin->integer("counter")) + " waits for " +
                    pin->text("release"));
  }
  return invocation.quiet() ? numbers : table.print(invocation.style());
}

}  // namespace

const Command kFlowReleasesCommand{
    "flow releases",
    "SLUG",
    "list the releases of a flow, newest first, and which one is live",
    "Reads the journal itself when no daemon runs.",
    kFlags,
    &list,
    &print,
    Completes::kFlow};

}  // namespace belay::cli
