#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "agent/api/Reads.h"
#include "agent/journal/ScheduleTable.h"
#include "agent/runtime/FlowLifecycle.h"
#include "agent/triggers/Explain.h"
#include "agent/triggers/Ledger.h"
#include "common/base/Text.h"
#include "common/base/Units.h"

// Reads of schedules: what they are, when they are due, and what became of each due time.

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using journal::OccurrenceRow;
using journal::ScheduleRow;
using json::Value;
using triggers::Definition;
using triggers::Instant;
using triggers::Moment;

namespace {

constexpr std::size_t kRowsMost = 1000;
constexpr std::size_t kNextMost = 1000;
constexpr std::size_t kShown = 5;

/// One schedule as it is looked at: its definitions, by release, each made once.
///
/// Threads: owner.
class Look {
 public:
  static Result<Look> at(ReadContext& context, ScheduleRow row) {
    Look look(context, std::move(row));
    BELAY_ASSIGN(const std::optional<std::string> host, context.journal.meta("epoch"));
    look.host_ = host.value_or("");
    look.current_ = look.define(look.row_.digest, look.problem_, &look.trigger_);
    return look;
  }

  const ScheduleRow& row() const { return row_; }
  const std::optional<Definition>& current() const { return current_; }
  const std::optional<flow::ScheduleTrigger>& trigger() const { return trigger_; }
  const std::string& problem() const { return problem_; }
  Moment now() const { return triggers::momentOf(context_->nowMs); }
  std::string name() const { return row_.slug + "/" + row_.id; }

  const std::optional<Definition>& definitionOf(std::int64_t release) {
    if (release == row_.release && current_) return current_;
    const auto known = byRelease_.find(release);
    if (known != byRelease_.end()) return known->second;
    std::optional<Definition>& made = byRelease_[release];
    const auto change = context_->journal.release(row_.slug, release);
    std::string ignored;
    if (change && *change) made = define((*change)->digest, ignored, nullptr);
    return made;
  }
  std::string local(std::int64_t seconds) const {
    return (current_ ? *current_->zone : calendar::TimeZone::utc())
        .format(triggers::instantOf(seconds));
  }
  /// What is due and has no row yet, as it would be decided now.
  Result<std::vector<OccurrenceRow>> undecided() const {
    std::vector<OccurrenceRow> out;
    if (!current_) return out;
    BELAY_ASSIGN(const triggers::LedgerView view,
                 triggers::viewOf(context_->journal.schedules(), row_, now()));
    const triggers::Plan plan =
        triggers::plan(current_->schedule, view, triggers::offPeriods(row_, now()), now());
    for (const triggers::Occurrence& occurrence : plan.rows) {
      if (triggers::secondsOf(occurrence.due) > row_.handledUntilS)
        out.push_back(triggers::rowOf(occurrence, row_, context_->nowMs));
    }
    return out;
  }

 private:
  Look(ReadContext& context, ScheduleRow row)
      : context_(&context), row_(std::move(row)), zones_(std::make_unique<calendar::TimeZones>()) {}

  std::optional<Definition> define(const std::string& digest, std::string& problem,
                                   std::optional<flow::ScheduleTrigger>* trigger) {
    if (digest.empty()) return std::nullopt;
    const auto flow = context_->flows.get(digest);
    const flow::ScheduleTrigger* const found =
        flow ? triggers::findSchedule((*flow)->flow, row_.id) : nullptr;
    if (!found) {
      problem = flow ? "the release has no such schedule" : flow.error().message;
      return std::nullopt;
    }
    if (trigger) *trigger = *found;
    auto made = triggers::defineSchedule(*found, host_, row_.slug, *zones_);
    if (made) return std::move(*made);
    problem = made.error().message;
    return std::nullopt;
  }

