#include "agent/cli/Commands.h"
#include "agent/cli/SchedulePages.h"

namespace belay::cli {

using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"count", 'n', "N", "so many (10)"},
    {"after", 0, "TIME", "after this time instead of now; local times are of the schedule's zone"},
};

base::Result<api::Envelope> next(Invocation& invocation) {
  BELAY_ASSIGN(std::string path, schedulePath(invocation, "/next"));
  Target target(std::move(path));
  if (invocation.has("count")) target.add("limit", invocation.flag("count"));
  if (invocation.has("after")) target.add("after", invocation.flag("after"));
  return invocation.get(target.str());
}

std::string print(const Invocation& invocation, const Value& data) {
  const Value& list = *data.find("next");
  if (list.asArray().empty()) {
    invocation.note(data.text("schedule") + " is not due any more");
    return "";
  }
  const std::string status = data.text("status");
  if (status != "active")
    invocation.note(data.text("schedule") + " is " + status + ": these would be skipped");
  if (!invocation.quiet()) return nextTable(invocation.style(), list, invocation.nowMs());
  std::string times;
  for (const Value& one : list.asArray()) times += one.text("due") + "\n";
  return times;
}

}  // namespace

const Command kScheduleNextCommand{
    "schedule next",
    "SCHEDULE",
    "list the due times to come",
    "SCHEDULE is SLUG/ID, or the SLUG of a flow with one schedule. Where the schedule has jitter, "
    "it is known already when each starts. Reads the journal itself when no daemon runs.",
    kFlags,
    &next,
    &print,
    Completes::kSchedule};

}  // namespace belay::cli
