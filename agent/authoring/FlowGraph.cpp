#include "agent/authoring/FlowGraph.h"

#include <algorithm>
#include <array>

#include "agent/flow/Family.h"
#include "common/base/Text.h"

namespace belay::authoring {

using flow::Family;
using flow::Flow;
using flow::Step;
using json::Value;

namespace {

/// Collects the ways of one list of steps.
class Ways {
 public:
  Ways(const Flow& flow, std::size_t block, std::vector<Way>& out)
      : flow_(flow), block_(block), steps_(flow.blocks[block].steps), out_(out) {}

  void collect() {
    add(std::nullopt, steps_.front(), Way::Kind::kNext);
    for (std::size_t row = 0; row < steps_.size(); ++row) leave(row);
  }

 private:
  void add(std::optional<std::size_t> from, std::optional<std::size_t> to, Way::Kind kind,
           std::string label = {}, std::size_t number = 0) {
    out_.push_back({block_, from, to, kind, std::move(label), number, false});
  }

  std::optional<std::size_t> named(std::string_view name) const {
    return name == "end" ? std::nullopt : flow_.indexOf(name);
  }

  void leave(std::size_t row) {
    const std::size_t index = steps_[row];
    const Step& step = flow_.steps[index];
    const auto behind = row + 1 < steps_.size() ? std::optional(steps_[row + 1]) : std::nullopt;
    const bool skips = step.when || step.onError.kind == flow::OnError::Kind::kSkip;
    if (step.family == Family::kSwitch) {
      for (std::size_t i = 0; i < step.cases.size(); ++i) {
        add(index, named(step.cases[i].next), Way::Kind::kCase, step.cases[i].when.value_or("else"),
            i);
      }
      if (skips) add(index, behind, Way::Kind::kSkip);
    } else if (!step.next) {
      add(index, behind, Way::Kind::kNext);
    } else if (step.next->find("${{") == std::string::npos) {
      add(index, named(*step.next), Way::Kind::kNext);
    } else {
      chosen(index, *step.next);
    }
    if (step.onError.kind == flow::OnError::Kind::kStep)
      add(index, named(step.onError.step.str()), Way::Kind::kError);
  }

  /// The steps that stand as texts in the expression; it may give others, which nobody can tell.
  void chosen(std::size_t index, const std::string& expression) {
    const auto quoted = [&](const std::string& name) {
      return std::any_of(kQuotes.begin(), kQuotes.end(), [&](char quote) {
        return expression.find(quote + name + quote) != std::string::npos;
      });
    };
    for (const std::size_t other : steps_) {
      if (quoted(flow_.steps[other].id.str())) add(index, other, Way::Kind::kChosen);
    }
    if (quoted("end")) add(index, std::nullopt, Way::Kind::kChosen);
  }

