#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"flow", 0, "SLUG", "only those of this flow"},
    {"all", 0, "", "also those that their flow has no more"},
};

base::Result<api::Envelope> list(Invocation& invocation) {
  Target target("/v1/schedules");
  if (invocation.has("flow")) target.add("flow", invocation.flag("flow"));
  if (invocation.has("all")) target.add("all", "true");
  return invocation.get(target.str());
}

Style::Tone toneOf(const std::string& status) {
  if (status == "active") return Style::Tone::kGood;
  return status == "unreadable" ? Style::Tone::kBad : Style::Tone::kWarn;
}

std::string print(const Invocation& invocation, const Value& data) {
  std::string names;
  Table table({"SCHEDULE", "STATUS", "TIMING", "ZONE", "NEXT", ""});
  for (const Value& one : data.find("schedules")->asArray()) {
    names += one.text("name") + "\n";
    const std::string status = one.text("status");
    const Value* next = one.find("next");
    std::string note = one.text("problem");
    if (note.empty() && one.find("paused_by")) note = "by " + one.text("paused_by");
    table.row({one.text("name"),
               {status, toneOf(status)},
               one.text("timing"),
               one.text("timezone"),
               next ? relative(next->text("due"), invocation.nowMs()) : "–",
               note});
  }
  if (table.empty()) {
    invocation.note(
        "no schedules; triggers of a flow's live release make them: belay docs schedules");
    return "";
  }
  return invocation.quiet() ? names : table.print(invocation.style());
}

}  // namespace

const Command kScheduleListCommand{"schedule list",
                                   "",
                                   "list schedules and when each is due next",
                                   "Reads the journal itself when no daemon runs.",
                                   kFlags,
                                   &list,
                                   &print};

}  // namespace belay::cli
