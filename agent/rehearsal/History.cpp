#include "agent/rehearsal/History.h"

#include <algorithm>
#include <map>

#include "agent/engine/Names.h"
#include "agent/engine/Path.h"
#include "common/json/Json.h"

namespace belay::rehearsal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

/// Goes through the events of a run, and notes what came from outside.
class Reader {
 public:
  Reader(Scenario& scenario, const flow::Flow& flow, const StageOutputs::Load& load)
      : scenario_(scenario), flow_(flow), load_(load) {}

  Status take(const journal::EventRow& row) {
    BELAY_ASSIGN(const engine::EventBody body, engine::decodeBody(row.name, row.body));
    if (const auto* created = std::get_if<engine::RunCreated>(&body)) return begin(*created, row);
    if (std::holds_alternative<engine::RunAdmitted>(body)) {
      // It was queued until then.
      scenario_.startMs = row.atMs;
    } else if (const auto* advanced = std::get_if<engine::CodeAdvanced>(&body)) {
      for (const engine::CodeCall& call : advanced->calls)
        calls_[call.key.path] = call.definitionJson;
    } else if (const auto* started = std::get_if<engine::StepStarted>(&body)) {
      performed_[started->key.path] = started->child;
      startedMs_[started->key.path] = row.atMs;
    } else if (const auto* failed = std::get_if<engine::AttemptFailed>(&body)) {
      fail(failed->key.path, failed->failure, row.atMs);
    } else if (const auto* opened = std::get_if<engine::WaitOpened>(&body)) {
      startedMs_[opened->key.path] = row.atMs;
    } else if (const auto* resolved = std::get_if<engine::WaitResolved>(&body)) {
      answer(*resolved, row.atMs);
    } else if (const auto* finished = std::get_if<engine::StepFinished>(&body)) {
      return finish(*finished, row.atMs);
    }
    return {};
  }

 private:
  Status begin(const engine::RunCreated& created, const journal::EventRow& row) {
    BELAY_ASSIGN(scenario_.input, json::parse(created.inputJson));
    scenario_.triggerJson = created.triggerJson;
    scenario_.startMs = row.atMs;
    if (auto run = base::RunId::parse(scenario_.name))
      scenario_.recorded = {std::move(*run), created.source, created.startedBy, created.seed};
    return {};
  }

  /// It says what the host kept then, or who listened.
  bool isOfHost(const std::string& path) const {
    const auto index = flow_.indexOf(engine::stepIdOf(path));
    if (index) {
      const flow::Family family = flow_.steps[*index].family;
      return family == flow::Family::kKv || family == flow::Family::kEmit;
    }
    const auto call = calls_.find(path);
    if (call == calls_.end()) return false;
    const auto definition = json::parse(call->second);
    return definition && (definition->find("kv") || definition->find("emit"));
  }

  void add(const std::string& path, Given given, std::int64_t atMs) {
    const auto begun = startedMs_.find(path);
    if (begun != startedMs_.end() && atMs > begun->second)
      given.takes = std::chrono::milliseconds{atMs - begun->second};
    if (const auto child = performed_.find(path); child != performed_.end())
      given.child = child->second;
    scenario_.given[path].push_back(std::move(given));
  }

  void fail(const std::string& path, const engine::Failure& failure, std::int64_t atMs) {
    Given given;
    given.kind = Given::Kind::kFailure;
    given.failure = failure;
    add(path, std::move(given), atMs);
  }

  void answer(const engine::WaitResolved& resolved, std::int64_t atMs) {
    Given given;
    switch (resolved.answer) {
      case engine::WaitAnswer::kApproved:
      case engine::WaitAnswer::kRejected: {
        const bool approved = resolved.answer == engine::WaitAnswer::kApproved;
        given.kind = approved ? Given::Kind::kApprove : Given::Kind::kReject;
        const auto body = json::parse(resolved.bodyJson);
        if (body && body->find("form")) given.json = json::print(*body->find("form"));
        if (body) given.comment = body->text("comment");
        break;
      }
      case engine::WaitAnswer::kBody:
        given.kind = Given::Kind::kBody;
        given.json = resolved.bodyJson;
        break;
      case engine::WaitAnswer::kTimeReached:
        return;
      case engine::WaitAnswer::kTimedOut:
      case engine::WaitAnswer::kClosed:
        given.kind = Given::Kind::kNothing;
    }
    add(resolved.key.path, std::move(given), atMs);
  }

