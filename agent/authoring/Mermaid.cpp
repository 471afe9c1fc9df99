#include "agent/authoring/FlowGraph.h"
#include "agent/flow/Family.h"

namespace belay::authoring {

namespace {

constexpr std::size_t kColumns = 60;

/// A text within "…": what Mermaid or HTML reads as its own becomes an entity.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const bool plain = std::string_view("\"#&<>;`[]{}()|\\").find(c) == std::string_view::npos;
    out += plain ? std::string(1, c) : "#" + std::to_string(static_cast<unsigned char>(c)) + ";";
  }
  return out + "\"";
}

std::string stepName(std::size_t index) { return "s" + std::to_string(index); }

class Writer {
 public:
  explicit Writer(const FlowGraph& graph) : graph_(graph), flow_(graph.flow) {}

  std::string write() {
    out_ = "flowchart TD\n";
    block(0, "  ");
    if (flow_.onFailure) {
      out_ += "  subgraph failure[" + quoted("on failure") + "]\n";
      block(*flow_.onFailure, "    ");
      out_ += "  end\n";
    }
    if (!graph_.run.empty()) classes();
    return std::move(out_);
  }

 private:
  void block(std::size_t number, const std::string& indent) {
    for (const std::size_t index : flow_.blocks[number].steps) step(index, indent);
    for (const Way& way : graph_.ways) {
      if (way.block == number) edge(way, indent);
    }
  }

  void step(std::size_t index, const std::string& indent) {
    const flow::Step& step = flow_.steps[index];
    std::string label = step.id.str();
    for (const std::string& line : detailsOf(step, kColumns)) label += "\n" + line;
    const bool holds = !step.control.blocks.empty();
    std::string text = quoted(label);
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos;)
      text.replace(at, 1, "<br/>");
    if (!holds) {
      const bool choice = step.family == flow::Family::kSwitch;
      out_ += indent + stepName(index) + (choice ? "{" : "[") + text + (choice ? "}" : "]") + "\n";
      return;
    }
    out_ += indent + "subgraph " + stepName(index) + "[" + text + "]\n";
    for (const std::size_t inner : step.control.blocks) list(inner, indent + "  ");
    if (step.control.finalize) list(*step.control.finalize, indent + "  ");
    out_ += indent + "end\n";
  }

  /// A branch, or the only list of a step.
  void list(std::size_t number, const std::string& indent) {
    const flow::Block& inner = flow_.blocks[number];
    const bool finalize = flow_.steps[*inner.container].control.finalize == number;
    const std::string name = finalize ? "finalize" : inner.name;
    if (name.empty()) return block(number, indent);
    out_ += indent + "subgraph b" + std::to_string(number) + "[" + quoted(name) + "]\n";
    block(number, indent + "  ");
    out_ += indent + "end\n";
  }

  void edge(const Way& way, const std::string& indent) {
    const flow::Block& list = flow_.blocks[way.block];
    // Within a step the frame shows where a list begins and ends.
    const bool inner = list.container.has_value();
    const bool plainEnd = !way.to && way.kind == Way::Kind::kNext && way.from == list.steps.back();
    if (inner && (!way.from || plainEnd)) return;
    const std::string number = std::to_string(way.block);
    const std::string from = way.from ? stepName(*way.from) : "start" + number + "((start))";
    const std::string to = way.to ? stepName(*way.to) : "end" + number + "((end))";
    std::string label = oneLine(way.label, kColumns);
    if (way.kind == Way::Kind::kError) label = "on error";
    if (way.kind == Way::Kind::kSkip) label = "skipped";
    const bool dotted = way.kind == Way::Kind::kError || way.kind == Way::Kind::kChosen;
    out_ += indent + from +
            (way.taken ? " ==>"
             : dotted  ? " -.->"
                       : " -->") +
            (label.empty() ? "" : "|" + quoted(label) + "|") + " " + to + "\n";
  }

  void classes() {
    out_ +=
        "  classDef succeeded fill:#dcfce7,stroke:#16a34a,color:#14532d\n"
        "  classDef failed fill:#fee2e2,stroke:#dc2626,color:#7f1d1d\n"
        "  classDef active fill:#fef3c7,stroke:#d97706,color:#78350f\n"
        "  classDef skipped stroke-dasharray:4\n";
    for (const auto& [index, mark] : graph_.marks) {
      const std::string& word = mark.status;
      const bool good = word == "succeeded";
      const bool bad = word == "failed" || word == "ambiguous";
      const bool none = word == "skipped" || word == "ended";
      out_ += "  class " + stepName(index) + " " +
              (good   ? "succeeded"
               : bad  ? "failed"
               : none ? "skipped"
                      : "active") +
              "\n";
    }
  }

  const FlowGraph& graph_;
  const flow::Flow& flow_;
  std::string out_;
};

}  // namespace

std::string mermaidOf(const FlowGraph& graph) { return Writer(graph).write(); }

}  // namespace belay::authoring
