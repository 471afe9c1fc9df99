#include "agent/runtime/RunCache.h"

#include <algorithm>
#include <utility>

#include "agent/engine/Engine.h"
#include "agent/engine/Path.h"
#include "agent/runtime/Performer.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

bool asksPersons(const flow::Flow& flow) {
  return std::any_of(flow.steps.begin(), flow.steps.end(), [](const flow::Step& step) {
    return step.review.has_value() || flow::isApproval(step);
  });
}

/// Where a run stands: at what somebody has to resolve, before all else that is under way.
std::string stepAtHand(const engine::RunState& state) {
  for (const engine::ActiveStep& each : state.active) {
    if (each.phase == engine::StepPhase::kAmbiguous) return each.started.key.path;
  }
  if (!state.active.empty()) return state.active.front().started.key.path;
  if (!state.ready.empty()) return state.ready.front();
  return state.finished ? state.finished->failedStep : std::string();
}

}  // namespace

const flow::Step* stepOf(const LiveRun& run, const std::string& path) {
  if (!run.code) return run.flow->flow.find(engine::stepIdOf(path));
  const auto call = run.code->steps.find(path);
  return call == run.code->steps.end() ? nullptr : &call->second.step;
}

Result<engine::RunState> replay(journal::Journal& journal, const base::RunId& id,
                                RecordedDecisions* decisions, CodeFeed* feed) {
  constexpr std::size_t kBatch = 512;
  engine::RunState state;
  state.id = id;
  for (std::uint64_t after = 0;;) {
    BELAY_ASSIGN(const std::vector<journal::EventRow> rows, journal.events(id, after, kBatch));
    for (const journal::EventRow& row : rows) {
      auto body = engine::decodeBody(row.name, row.body);
      if (!body)
        return std::move(body).error().in("run " + id.str() + ", event " + std::to_string(row.seq));
      if (decisions) decisions->note(*body);
      if (feed) feed->note(row.atMs, *body);
      // The effects were performed, or come again from owed().
      BELAY_TRY(engine::apply(state, engine::Event{row.atMs, std::move(*body)}));
      after = row.seq;
    }
    if (rows.size() < kBatch) return state;
  }
}

bool project(const engine::RunState& state, journal::RunRow& row) {
  journal::RunRow next = row;
  next.status = state.status();
  next.step = stepAtHand(state);
  const bool failed = state.finished && state.finished->failure;
  next.errorCode = failed ? state.finished->failure->code : "";
  next.errorMessage = failed ? state.finished->failure->message : "";
  next.finishedMs = state.finished ? state.updatedAtMs : 0;
  // The step at hand is shown by `run show`, from the events; writing it for each step would double
  // the work of a step. What is to be resolved changes seldom, and is read here.
  const bool resolved = next.status == engine::RunStatus::kAmbiguous && next.step != row.step;
  const bool changed = resolved || next.status != row.status || next.errorCode != row.errorCode ||
                       next.finishedMs != row.finishedMs;
  if (changed) {
    next.updatedMs = state.updatedAtMs;
    row = std::move(next);
  }
  return changed;
}

Result<const std::vector<std::string>*> ItemCache::of(const engine::ActiveBlock& block,
                                                      LargeOutputs& outputs) {
  const engine::BlockStarted& e = block.started;
  List& list = lists_[e.key.path];
  if (list.visit == e.key.visit) return &list.items;
  std::string text = e.itemsJson;
  if (!e.itemsRef.empty()) {
    BELAY_ASSIGN(text, outputs.load(e.itemsRef));
  }
  BELAY_ASSIGN(const json::Value items, json::parse(text));
  list.items.clear();
  for (const json::Value& item : items.asArray()) list.items.push_back(json::print(item));
  list.visit = e.key.visit;
  return &list.items;
}

LiveRun* RunCache::find(const base::RunId& id) {
  const auto found = runs_.find(id);
  return found == runs_.end() ? nullptr : found->second.get();
}

Result<LiveRun*> RunCache::get(const base::RunId& id) {
  if (LiveRun* run = find(id)) return run;
  auto run = load(id);
  if (run) return &add(std::move(*run));
  Error error = ofOneRun(std::move(run).error());
  if (error.code != ErrorCode::kJournalIo && error.code != ErrorCode::kRunNotFound) {
    log_.error("run.unreadable", error, {{"run", id.str()}});
  }
  return error;
}

LiveRun& RunCache::add(std::unique_ptr<LiveRun> run) {
  const base::RunId id = run->state.id;
  return *(runs_[id] = std::move(run));
}

void RunCache::drop(const base::RunId& id) { runs_.erase(id); }

Result<std::unique_ptr<LiveRun>> RunCache::load(const base::RunId& id) {
  BELAY_ASSIGN(std::optional<journal::RunRow> row, journal_.run(id));
  if (!row) {
    return Error{ErrorCode::kRunNotFound, "there is no run " + id.str(), {"belay run list"}};
  }
  auto run = std::make_unique<LiveRun>();
  BELAY_ASSIGN(run->head, journal_.head(id));
  auto decisions = std::make_unique<RecordedDecisions>();
  CodeFeed feed;
  BELAY_ASSIGN(run->state, replay(journal_, id, decisions.get(), &feed));
  BELAY_ASSIGN(run->flow, flows_.get(row->flowDigest));
  if (run->state.code) {
    BELAY_ASSIGN(run->code, CodeRun::open(*run->flow, run->state, std::move(feed)));
  }
  // Also without a trace of a decision: it may have been cut out.
  if (run->code || asksPersons(run->flow->flow)) run->unverified = std::move(decisions);
  run->row = std::move(*row);
  return run;
}

}  // namespace belay::runtime