  Status finish(const engine::StepFinished& finished, std::int64_t atMs) {
    const std::string& path = finished.key.path;
    const bool wasPerformed = performed_.contains(path);
    if (finished.outcome == engine::StepOutcome::kSkipped || (!wasPerformed && !isOfHost(path)))
      return {};
    Given given;
    if (finished.failure) {
      given.kind = Given::Kind::kFailure;
      given.failure = *finished.failure;
    } else {
      given.json = finished.outputJson;
      if (!finished.outputRef.empty()) {
        BELAY_ASSIGN(given.json, load_(finished.outputRef));
      }
    }
    add(path, std::move(given), atMs);
    performed_.erase(path);
    return {};
  }

  Scenario& scenario_;
  const flow::Flow& flow_;
  const StageOutputs::Load& load_;
  std::map<std::string, base::RunId> performed_;  ///< With the runs that they started.
  std::map<std::string, std::string> calls_;      ///< Definitions of the calls of code.
  std::map<std::string, std::int64_t> startedMs_;
};

/// What is compared of a history: steps as they ended, and what those that were performed did.
struct Trace {
  struct End {
    std::string path;
    std::string outcome;
  };
  std::vector<End> ends;
  std::map<std::string, std::string> rendered;  ///< By path and visit.
  std::string end;
};

Trace traceOf(const std::vector<journal::EventRow>& events) {
  Trace out;
  for (const journal::EventRow& event : events) {
    const auto body = engine::decodeBody(event.name, event.body);
    if (!body) continue;
    if (std::holds_alternative<engine::RunRetried>(*body)) return out;
    if (const auto* advanced = std::get_if<engine::CodeAdvanced>(&*body)) {
      // Waits and what the flow computes by itself are not rendered: they are as they were asked
      // for.
      for (const engine::CodeCall& call : advanced->calls)
        out.rendered[call.key.path + ":" + std::to_string(call.key.visit)] = call.definitionJson;
    } else if (const auto* started = std::get_if<engine::StepStarted>(&*body)) {
      out.rendered[started->key.path + ":" + std::to_string(started->key.visit)] =
          started->renderedJson;
    } else if (const auto* finished = std::get_if<engine::StepFinished>(&*body)) {
      out.ends.push_back({finished->key.path, std::string(engine::outcomeName(finished->outcome))});
    } else if (const auto* run = std::get_if<engine::RunFinished>(&*body)) {
      out.end = engine::runEndName(run->end);
    }
  }
  return out;
}

void compareRendered(const Trace& was, const Trace& now, std::vector<Change>& out) {
  for (const auto& [visit, rendered] : was.rendered) {
    const auto found = now.rendered.find(visit);
    if (found == now.rendered.end() || found->second == rendered) continue;
    out.push_back(
        {Change::Kind::kRendered, visit.substr(0, visit.rfind(':')), rendered, found->second});
  }
}

}  // namespace

std::string_view changeName(Change::Kind kind) {
  constexpr std::string_view kNames[] = {"path", "rendered", "outcome", "unknown"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::vector<Change> compare(const std::vector<journal::EventRow>& recorded, const Played& played) {
  const Trace was = traceOf(recorded);
  const Trace now = traceOf(played.events);
  std::vector<Change> out;
  compareRendered(was, now, out);
  const std::size_t most = std::max(was.ends.size(), now.ends.size());
  for (std::size_t i = 0; i < most; ++i) {
    const std::string before = i == 0 ? "" : was.ends[i - 1].path;
    const bool hasNow = i < now.ends.size();
    if (!hasNow && !played.missing.empty()) {
      out.push_back({Change::Kind::kUnknown, played.missing, "", ""});
      return out;
    }
    const std::string wasPath = i < was.ends.size() ? was.ends[i].path : "end";
    const std::string nowPath = hasNow ? now.ends[i].path : "end";
    if (wasPath != nowPath) {
      out.push_back({Change::Kind::kPath, before, wasPath, nowPath});
      return out;
    }
    if (was.ends[i].outcome != now.ends[i].outcome)
      out.push_back({Change::Kind::kOutcome, wasPath, was.ends[i].outcome, now.ends[i].outcome});
  }
  if (!played.missing.empty()) {
    out.push_back({Change::Kind::kUnknown, played.missing, "", ""});
  } else if (was.end != now.end) {
    out.push_back({Change::Kind::kOutcome, "", was.end, now.end.empty() ? played.stuck : now.end});
  }
  return out;
}

Result<Scenario> scenarioOf(const std::string& name, const std::vector<journal::EventRow>& events,
                            const flow::Flow& flow, const StageOutputs::Load& load) {
  Scenario scenario;
  scenario.name = name;
  Reader reader(scenario, flow, load);
  for (const journal::EventRow& event : events) {
    if (event.name == engine::eventName(engine::RunRetried{})) break;
    BELAY_TRY(reader.take(event));
  }
  if (!events.empty() && events.front().name == "run_created") return scenario;
  return Error{ErrorCode::kJournalCorrupt,
               "the history of " + name + " does not begin with its creation"};
}

}  // namespace belay::rehearsal
