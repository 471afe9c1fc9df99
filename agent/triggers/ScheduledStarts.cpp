#include <algorithm>
#include <vector>

#include "agent/runtime/FlowLifecycle.h"
#include "agent/triggers/Ledger.h"
#include "agent/triggers/Scheduler.h"
#include "agent/triggers/TriggerScope.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/base/Utf8.h"
#include "common/json/Writer.h"

// The scheduler's starts, and what people ask of it.

namespace belay::triggers {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using journal::OccurrenceRow;
using journal::OccurrenceState;
using runtime::endsTransaction;

namespace {

constexpr std::size_t kStartsPerTurn = 100;
constexpr std::size_t kNoteBytesMax = 500;

std::string triggerJson(const std::string& id, const OccurrenceRow& row,
                        const calendar::TimeZone& zone) {
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("type", "schedule").member("id", id);
  writer.member("scheduled_for", base::formatInstant(row.dueS * 1000));
  writer.member("local_time", zone.format(instantOf(row.dueS)));
  writer.member("outcome", outcomeName(static_cast<Outcome>(row.outcome))).endObject();
  return out;
}

Error noSchedule(std::string_view slug, std::string_view id,
                 const std::vector<std::string_view>& known) {
  std::string message =
      "flow \"" + base::visible(slug) + "\" has no schedule \"" + base::visible(id) + "\"";
  if (const auto near = base::nearest(id, known)) message += "; did you mean \"" + *near + "\"?";
  return Error{ErrorCode::kNotFound, std::move(message), {"belay schedule list"}};
}

}  // namespace

Result<bool> Scheduler::startDue(const Entry& entry) {
  BELAY_ASSIGN(const std::vector<OccurrenceRow> rows,
               journal().schedules().waiting(entry.row.number));
  std::size_t started = 0;
  for (const OccurrenceRow& row : rows) {
    if (momentOf(row.runAtMs) > now()) break;
    if (started++ == kStartsPerTurn) return true;
    BELAY_TRY(start(entry, row));
  }
  return false;
}

/// The row and its run, or its row and why there is none, are written together.
Status Scheduler::start(const Entry& entry, OccurrenceRow row) {
  const auto request = requestFor(entry, row);
  const auto started =
      request ? world_.runtime.start(*request) : Result<runtime::Started>(request.error());
  if (started && !started->skipped) {
    row.state = OccurrenceState::kStarted;
    row.run = started->run.str();
    return journal().schedules().putOccurrence(row);
  }
  if (started) return settle(std::move(row), runtime::whySkipped(*started));
  const Error& error = started.error();
  if (endsTransaction(error.code)) return error;
  world_.log.error("schedule.refused", error,
                   {{"flow", entry.row.slug},
                    {"schedule", entry.row.id},
                    {"due", base::formatInstant(row.dueS * 1000)}});
  const std::string why = base::visible(base::wholeCharacters(error.message, kNoteBytesMax));
  return settle(std::move(row), why + " [" + std::string(base::errorText(error.code)) + "]");
}

/// There is no run for it, and the note says why.
Status Scheduler::settle(OccurrenceRow row, std::string why) {
  row.state = OccurrenceState::kSettled;
  row.outcome = static_cast<std::uint8_t>(Outcome::kSkipped);
  row.reason = static_cast<std::uint8_t>(SkipReason::kRefused);
  row.note = std::move(why);
  return journal().schedules().putOccurrence(row);
}

Result<runtime::StartRequest> Scheduler::requestFor(const Entry& entry, const OccurrenceRow& row) {
  BELAY_ASSIGN(const runtime::FlowVersion version,
               runtime::versionToRun(journal(), entry.row.slug, "live"));
  BELAY_ASSIGN(const auto flow, world_.runtime.flows().get(version.digest));
  const flow::ScheduleTrigger* const trigger = findSchedule(flow->flow, entry.row.id);
  if (!trigger) return noSchedule(entry.row.slug, entry.row.id, {});
  runtime::StartRequest request;
  request.digest = version.digest;
  request.source = version.source;
  request.triggerJson = triggerJson(entry.row.id, row, *entry.definition->zone);
  request.by = "schedule:" + entry.row.id;
  // Nothing of a caller begins like this: theirs begin with who they are.
  request.idempotencyKey =
      "schedule:" + entry.row.slug + "/" + entry.row.id + "@" + std::to_string(row.dueS);
  BELAY_ASSIGN(request.input,
               renderInput(world_.evaluator, flow->module, trigger->input,
                           TriggerScope(request.triggerJson, "", world_.runtime.clock().wallMs())));
  return request;
}

Result<Scheduler::Entry*> Scheduler::find(std::string_view slug, std::string_view id) {
  if (!loaded_) BELAY_TRY(load());
  BELAY_TRY(followFlows());
  std::vector<std::string_view> known;
  for (auto& [number, entry] : entries_) {
    if (entry.row.slug != slug) continue;
    if (entry.row.id == id) return &entry;
    known.push_back(entry.row.id);
  }
  return noSchedule(slug, id, known);
}

Result<bool> Scheduler::pause(std::string_view slug, std::string_view id, const std::string& by) {
  BELAY_ASSIGN(Entry* const entry, find(slug, id));
  if (entry->row.pausedSinceS != 0) return false;
  // What was due until now is decided as if nobody had paused.
  BELAY_TRY(turn(*entry));
  entry->row.pausedSinceS = secondsOf(std::chrono::floor<std::chrono::seconds>(now()));
  entry->row.pausedBy = by;
  BELAY_TRY(journal().schedules().put(entry->row));
  BELAY_TRY(turn(*entry));
  return true;
}

Result<bool> Scheduler::resume(std::string_view slug, std::string_view id) {
  BELAY_ASSIGN(Entry* const entry, find(slug, id));
  if (entry->row.pausedSinceS == 0) return false;
  BELAY_TRY(turn(*entry));
  entry->row.pausedSinceS = 0;
  entry->row.pausedBy.clear();
  BELAY_TRY(journal().schedules().put(entry->row));
  BELAY_TRY(turn(*entry));
  return true;
}

}  // namespace belay::triggers