  ReadContext* context_;
  ScheduleRow row_;
  std::unique_ptr<calendar::TimeZones> zones_;
  std::string host_;
  std::optional<Definition> current_;
  std::optional<flow::ScheduleTrigger> trigger_;
  std::string problem_;
  std::map<std::int64_t, std::optional<Definition>> byRelease_;
};

Result<Look> find(ReadContext& context, const ReadArguments& arguments) {
  const std::string& slug = arguments.param("slug");
  const std::string& id = arguments.param("id");
  BELAY_ASSIGN(const std::vector<ScheduleRow> rows, context.journal.schedules().ofFlow(slug));
  std::vector<std::string_view> known;
  for (const ScheduleRow& row : rows) {
    if (row.id == id) return Look::at(context, row);
    known.push_back(row.id);
  }
  std::string message = "there is no schedule " + base::visible(slug) + "/" + base::visible(id);
  if (const auto near = base::nearest(id, known))
    message += "; did you mean " + base::visible(slug) + "/" + *near + "?";
  return Error{ErrorCode::kNotFound, std::move(message), {"belay schedule list"}};
}

std::string_view statusOf(const Look& look) {
  if (look.row().digest.empty()) return "gone";
  if (!look.current()) return "unreadable";
  if (look.row().disabledSinceS != 0) return "disabled";
  if (look.row().pausedSinceS != 0) return "paused";
  const auto now = std::chrono::floor<std::chrono::seconds>(look.now());
  return look.current()->schedule.timing.upcoming(now, 1).empty() ? "over" : "active";
}

std::string at(std::int64_t seconds) { return base::formatInstant(seconds * 1000); }

Value rowToJson(Look& look, const OccurrenceRow& row, bool decided) {
  const triggers::Occurrence occurrence = triggers::occurrenceOf(row);
  Value out;
  out.set("due", at(row.dueS)).set("local", look.local(row.dueS));
  if (row.count > 1) out.set("count", row.count).set("last", at(row.lastS));
  out.set("outcome", triggers::outcomeName(occurrence.outcome));
  if (occurrence.reason != triggers::SkipReason::kNone)
    out.set("reason", triggers::skipReasonName(occurrence.reason));
  if (!row.note.empty()) out.set("note", row.note);
  if (occurrence.runs()) {
    out.set("run_at", base::formatInstant(row.runAtMs));
    out.set("started", row.state == journal::OccurrenceState::kStarted);
  }
  if (!row.run.empty()) out.set("run", row.run);
  if (row.byS != 0) out.set("superseded_by", at(row.byS));
  out.set("release", row.release);
  if (decided) out.set("decided_at", base::formatInstant(row.decidedMs));
  out.set("decided", decided);
  out.set("why", triggers::explainRow(row, look.definitionOf(row.release)));
  return out;
}

/// When it starts is known already: jitter is the same whenever it is asked for.
Value upcoming(const Look& look, std::size_t count, Instant after) {
  json::Array out;
  if (!look.current()) return Value(std::move(out));
  const triggers::Schedule& schedule = look.current()->schedule;
  for (const Instant due : schedule.timing.upcoming(after, count)) {
    Value one;
    one.set("due", at(triggers::secondsOf(due))).set("local", look.local(triggers::secondsOf(due)));
    const auto delay = triggers::jitterOf(schedule, due);
    if (delay.count() > 0)
      one.set("run_at", base::formatInstant(triggers::secondsOf(due) * 1000 + delay.count()));
    out.push_back(std::move(one));
  }
  return Value(std::move(out));
}

Value scheduleToJson(const Look& look) {
  const ScheduleRow& row = look.row();
  Value out;
  out.set("name", look.name()).set("flow", row.slug).set("id", row.id);
  out.set("status", statusOf(look));
  if (!look.problem().empty()) out.set("problem", look.problem());
  if (const auto& trigger = look.trigger()) {
    out.set("timing", triggers::timingText(*trigger)).set("timezone", trigger->timezone);
    out.set("on_missed", trigger->onMissed);
    if (trigger->onMissed == "all") {
      out.set("max", static_cast<std::int64_t>(trigger->max));
      out.set("spacing", base::formatDuration(trigger->spacing));
    }
    out.set("window", trigger->window ? base::formatDuration(*trigger->window) : "none");
    if (trigger->jitter.count() > 0) out.set("jitter", base::formatDuration(trigger->jitter));
    out.set("release", row.release);
  }
  out.set("since", at(row.sinceS));
  if (row.pausedSinceS != 0)
    out.set("paused_since", at(row.pausedSinceS)).set("paused_by", row.pausedBy);
  if (row.disabledSinceS != 0) out.set("disabled_since", at(row.disabledSinceS));
  if (statusOf(look) == "active") {
    const Value next = upcoming(look, 1, std::chrono::floor<std::chrono::seconds>(look.now()));
    if (!next.asArray().empty()) out.set("next", next.asArray().front());
  }
  return out;
}

/// The newest rows before `beforeS`, those that are not written yet first.
Result<Value> rowsOf(ReadContext& context, Look& look, std::int64_t beforeS, std::size_t most,
                     std::optional<std::int64_t>& more) {
  json::Array out;
  BELAY_ASSIGN(const std::vector<OccurrenceRow> undecided, look.undecided());
  for (auto row = undecided.rbegin(); row != undecided.rend() && out.size() < most; ++row) {
    if (row->dueS < beforeS) out.push_back(rowToJson(look, *row, false));
  }
  if (out.size() < most) {
    BELAY_ASSIGN(
        std::vector<OccurrenceRow> rows,
        context.journal.schedules().before(look.row().number, beforeS, most - out.size() + 1));
    if (rows.size() > most - out.size()) {
      rows.pop_back();
      more = rows.empty() ? beforeS : rows.back().dueS;
    }
    for (const OccurrenceRow& row : rows) out.push_back(rowToJson(look, row, true));
  }
  return Value(std::move(out));
}

/// The row that a time belongs to.
Result<std::optional<Value>> rowAt(ReadContext& context, Look& look, std::int64_t seconds) {
  const auto covers = [&](const OccurrenceRow& row) {
    return row.dueS <= seconds && seconds <= row.lastS;
  };
  BELAY_ASSIGN(const std::vector<OccurrenceRow> rows,
               context.journal.schedules().before(look.row().number, seconds + 1, 1));
  if (!rows.empty() && covers(rows.front()))
    return std::optional(rowToJson(look, rows.front(), true));
  BELAY_ASSIGN(const std::vector<OccurrenceRow> undecided, look.undecided());
  for (const OccurrenceRow& row : undecided) {
    if (covers(row)) return std::optional(rowToJson(look, row, false));
  }
  return std::optional<Value>();
}

/// Why a time has no row.
std::string noRow(const Look& look, Instant time) {
  const ScheduleRow& row = look.row();
  if (!look.current()) return "the schedule is " + std::string(statusOf(look)) + ": it is not due";
  const triggers::Timing& timing = look.current()->schedule.timing;
  if (timing.count(time - std::chrono::seconds{1}, time) == 0)
    return "the schedule is not due at that time";
  if (Moment{time} > look.now()) return "the schedule is due at that time, which has not come";
  if (triggers::secondsOf(time) <= row.sinceS)
    return "the ledger begins at " + look.local(row.sinceS) + ", when the schedule became live";
  return "its row is older than the ledger goes back (journal.retention), or it was due under a "
         "schedule of an earlier release";
}

}  // namespace

