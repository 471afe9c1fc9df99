#include "agent/rehearsal/History.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

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
      return family == flow::Family::kKv || family == flow::Family::kEmit ||
             family == flow::Family::kSearch;
    }
    const auto call = calls_.find(path);
    if (call == calls_.end()) return false;
    const auto definition = json::parse(call->second);
    return definition && (definition->find("kv") || definition->find("emit") || definition->find("search"));
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

/// A step that has ended.
struct End {
  engine::StepKey key;
  std::string outcome;
};

/// What is compared of a history: the steps of each list as they ended one after the other, and
/// what those that were performed did. Which of two lists that run together is ahead says nothing.
struct Trace {
  std::map<std::string, std::vector<End>> lists;  ///< By scope; those around them too.
  std::map<std::string, std::string> rendered;    ///< By path and visit.
  std::string end;
};

std::string nameOf(const engine::StepKey& key) {
  return key.path + ":" + std::to_string(key.visit);
}

class Tracer {
 public:
  /// False when no more is looked at.
  bool take(const journal::EventRow& event) {
    const auto body = engine::decodeBody(event.name, event.body);
    if (!body) return true;
    if (std::holds_alternative<engine::RunRetried>(*body)) return false;
    if (const auto* advanced = std::get_if<engine::CodeAdvanced>(&*body)) {
      // Waits and what the flow computes by itself are not rendered: they are as they were asked
      // for. Calls of one list can run together; code asks for them in an order of its own.
      for (const engine::CodeCall& call : advanced->calls) {
        trace_.rendered[nameOf(call.key)] = call.definitionJson;
        asked_.emplace(nameOf(call.key), asked_.size());
      }
    } else if (const auto* started = std::get_if<engine::StepStarted>(&*body)) {
      trace_.rendered[nameOf(started->key)] = started->renderedJson;
    } else if (const auto* finished = std::get_if<engine::StepFinished>(&*body)) {
      list(engine::scopeOf(finished->key.path))
          .push_back({finished->key, std::string(engine::outcomeName(finished->outcome))});
    } else if (const auto* run = std::get_if<engine::RunFinished>(&*body)) {
      trace_.end = engine::runEndName(run->end);
    }
    return true;
  }

  Trace done() && {
    const auto place = [this](const End& end) {
      const auto found = asked_.find(nameOf(end.key));
      return found == asked_.end() ? asked_.size() : found->second;
    };
    if (!asked_.empty()) {
      for (auto& [scope, ends] : trace_.lists)
        std::stable_sort(ends.begin(), ends.end(),
                         [&](const End& a, const End& b) { return place(a) < place(b); });
    }
    return std::move(trace_);
  }

 private:
  std::vector<End>& list(std::string_view scope) {
    if (const auto child = engine::childOf(scope)) list(engine::scopeOf(child->container));
    return trace_.lists[std::string(scope)];
  }

  Trace trace_;
  std::map<std::string, std::size_t> asked_;  ///< In which order, of code.
};

Trace traceOf(const std::vector<journal::EventRow>& events) {
  Tracer tracer;
  for (const journal::EventRow& event : events)
    if (!tracer.take(event)) break;
  return std::move(tracer).done();
}

/// Holds the lists of two histories against each other, from the flow's own down into the steps
/// that both have in the same place.
class Comparison {
 public:
  Comparison(const Trace& was, const Trace& now, bool cutOff, std::vector<Change>& out)
      : was_(was), now_(now), cutOff_(cutOff), out_(out) {
    for (const Trace* trace : {&was, &now}) {
      for (const auto& [scope, ends] : trace->lists)
        if (const auto child = engine::childOf(scope))
          within_[{child->container, child->visit}].insert(scope);
    }
  }

  /// True when both took the same way.
  bool sameWay() {
    list("", false);
    return sameWay_;
  }

 private:
  using Container = std::pair<std::string, std::uint32_t>;

  static const std::vector<End>& endsOf(const Trace& trace, const std::string& scope) {
    static const std::vector<End> kNone;
    const auto found = trace.lists.find(scope);
    return found == trace.lists.end() ? kNone : found->second;
  }

  /// `mayBeCut`: what stands around it failed in both, and ended what was under way in it.
  void list(const std::string& scope, bool mayBeCut) {
    const std::vector<End>& was = endsOf(was_, scope);
    const std::vector<End>& now = endsOf(now_, scope);
    std::set<Container> ended;
    for (std::size_t i = 0; i < std::max(was.size(), now.size()); ++i) {
      if (i >= now.size() && cutOff_) break;
      if ((i >= now.size() || i >= was.size()) && mayBeCut) break;
      const std::string wasPath = i < was.size() ? was[i].key.path : "end";
      const std::string nowPath = i < now.size() ? now[i].key.path : "end";
      if (wasPath != nowPath) {
        out_.push_back(
            {Change::Kind::kPath, i == 0 ? scope : was[i - 1].key.path, wasPath, nowPath});
        sameWay_ = false;
        return;
      }
      const Container container{wasPath, was[i].key.visit};
      ended.insert(container);
      lists(container, was[i].outcome == "failed" && now[i].outcome == "failed");
      if (was[i].outcome != now[i].outcome)
        out_.push_back({Change::Kind::kOutcome, wasPath, was[i].outcome, now[i].outcome});
    }
    // Those of code have no end of their own.
    for (const auto& [container, scopes] : within_) {
      if (engine::scopeOf(container.first) != scope || ended.contains(container)) continue;
      const bool fails =
          std::any_of(scopes.begin(), scopes.end(), [this](const std::string& inner) {
            return endsBadly(was_, inner) || endsBadly(now_, inner);
          });
      lists(container, mayBeCut || fails);
    }
  }

  static bool endsBadly(const Trace& trace, const std::string& scope) {
    const std::vector<End>& ends = endsOf(trace, scope);
    return !ends.empty() && ends.back().outcome == "failed";
  }

  void lists(const Container& container, bool mayBeCut) {
    const auto found = within_.find(container);
    if (found == within_.end()) return;
    for (const std::string& scope : found->second) list(scope, mayBeCut);
  }

  const Trace& was_;
  const Trace& now_;
  const bool cutOff_;  ///< The rehearsal lacked an answer.
  std::vector<Change>& out_;
  std::map<Container, std::set<std::string>> within_;
  bool sameWay_ = true;
};

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
  if (!Comparison(was, now, !played.missing.empty(), out).sameWay()) return out;
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
