#include "agent/cli/Commands.h"
#include "agent/cli/SchedulePages.h"

namespace belay::cli {

using json::Value;

namespace {

base::Result<api::Envelope> show(Invocation& invocation) {
  BELAY_ASSIGN(const std::string path, schedulePath(invocation));
  return invocation.get(path);
}

std::string print(const Invocation& invocation, const Value& data) {
  const Style& style = invocation.style();
  const Value& one = *data.find("schedule");
  std::string out = style.bold(shown(one.text("name"))) + "  " + shown(one.text("status")) + "\n";
  const auto line = [&](std::string_view what, const std::string& value) {
    if (!value.empty())
      out += style.dim(std::string(what) + ":") + std::string(14 - what.size(), ' ') +
             shown(value) + "\n";
  };
  line("timing", one.text("timing"));
  line("timezone", one.text("timezone"));
  std::string missed = one.text("on_missed");
  if (missed == "all") {
    missed +=
        ", at most " + std::to_string(one.integer("max")) + ", " + one.text("spacing") + " apart";
  }
  line("on_missed", missed);
  line("window", one.text("window"));
  line("jitter", one.text("jitter"));
  if (one.find("release")) line("release", std::to_string(one.integer("release")));
  line("since", one.text("since"));
  if (one.find("paused_by"))
    line("paused", one.text("paused_since") + " by " + one.text("paused_by"));
  line("disabled", one.text("disabled_since"));
  line("problem", one.text("problem"));
  const Value& next = *data.find("next");
  if (!next.asArray().empty())
    out += "\n" + style.bold("next") + "\n" + nextTable(style, next, invocation.nowMs());
  const Value& rows = *data.find("ledger");
  if (!rows.asArray().empty())
    out += "\n" + style.bold("ledger") + "\n" + ledgerTable(style, rows, invocation.nowMs());
  return out;
}

}  // namespace

const Command kScheduleShowCommand{
    "schedule show",
    "SCHEDULE",
    "show a schedule, its next due times and what became of the last ones",
    "SCHEDULE is SLUG/ID, or the SLUG of a flow with one schedule. Reads the journal itself when "
    "no "
    "daemon runs.",
    {},
    &show,
    &print,
    Completes::kSchedule};

}  // namespace belay::cli