Result<Value> readSchedules(ReadContext& context, const ReadArguments& arguments) {
  const std::string slug = arguments.text("flow");
  BELAY_ASSIGN(const std::vector<ScheduleRow> rows, slug.empty()
                                                        ? context.journal.schedules().all()
                                                        : context.journal.schedules().ofFlow(slug));
  json::Array schedules;
  for (const ScheduleRow& row : rows) {
    if (row.digest.empty() && !arguments.flag("all")) continue;
    BELAY_ASSIGN(const Look look, Look::at(context, row));
    schedules.push_back(scheduleToJson(look));
  }
  Value out;
  out.set("schedules", std::move(schedules));
  return out;
}

Result<Value> readSchedule(ReadContext& context, const ReadArguments& arguments) {
  BELAY_ASSIGN(Look look, find(context, arguments));
  Value out;
  out.set("schedule", scheduleToJson(look));
  out.set("next", upcoming(look, kShown, std::chrono::floor<std::chrono::seconds>(look.now())));
  std::optional<std::int64_t> more;
  BELAY_ASSIGN(Value rows,
               rowsOf(context, look, std::numeric_limits<std::int64_t>::max(), kShown, more));
  out.set("ledger", std::move(rows));
  return out;
}

Result<Value> readNextDue(ReadContext& context, const ReadArguments& arguments) {
  BELAY_ASSIGN(const Look look, find(context, arguments));
  BELAY_ASSIGN(const std::size_t count, arguments.limit(10, kNextMost));
  if (!look.current()) {
    return Error{ErrorCode::kConflict,
                 "schedule " + look.name() + " is " + std::string(statusOf(look)) +
                     (look.problem().empty() ? "" : ": " + look.problem()),
                 {"belay schedule list --all"}};
  }
  Instant after = std::chrono::floor<std::chrono::seconds>(look.now());
  if (const std::string* text = arguments.query("after")) {
    BELAY_ASSIGN(after, triggers::readTime(*text, *look.current()->zone));
  }
  Value out;
  out.set("schedule", look.name()).set("status", statusOf(look));
  out.set("timezone", look.current()->zone->name()).set("next", upcoming(look, count, after));
  return out;
}

