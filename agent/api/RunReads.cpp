#include <algorithm>
#include <utility>

#include "agent/api/QueueView.h"
#include "agent/api/Reads.h"
#include "agent/api/RunHistory.h"
#include "agent/api/RunView.h"
#include "agent/engine/Path.h"
#include "agent/runtime/Performer.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::RunId;
using json::Value;

namespace {

constexpr std::size_t kRunsMost = 1000;
constexpr std::size_t kEventsMost = 1000;
/// A run of more events shows its latest ones: the loop has other things to do than to read them.
constexpr std::uint64_t kHistoryEventsMax = 20'000;

Error noRun(std::string_view text) {
  return Error{
      ErrorCode::kRunNotFound, "there is no run " + base::visible(text), {"belay run list"}};
}

Result<engine::EventBody> decode(const RunId& id, const journal::EventRow& row) {
  auto body = engine::decodeBody(row.name, row.body);
  if (!body)
    return std::move(body).error().in("run " + id.str() + ", event " + std::to_string(row.seq));
  return body;
}

/// Reads a run's events into a history; true when some in the middle were left out.
Result<bool> readHistory(journal::Journal& journal, const RunId& id, RunHistory& history) {
  constexpr std::size_t kBatch = 512;
  BELAY_ASSIGN(const journal::RunHead head, journal.head(id));
  BELAY_ASSIGN(const std::vector<journal::EventRow> first, journal.events(id, 0, 1));
  for (const journal::EventRow& row : first) {
    BELAY_ASSIGN(const engine::EventBody body, decode(id, row));
    history.add(row.atMs, body);
  }
  const bool cut = head.seq > kHistoryEventsMax;
  for (std::uint64_t after = cut ? head.seq - kHistoryEventsMax : 1;;) {
    BELAY_ASSIGN(const std::vector<journal::EventRow> rows, journal.events(id, after, kBatch));
    for (const journal::EventRow& row : rows) {
      BELAY_ASSIGN(const engine::EventBody body, decode(id, row));
      history.add(row.atMs, body);
      after = row.seq;
    }
    if (rows.size() < kBatch) return cut;
  }
}

/// The rows of the runs that the steps of a run have started.
Result<ChildRows> childrenOf(journal::Journal& journal, const RunHistory& history) {
  ChildRows rows;
  for (const VisitRecord& visit : history.visits()) {
    if (!visit.started || visit.started->child.empty()) continue;
    BELAY_ASSIGN(auto row, journal.run(visit.started->child));
    if (row) rows.emplace(row->id, std::move(*row));
  }
  return rows;
}

}  // namespace

Result<RunId> findRun(journal::Journal& journal, std::string_view text) {
  constexpr std::size_t kShown = 5;
  auto exact = RunId::parse(text);
  if (!exact) return noRun(text);
  const auto row = journal.run(*exact);
  if (!row) return runtime::ofOneRun(row.error());
  if (*row) return *exact;
  BELAY_ASSIGN(const std::vector<RunId> found, journal.runsByPrefix(text, kShown));
  if (found.empty()) return noRun(text);
  if (found.size() == 1) return found.front();
  Error error{ErrorCode::kInvalidArgument, "several runs begin with \"" + std::string(text) + "\""};
  for (const RunId& id : found) error.actions.push_back("belay run show " + id.str());
  return error;
}

Value runToJson(const journal::RunRow& row, std::int64_t nowMs) {
  Value out;
  out.set("id", row.id.str())
      .set("flow", row.slug)
      .set("status", engine::runStatusName(row.status));
  out.set("source", row.source).set("digest", row.flowDigest).set("started_by", row.startedBy);
  out.set("triggered_by", engine::triggerKindName(row.trigger));
  // The row follows the step only where the run stands still.
  const bool stands = row.status != engine::RunStatus::kRunning && !row.step.empty();
  if (stands) out.set("step", row.step);
  if (!row.errorCode.empty()) {
    out.set("error", Value(json::Object{{"code", row.errorCode}, {"message", row.errorMessage}}));
  }
  if (!row.parent.empty()) out.set("parent", row.parent.str());
  out.set("created_at", base::formatInstant(row.createdMs));
  out.set("updated_at", base::formatInstant(row.updatedMs));
  if (row.finishedMs != 0) out.set("finished_at", base::formatInstant(row.finishedMs));
  out.set("duration_ms", (row.finishedMs != 0 ? row.finishedMs : nowMs) - row.createdMs);
  return out;
}

