#include "agent/cli/Commands.h"
#include "agent/cli/SchedulePages.h"

namespace belay::cli {

using json::Value;

namespace {

base::Result<api::Envelope> pause(Invocation& invocation) {
  BELAY_ASSIGN(const std::string path, schedulePath(invocation, "/pause"));
  return invocation.post(path);
}
base::Result<api::Envelope> resume(Invocation& invocation) {
  BELAY_ASSIGN(const std::string path, schedulePath(invocation, "/resume"));
  return invocation.post(path);
}

std::string print(const Invocation& invocation, const Value& data) {
  const std::string name = shown(data.text("schedule"));
  if (invocation.quiet()) return name + "\n";
  const bool paused = data.flag("paused");
  const bool was = data.flag("existing");
  return name + (was ? " was " : " is ") + (paused ? "paused" : "active") +
         (was ? " already\n" : "\n");
}

}  // namespace

const Command kSchedulePauseCommand{
    "schedule pause",
    "SCHEDULE",
    "skip what is due from now on, and what waits for its start",
    "SCHEDULE is SLUG/ID, or the SLUG of a flow with one schedule. Runs that have begun go on. A "
    "pause outlasts promotions and restarts.",
    {},
    &pause,
    &print,
    Completes::kSchedule};

const Command kScheduleResumeCommand{
    "schedule resume",
    "SCHEDULE",
    "let a paused schedule go on",
    "What was due in the meantime stays skipped: nothing is caught up.",
    {},
    &resume,
    &print,
    Completes::kSchedule};

}  // namespace belay::cli