Result<Value> readLedger(ReadContext& context, const ReadArguments& arguments) {
  BELAY_ASSIGN(Look look, find(context, arguments));
  BELAY_ASSIGN(const std::size_t most, arguments.limit(50, kRowsMost));
  std::int64_t before = std::numeric_limits<std::int64_t>::max();
  if (const std::string* text = arguments.query("before")) {
    const calendar::TimeZone utc = calendar::TimeZone::utc();
    BELAY_ASSIGN(const Instant time,
                 triggers::readTime(*text, look.current() ? *look.current()->zone : utc));
    before = triggers::secondsOf(time);
  }
  Value out;
  std::optional<std::int64_t> more;
  BELAY_ASSIGN(Value rows, rowsOf(context, look, before, most, more));
  out.set("schedule", look.name()).set("rows", std::move(rows));
  if (more) out.set("next_before", base::formatInstant(*more * 1000).substr(0, 19) + "Z");
  return out;
}

Result<Value> readWhy(ReadContext& context, const ReadArguments& arguments) {
  BELAY_ASSIGN(Look look, find(context, arguments));
  const calendar::TimeZone utc = calendar::TimeZone::utc();
  BELAY_ASSIGN(
      const Instant time,
      triggers::readTime(arguments.text("at"), look.current() ? *look.current()->zone : utc));
  const std::int64_t seconds = triggers::secondsOf(time);
  Value out;
  out.set("schedule", look.name()).set("at", at(seconds)).set("local", look.local(seconds));
  BELAY_ASSIGN(std::optional<Value> row, rowAt(context, look, seconds));
  if (row) {
    out.set("why", row->text("why"));
    // What ran in its place may itself have become something else.
    if (const std::string by = row->text("superseded_by"); !by.empty()) {
      BELAY_ASSIGN(std::optional<Value> other,
                   rowAt(context, look, *base::parseInstant(by) / 1000));
      if (other) out.set("superseded_by", std::move(*other));
    }
    out.set("row", std::move(*row));
    return out;
  }
  out.set("why", noRow(look, time));
  if (!look.current()) return out;
  const triggers::Timing& timing = look.current()->schedule.timing;
  const auto earlier = timing.newest(1, Instant{}, time - std::chrono::seconds{1});
  if (!earlier.empty()) out.set("due_before", look.local(triggers::secondsOf(earlier.front())));
  if (const auto later = timing.next(time))
    out.set("due_after", look.local(triggers::secondsOf(*later)));
  return out;
}

}  // namespace belay::api
