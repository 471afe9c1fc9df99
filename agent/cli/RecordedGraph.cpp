#include "agent/cli/RecordedGraph.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "agent/engine/Path.h"
#include "agent/flow/Family.h"
#include "common/base/Units.h"

namespace belay::cli {

using authoring::FlowGraph;
using authoring::StepMark;
using authoring::Way;
using json::Value;

namespace {

bool isNumber(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// A path without the visits and items in it: all of them are drawn once.
std::string drawnPath(std::string_view path) {
  const std::string_view scope = engine::scopeOf(path);
  const auto child = engine::childOf(scope);
  if (!child) return std::string(path);
  const std::string name = isNumber(child->child) ? "" : child->child;
  return drawnPath(child->container) + "[" + name + "]/" + std::string(engine::stepIdOf(path));
}

std::vector<engine::ChildName> holdersOf(std::string_view path) {
  std::vector<engine::ChildName> out;
  for (auto child = engine::childOf(engine::scopeOf(path)); child;
       child = engine::childOf(engine::scopeOf(child->container)))
    out.push_back(*child);
  return out;
}

/// Makes lists of the visits, in the order in which they began.
class Lists {
 public:
  explicit Lists(RecordedSteps& out) : out_(out) { out_.flow.blocks.emplace_back(); }

  void add(const std::string& path, const flow::FamilyRow* family) {
    const std::size_t index = stepAt(drawnPath(path));
    if (family) out_.flow.steps[index].family = family->family;
    count(path);
  }
  /// How many items a forEach had is known when all have been seen.
  void nameItems() {
    for (const auto& [index, names] : items_)
      out_.flow.steps[index].spec = std::to_string(names.size()) + " items";
  }

 private:
  void count(const std::string& path) {
    for (const engine::ChildName& child : holdersOf(path)) {
      const std::size_t holder = stepAt(drawnPath(child.container));
      if (out_.flow.steps[holder].family == flow::Family::kForEach)
        items_[holder].insert(engine::childScope({child.container, child.visit, 1}, child.child));
    }
  }

  std::size_t stepAt(const std::string& path) {
    if (const auto known = out_.steps.find(path); known != out_.steps.end()) return known->second;
    const std::size_t block = listAt(engine::scopeOf(path));
    const std::size_t index = out_.flow.steps.size();
    flow::Step& step = out_.flow.steps.emplace_back();
    // A name that a damaged record has is drawn as none.
    if (auto id = base::StepId::parse(engine::stepIdOf(path))) step.id = std::move(*id);
    step.block = block;
    out_.flow.blocks[block].steps.push_back(index);
    out_.steps[path] = index;
    return index;
  }

  /// The list of a branch, or of all items.
  std::size_t listAt(std::string_view scope) {
    if (scope.empty()) return 0;
    if (const auto known = lists_.find(scope); known != lists_.end()) return known->second;
    const auto child = engine::childOf(scope);
    const std::size_t holder = stepAt(child->container);
    const std::size_t number = out_.flow.blocks.size();
    out_.flow.blocks.push_back({child->child, holder, {}});
    flow::Step& step = out_.flow.steps[holder];
    step.family = child->child.empty() ? flow::Family::kForEach : flow::Family::kParallel;
    step.control.blocks.push_back(number);
    lists_.emplace(scope, number);
    return number;
  }

  RecordedSteps& out_;
  std::map<std::string, std::size_t, std::less<>> lists_;
  std::map<std::size_t, std::set<std::string>> items_;
};

template <typename Each>
void eachVisit(const Value& shown, Each each) {
  const Value* visits = shown.find("steps");
  if (!visits || !visits->isArray()) return;
  for (const Value& visit : visits->asArray()) {
    // What undoes a step is no step that the code has called.
    if (!engine::isUndo(visit.text("step"))) each(visit, visit.text("step"));
  }
}

/// The ways between visits that followed each other in one list of the run.
class Ways {
 public:
  explicit Ways(FlowGraph& graph) : graph_(graph) {}

  void go(const std::string& list, std::size_t to) {
    const auto known = last_.find(list);
    const std::size_t block = graph_.flow.steps[to].block;
    if (known == last_.end())
      add(block, std::nullopt, to);
    else if (known->second != to)
      add(block, known->second, to);
    last_[list] = to;
  }
  void end() {
    for (const auto& [list, step] : last_) add(graph_.flow.steps[step].block, step, std::nullopt);
  }

 private:
  void add(std::size_t block, std::optional<std::size_t> from, std::optional<std::size_t> to) {
    const bool known = std::any_of(graph_.ways.begin(), graph_.ways.end(), [&](const Way& way) {
      return way.block == block && way.from == from && way.to == to;
    });
    if (!known) graph_.ways.push_back({block, from, to, Way::Kind::kNext, {}, 0, true});
  }

  FlowGraph& graph_;
  std::map<std::string, std::size_t> last_;  // by the list's path in the run
};

/// Those that hold others have no events of their own: they took from the first of what they held
/// to the last, and are as the worst of it.
void markHolders(FlowGraph& graph, const RecordedSteps& recorded, const Value& shown) {
  struct Span {
    std::size_t holder = 0;
    std::int64_t from = 0, to = 0;
  };
  std::map<std::string, Span> spans;  // by visit of the holder
  std::map<std::size_t, std::set<std::size_t>> inner;
  eachVisit(shown, [&](const Value& visit, const std::string& path) {
    const auto began = base::parseInstant(visit.text("started_at"));
    const std::int64_t from = began.ok() ? *began : 0;
    const std::int64_t to = from + visit.integer("duration_ms");
    for (const engine::ChildName& child : holdersOf(path)) {
      const std::size_t holder = recorded.steps.at(drawnPath(child.container));
      inner[holder].insert(recorded.steps.at(drawnPath(path)));
      const auto [at, isNew] = spans.try_emplace(
          engine::childrenOf({child.container, child.visit, 1}), Span{holder, from, to});
      if (isNew) continue;
      at->second.from = std::min(at->second.from, from);
      at->second.to = std::max(at->second.to, to);
    }
  });
  for (const auto& [name, span] : spans) {
    StepMark& mark = graph.marks[span.holder];
    ++mark.visits;
    mark.durationMs += span.to - span.from;
  }
  for (const auto& [holder, steps] : inner) {
    for (const std::size_t step : steps)
      authoring::raise(graph.marks[holder], graph.marks[step].status);
  }
}

}  // namespace

RecordedSteps recordedSteps(const flow::Flow& code, const Value& shown) {
  RecordedSteps out;
  out.flow.slug = code.slug;
  out.flow.digest = code.digest;
  Lists lists(out);
  eachVisit(shown, [&](const Value& visit, const std::string& path) {
    lists.add(path, flow::findFamily(visit.text("family")));
  });
  lists.nameItems();
  return out;
}

authoring::FlowGraph graphOf(const RecordedSteps& recorded, const Value& shown) {
  FlowGraph graph{recorded.flow, {}, {}, {}, 0, {}};
  authoring::nameRun(graph, shown);
  Ways ways(graph);
  std::set<std::string> entered;
  eachVisit(shown, [&](const Value&, const std::string& path) {
    // What holds the step is entered with the first of its steps, from the outside inwards.
    auto around = holdersOf(path);
    std::reverse(around.begin(), around.end());
    for (const engine::ChildName& child : around) {
      if (entered.insert(engine::childrenOf({child.container, child.visit, 1})).second)
        ways.go(std::string(engine::scopeOf(child.container)),
                recorded.steps.at(drawnPath(child.container)));
    }
    ways.go(std::string(engine::scopeOf(path)), recorded.steps.at(drawnPath(path)));
  });
  ways.end();
  authoring::markSteps(graph, shown, [&recorded](const std::string& path) {
    const auto found = recorded.steps.find(drawnPath(path));
    return found == recorded.steps.end() ? std::nullopt : std::optional(found->second);
  });
  markHolders(graph, recorded, shown);
  return graph;
}

}  // namespace belay::cli