  static constexpr std::array<char, 3> kQuotes{'\'', '"', '`'};
  const Flow& flow_;
  const std::size_t block_;
  const std::vector<std::size_t>& steps_;
  std::vector<Way>& out_;
};

/// Which of two words says more about all visits of a step.
int weightOf(std::string_view status) {
  constexpr std::array<std::string_view, 8> kWords{"skipped", "ended",   "succeeded", "waiting",
                                                   "running", "backoff", "ambiguous", "failed"};
  return static_cast<int>(std::find(kWords.begin(), kWords.end(), status) - kWords.begin());
}

/// Marks the way between two visits that followed each other in one list.
void take(FlowGraph& graph, std::optional<std::size_t> from, std::optional<std::size_t> to,
          bool failed) {
  Way* found = nullptr;
  for (Way& way : graph.ways) {
    if (way.from != from || way.to != to) continue;
    if (!found || (way.kind == Way::Kind::kError) == failed) found = &way;
    if ((found->kind == Way::Kind::kError) == failed) break;
  }
  if (found && (from || to)) found->taken = true;
}

}  // namespace

FlowGraph graphOf(const Flow& flow) {
  FlowGraph graph{flow, {}, {}, {}, 0, {}};
  for (std::size_t i = 0; i < flow.blocks.size(); ++i) Ways(flow, i, graph.ways).collect();
  return graph;
}

void raise(StepMark& mark, const std::string& status) {
  if (mark.status.empty() || weightOf(status) > weightOf(mark.status)) mark.status = status;
}

void markSteps(FlowGraph& graph, const Value& shown, const StepAt& stepAt) {
  const Value* visits = shown.find("steps");
  if (!visits || !visits->isArray()) return;
  std::map<std::string, std::string> states;  // By path: the latest visit counts.
  for (const Value& visit : visits->asArray()) {
    const std::string path = visit.text("step");
    const auto index = stepAt(path);
    if (!index) continue;
    states[path] = visit.text("status");
    StepMark& mark = graph.marks[*index];
    ++mark.visits;
    mark.durationMs += visit.integer("duration_ms");
  }
  for (const auto& [path, status] : states) {
    raise(graph.marks[*stepAt(path)], status);
  }
}

void nameRun(FlowGraph& graph, const Value& shown) {
  const Value* run = shown.find("run");
  if (!run) return;
  graph.run = run->text("id");
  graph.runStatus = run->text("status");
  graph.durationMs = run->integer("duration_ms");
}

void addRun(FlowGraph& graph, const Value& shown) {
  struct Last {
    std::optional<std::size_t> step;
    bool failed = false;
  };
  nameRun(graph, shown);
  const Value* visits = shown.find("steps");
  if (!visits || !visits->isArray()) return;
  const auto stepAt = [&graph](const std::string& path) {
    return graph.flow.indexOf(path.substr(path.rfind('/') + 1));
  };
  std::map<std::string, Last> lists;  // By the path of the list that a step stands in.
  for (const Value& visit : visits->asArray()) {
    const std::string path = visit.text("step");
    const auto index = stepAt(path);
    if (!index) continue;
    const std::size_t slash = path.rfind('/');
    const bool ofFailure = graph.flow.steps[*index].block == graph.flow.onFailure;
    std::string list = slash == std::string::npos ? "" : path.substr(0, slash);
    if (ofFailure) list = "on_failure";
    Last& last = lists[list];
    take(graph, last.step, index, last.failed);
    last = {index, visit.text("status") == "failed"};
    if (visit.text("next") == "end") take(graph, index, std::nullopt, last.failed);
  }
  markSteps(graph, shown, stepAt);
}

std::string_view wayName(Way::Kind kind) {
  constexpr std::array<std::string_view, 5> kNames{"next", "case", "error", "skip", "chosen"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::string listName(const Flow& flow, std::size_t block) {
  if (block == 0) return "flow";
  if (block == flow.onFailure) return "on_failure";
  const flow::Block& list = flow.blocks[block];
  if (!list.container) return "list";
  const Step& holder = flow.steps[*list.container];
  const std::string name = holder.control.finalize == block ? "finalize" : list.name;
  return holder.id.str() + (name.empty() ? "" : "[" + name + "]");
}

Value graphToJson(const FlowGraph& graph) {
  const auto nameOf = [&](std::optional<std::size_t> index, std::string_view none) {
    return index ? Value(graph.flow.steps[*index].id.str()) : Value(none);
  };
  json::Array steps;
  for (std::size_t i = 0; i < graph.flow.steps.size(); ++i) {
    const Step& step = graph.flow.steps[i];
    Value out;
    out.set("id", step.id.str()).set("family", familyName(step.family)).set("title", step.title);
    out.set("list", listName(graph.flow, step.block));
    if (const auto mark = graph.marks.find(i); mark != graph.marks.end()) {
      out.set("status", mark->second.status).set("duration_ms", mark->second.durationMs);
      out.set("visits", static_cast<std::int64_t>(mark->second.visits));
    }
    steps.push_back(std::move(out));
  }
  json::Array ways;
  for (const Way& way : graph.ways) {
    Value out;
    out.set("list", listName(graph.flow, way.block));
    out.set("from", nameOf(way.from, "start")).set("to", nameOf(way.to, "end"));
    out.set("kind", wayName(way.kind));
    if (!way.label.empty()) out.set("label", way.label);
    if (!graph.run.empty()) out.set("taken", way.taken);
    ways.push_back(std::move(out));
  }
  Value out;
  out.set("steps", std::move(steps)).set("ways", std::move(ways));
  return out;
}

std::size_t columnsOf(std::string_view text) {
  std::size_t columns = 0;
  for (const char raw : text) {
    const auto byte = static_cast<unsigned char>(raw);
    // What begins with 0xE1 or more is wide often enough; a box too wide is better than a text
    // across its border. The general punctuation (…, –) begins with 0xE2.
    if ((byte & 0xC0u) != 0x80u) columns += byte >= 0xE3 ? 2 : 1;
  }
  return columns;
}

std::string oneLine(std::string_view text, std::size_t columns) {
  std::string line;
  for (const char c : text) {
    const bool space = c == '\n' || c == '\t' || c == '\r' || c == ' ';
    if (!space) line += c;
    if (space && !line.empty() && line.back() != ' ') line += ' ';
  }
  line = base::visible(base::trim(line));
  if (columnsOf(line) <= columns) return line;
  std::string out;
  for (std::size_t i = 0; i < line.size();) {
    std::size_t end = i + 1;
    while (end < line.size() && (static_cast<unsigned char>(line[end]) & 0xC0u) == 0x80u) ++end;
    if (columnsOf(out) + columnsOf(line.substr(i, end - i)) + 1 > columns) break;
    out += line.substr(i, end - i);
    i = end;
  }
  return out + "…";
}

namespace {

/// What stands between the braces of a value that is one expression; other values as they are.
std::string_view bare(std::string_view text) {
  if (text.size() > 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  const bool whole = text.starts_with("${{") && text.ends_with("}}");
  return whole ? base::trim(text.substr(3, text.size() - 5)) : text;
}

}  // namespace

std::vector<std::string> detailsOf(const Step& step, std::size_t columns) {
  std::vector<std::string> out;
  const auto line = [&](std::string text) { out.push_back(oneLine(text, columns)); };
  line(std::string(familyName(step.family)) + (step.title.empty() ? "" : " · " + step.title));
  if (step.when) line("when " + *step.when);
  if (step.family == Family::kForEach) {
    const std::uint32_t many = step.control.maxParallel;
    line("each of " + std::string(bare(step.spec)) +
         (many > 1 ? ", " + std::to_string(many) + " at a time" : ""));
  }
  if (step.control.whileHolds) line("while " + *step.control.whileHolds);
  if (step.control.untilHolds) line("until " + *step.control.untilHolds);
  std::string more;
  if (step.retry.maxAttempts > 1)
    more = "at most " + std::to_string(step.retry.maxAttempts) + " attempts";
  if (step.onError.kind == flow::OnError::Kind::kSkip)
    more += std::string(more.empty() ? "" : ", ") + "goes on after an error";
  if (!more.empty()) line(more);
  if (step.next && step.next->find("${{") != std::string::npos)
    line("next " + std::string(bare(*step.next)));
  return out;
}

}  // namespace belay::authoring
