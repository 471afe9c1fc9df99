#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

namespace {

constexpr Flag kFlags[] = {
    {"flow", 0, "SLUG", "only runs of this flow"},
    {"status", 0, "WORDS",
     "only these, with commas: queued,running,waiting,paused,ambiguous,stopping,succeeded,"
     "failed,stopped,cancelled"},
    {"trigger", 0, "WORDS",
     "only runs started so, with commas: manual,schedule,webhook,event,flow,replay,start"},
    {"parent", 0, "RUN", "only runs that steps of this run have started"},
    {"limit", 'n', "N", "at most so many (20)"},
    {"before", 0, "RUN", "older than this run: the next page"},
};

base::Result<api::Envelope> listRuns(Invocation& invocation) {
  Target target("/v1/runs");
  target.add("limit", invocation.has("limit") ? invocation.flag("limit") : "20");
  for (const char* name : {"flow", "status", "trigger", "parent", "before"}) {
    if (invocation.has(name)) target.add(name, invocation.flag(name));
  }
  return invocation.get(target.str());
}

/// The step at which the run stands; of a queued one, behind whom.
std::string placeOf(const json::Value& run) {
  const json::Value* queue = run.find("queue");
  if (!queue) return run.text("step");
  const std::string behind = queue->text("behind");
  return behind.empty() ? "(for a " + queue->text("for") + ")" : "(behind " + behind + ")";
}

std::string showRuns(const Invocation& invocation, const json::Value& data) {
  const json::Value* runs = data.find("runs");
  if (!runs || !runs->isArray()) return "";
  if (runs->asArray().empty()) {
    invocation.note("no runs; start one: belay flow run FILE");
    return "";
  }
  std::string ids;
  Table table({"RUN", "FLOW", "STATUS", "STEP", "STARTED", "TOOK", "ERROR"});
  for (const json::Value& run : runs->asArray()) {
    ids += run.text("id") + "\n";
    const std::string status = run.text("status");
    const json::Value* error = run.find("error");
    table.row({run.text("id"),
               run.text("flow"),
               {status, Style::toneOf(status)},
               placeOf(run),
               relative(run.text("created_at"), invocation.nowMs()),
               lasting(run.integer("duration_ms")),
               error ? error->text("message") : ""});
  }
  if (invocation.quiet()) return ids;
  const std::string more = data.text("next_before");
  if (!more.empty()) invocation.note("more: belay run list --before " + more);
  return table.print(invocation.style());
}

}  // namespace

const Command kRunListCommand{"run list",
                              "",
                              "list runs, newest first",
                              "Reads the journal itself when no daemon runs.",
                              kFlags,
                              &listRuns,
                              &showRuns};

}  // namespace belay::cli
