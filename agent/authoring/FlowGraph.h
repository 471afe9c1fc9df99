#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/flow/Flow.h"
#include "common/json/Value.h"

namespace belay::authoring {

/// A way from one step to another one of its list.
struct Way {
  enum class Kind : std::uint8_t {
    kNext,    ///< When the step is done.
    kCase,    ///< When the case of a switch holds.
    kError,   ///< When the step has failed.
    kSkip,    ///< When the step was skipped, where that leads elsewhere.
    kChosen,  ///< An expression may choose it.
  };
  std::size_t block = 0;
  std::optional<std::size_t> from;  ///< Index of a step; nothing: where the list begins.
  std::optional<std::size_t> to;    ///< Index of a step; nothing: where the list ends.
  Kind kind = Kind::kNext;
  std::string label;       ///< The condition of a case.
  std::size_t number = 0;  ///< Of a case: which one.
  bool taken = false;      ///< By the run.
};

/// What a run did with a step, all its items and rounds together.
struct StepMark {
  std::string status;  ///< The words of `run show`.
  std::size_t visits = 0;
  std::int64_t durationMs = 0;
};

/// A flow as something to draw: its lists of steps, and the ways within them.
///
/// Ownership: borrows the flow.
struct FlowGraph {
  const flow::Flow& flow;
  std::vector<Way> ways;  ///< List by list, in the order of the file.

  // Of a run, where one was added.
  std::string run;
  std::string runStatus;
  std::int64_t durationMs = 0;
  std::map<std::size_t, StepMark> marks;  ///< By index of the step; the others were not visited.
};

FlowGraph graphOf(const flow::Flow& flow);
/// Of two words for a step the one that says more stays.
void raise(StepMark& mark, const std::string& status);
/// Index of the step at a path; nothing: it is not drawn.
using StepAt = std::function<std::optional<std::size_t>(const std::string& path)>;
/// Marks what became of the steps that `run show` has.
void markSteps(FlowGraph& graph, const json::Value& shown, const StepAt& stepAt);
/// Whose run it is, and how it ended.
void nameRun(FlowGraph& graph, const json::Value& shown);
/// Marks what a run did. `shown` is the data of `run show`.
void addRun(FlowGraph& graph, const json::Value& shown);

/// {"steps":[{"id","family","title","list"}],"ways":[{"list","from","to","kind","label","taken"}]}
json::Value graphToJson(const FlowGraph& graph);
/// Mermaid's flowchart.
std::string mermaidOf(const FlowGraph& graph);

/// "4.1 s"
using DurationWords = std::string (*)(std::int64_t milliseconds);
/// One SVG image: no scripts, nothing from elsewhere, light and dark.
std::string svgOf(const FlowGraph& graph, DurationWords words);

/// A text in one line, at most `columns` wide, with "…" where something was cut.
std::string oneLine(std::string_view text, std::size_t columns);
/// Columns of a text in one line.
std::size_t columnsOf(std::string_view text);
std::string_view wayName(Way::Kind kind);
/// "flow", "on_failure", "fan[left]", "fan[finalize]", "each"
std::string listName(const flow::Flow& flow, std::size_t block);
/// What stands under the name of a step: its family with its title, its condition, what it repeats.
std::vector<std::string> detailsOf(const flow::Step& step, std::size_t columns);

}  // namespace belay::authoring
