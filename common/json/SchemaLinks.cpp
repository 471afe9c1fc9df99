#include "common/json/SchemaCompiler.h"
#include "common/json/SchemaRun.h"

namespace belay::json {

void SchemaCompiler::resolveReferences(const Value& root) {
  for (const Reference& reference : references_) {
    const Value* target = root.at(reference.target);
    const auto found = target ? places_.find(target) : places_.end();
    if (found == places_.end()) {
      if (problems_.size() < Schema::kViolationsMax) {
        problems_.push_back({reference.pointer, "leads to no schema of this document"});
      }
      continue;
    }
    program_.nodes[reference.from].reference = found->second;
  }
}

/// A schema that comes back to itself for the same value can never be decided.
void SchemaCompiler::refuseCycles() {
  enum class Colour : std::uint8_t { kNew, kOpen, kDone };
  std::vector<Colour> colours(program_.nodes.size(), Colour::kNew);
  const auto inPlace = [this](Index index) {
    const Node& node = program_.nodes[index];
    std::vector<Index> out{node.reference, node.negated, node.condition, node.consequence,
                           node.alternative};
    for (const auto* list : {&node.all, &node.any, &node.one})
      out.insert(out.end(), list->begin(), list->end());
    std::erase(out, Program::kNone);
    return out;
  };
  std::vector<std::pair<Index, std::vector<Index>>> open;
  for (Index start = 0; start < program_.nodes.size(); ++start) {
    if (colours[start] != Colour::kNew) continue;
    colours[start] = Colour::kOpen;
    open.emplace_back(start, inPlace(start));
    while (!open.empty()) {
      if (open.back().second.empty()) {
        colours[open.back().first] = Colour::kDone;
        open.pop_back();
        continue;
      }
      const Index next = open.back().second.back();
      open.back().second.pop_back();
      if (colours[next] == Colour::kOpen)
        return problem("has a $ref that comes back to itself without going into the value");
      if (colours[next] == Colour::kDone) continue;
      colours[next] = Colour::kOpen;
      open.emplace_back(next, inPlace(next));
    }
  }
}

void SchemaCompiler::checkDefaults() {
  SchemaRun run(program_);
  for (const auto& [index, where] : defaults_) {
    run.validate(index, *program_.nodes[index].fallback);
    std::vector<Violation> violations = run.takeViolations();
    if (violations.empty()) continue;
    problems_.push_back({where, "does not match its own schema: it " + violations.front().message});
    if (problems_.size() >= Schema::kViolationsMax || run.exhausted()) return;
  }
}

}  // namespace belay::json
