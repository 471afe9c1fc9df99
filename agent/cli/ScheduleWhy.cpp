#include "agent/cli/Commands.h"
#include "agent/cli/SchedulePages.h"

namespace belay::cli {

using json::Value;

namespace {

base::Result<api::Envelope> why(Invocation& invocation) {
  BELAY_ASSIGN(std::string path, schedulePath(invocation, "/why"));
  return invocation.get(Target(std::move(path)).add("at", invocation.argument(1)).str());
}

std::string print(const Invocation& invocation, const Value& data) {
  std::string out = shown(data.text("why")) + "\n";
  const Value* row = data.find("row");
  if (row && !row->flag("decided")) {
    invocation.note("no row says so yet: it would be decided like this now");
  }
  if (const Value* other = data.find("superseded_by"))
    out += "in its place: " + shown(other->text("why")) + "\n";
  if (data.find("due_before")) out += "due before: " + shown(data.text("due_before")) + "\n";
  if (data.find("due_after")) out += "due after: " + shown(data.text("due_after")) + "\n";
  return out;
}

}  // namespace

const Command kScheduleWhyCommand{
    "schedule why",
    "SCHEDULE TIME",
    "explain what became of a due time, or why there was none",
    "TIME is an instant (2026-03-29T01:00:00Z) or a local time of the schedule's zone "
    "(2026-03-29T02:30). Reads the journal itself when no daemon runs.",
    {},
    &why,
    &print,
    Completes::kSchedule};

}  // namespace belay::cli