Result<Value> readRuns(ReadContext& context, const ReadArguments& arguments) {
  journal::RunFilter filter;
  filter.slug = arguments.text("flow");
  BELAY_ASSIGN(const std::size_t most, arguments.limit(50, kRunsMost));
  filter.most = most + 1;
  if (const std::string* names = arguments.query("status")) {
    for (const std::string_view name : base::split(*names, ',')) {
      const auto status = engine::runStatusFrom(name);
      if (!status) {
        return Error{
            ErrorCode::kInvalidArgument,
            "there is no status \"" + base::visible(name) +
                "\": queued running waiting paused ambiguous stopping succeeded failed stopped "
                "cancelled"};
      }
      filter.statuses.push_back(*status);
    }
  }
  if (const std::string* names = arguments.query("trigger")) {
    for (const std::string_view name : base::split(*names, ',')) {
      const auto kind = engine::triggerKindFrom(name);
      if (!kind) {
        return Error{ErrorCode::kInvalidArgument,
                     "there is no trigger \"" + base::visible(name) +
                         "\": manual schedule webhook event flow replay start"};
      }
      filter.triggers.push_back(*kind);
    }
  }
  if (const std::string* parent = arguments.query("parent")) {
    BELAY_ASSIGN(const RunId id, findRun(context.journal, *parent));
    filter.parent = id.str();
  }
  if (const std::string* before = arguments.query("before")) {
    BELAY_ASSIGN(const RunId id, findRun(context.journal, *before));
    filter.before = id.str();
  }
  BELAY_ASSIGN(std::vector<journal::RunRow> rows, context.journal.runs(filter));
  const bool more = rows.size() > most;
  if (more) rows.resize(most);
  json::Array runs;
  for (const journal::RunRow& row : rows) {
    Value run = runToJson(row, context.nowMs);
    if (row.status == engine::RunStatus::kQueued) {
      BELAY_ASSIGN(const auto place, context.journal.admissions().place(row.id, false));
      if (place) run.set("queue", queueToJson(*place, false));
    }
    runs.push_back(std::move(run));
  }
  Value out;
  out.set("runs", std::move(runs));
  if (more) out.set("next_before", rows.back().id.str());
  return out;
}

Result<Value> readRun(ReadContext& context, const ReadArguments& arguments) {
  BELAY_ASSIGN(const RunId id, findRun(context.journal, arguments.param("run")));
  BELAY_ASSIGN(const std::optional<journal::RunRow> row, context.journal.run(id));
  if (!row) return noRun(id.str());
  RunViewOptions options;
  options.step = arguments.text("step");
  const std::string outputs = arguments.text("outputs");
  if (!outputs.empty() && outputs != "full" && outputs != "short") {
    return Error{ErrorCode::kInvalidArgument, "outputs must be \"full\" or \"short\""};
  }
  options.fullOutputs = outputs == "full" || !options.step.empty();
  if (row->status == engine::RunStatus::kQueued) {
    BELAY_ASSIGN(options.queue, context.journal.admissions().place(id, true));
  }
  options.diskFull = context.journal.fullMode();
  RunHistory history;
  BELAY_ASSIGN(const bool cut, readHistory(context.journal, id, history));
  // A flow that does not parse any more must not hide what its runs did.
  const auto loaded = context.flows.get(row->flowDigest);
  const flow::Flow* flow = loaded ? &(*loaded)->flow : nullptr;
  BELAY_ASSIGN(options.children, childrenOf(context.journal, history));
  if (context.progressOf) {
    options.progressOf = [&](const VisitRecord& visit) {
      runtime::Attempt attempt;
      attempt.run = id;
      attempt.key = {visit.path, visit.visit, visit.attempts.back().attempt};
      attempt.idempotencyKey = visit.started->idempotencyKey;
      return context.progressOf(attempt);
    };
  }
  Value out = viewRun(*row, history, flow, options, context.nowMs);
  // Of code nobody can say which steps it has.
  if (!options.step.empty() && out.find("steps")->asArray().empty() && flow && !flow->code &&
      !flow->find(engine::stepIdOf(options.step))) {
    return Error{
        ErrorCode::kNotFound,
        "the flow of run " + id.str() + " has no step \"" + base::visible(options.step) + "\"",
        {"belay run show " + id.str()}};
  }
  if (cut || history.dropped() != 0) out.set("truncated", true);
  return out;
}

Result<Value> readRunEvents(ReadContext& context, const ReadArguments& arguments) {
  BELAY_ASSIGN(const RunId id, findRun(context.journal, arguments.param("run")));
  BELAY_ASSIGN(const std::uint64_t after, arguments.number("after", 0));
  BELAY_ASSIGN(const std::size_t most, arguments.limit(200, kEventsMost));
  BELAY_ASSIGN(const std::vector<journal::EventRow> rows, context.journal.events(id, after, most));
  json::Array events;
  for (const journal::EventRow& row : rows) {
    BELAY_ASSIGN(Value event, eventToJson(row));
    events.push_back(std::move(event));
  }
  Value out;
  out.set("run", id.str()).set("events", std::move(events));
  out.set("last", rows.empty() ? after : rows.back().seq);
  return out;
}

}  // namespace belay::api
