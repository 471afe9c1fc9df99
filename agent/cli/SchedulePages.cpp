#include "agent/cli/SchedulePages.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

/// The one schedule of a flow.
Result<std::string> onlyScheduleOf(Invocation& invocation, const std::string& slug) {
  BELAY_ASSIGN(const api::Envelope answer,
               invocation.get(Target("/v1/schedules").add("flow", slug).str()));
  if (answer.error) return *answer.error;
  const Value* list = answer.data.find("schedules");
  if (!list || !list->isArray() || list->asArray().empty()) {
    return Error{ErrorCode::kNotFound,
                 "flow " + shown(slug) + " has no schedule that is live",
                 {"belay schedule list --all", "schedules are named FLOW, or FLOW/ID"}};
  }
  const json::Array& schedules = list->asArray();
  if (schedules.size() == 1) return schedules.front().text("id");
  Error error{ErrorCode::kUsage, "flow " + shown(slug) + " has several schedules: name one"};
  for (const Value& one : schedules)
    error.actions.push_back("belay schedule show " + one.text("name"));
  return error;
}

}  // namespace

Result<std::string> schedulePath(Invocation& invocation, std::string_view suffix) {
  const std::string& name = invocation.argument(0);
  const std::size_t slash = name.find('/');
  const std::string slug = name.substr(0, slash);
  std::string id;
  if (slash != std::string::npos) {
    id = name.substr(slash + 1);
  } else {
    BELAY_ASSIGN(id, onlyScheduleOf(invocation, slug));
  }
  return pathOf(pathOf("/v1/schedules", slug), id, suffix);
}

std::string ledgerTable(const Style& style, const Value& rows, std::int64_t nowMs) {
  Table table({"DUE", "OUTCOME", "", "RUN", "WHY"});
  for (const Value& row : rows.asArray()) {
    std::string due = row.text("local");
    if (row.find("count")) due += " (" + std::to_string(row.integer("count")) + ")";
    const std::string outcome = row.text("outcome");
    const bool ran = outcome == "ran" || outcome == "caught_up";
    std::string note = row.text("reason");
    if (!row.flag("decided")) note += (note.empty() ? "" : ", ") + std::string("not decided yet");
    if (ran && !row.flag("started")) note = "starts " + relative(row.text("run_at"), nowMs);
    table.row({due,
               {outcome, ran ? Style::Tone::kGood : Style::Tone::kWarn},
               note,
               row.text("run"),
               row.text("note")});
  }
  return table.print(style);
}

std::string nextTable(const Style& style, const Value& next, std::int64_t nowMs) {
  Table table({"DUE", "", "STARTS"});
  for (const Value& one : next.asArray()) {
    table.row({one.text("local"), relative(one.text("due"), nowMs), one.text("run_at")});
  }
  return table.print(style);
}

}  // namespace belay::cli
