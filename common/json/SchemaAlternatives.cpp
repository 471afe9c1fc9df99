#include <algorithm>

#include "common/json/SchemaRun.h"

namespace belay::json {

bool SchemaRun::checkCombined(const Node& node, const Value& value, const ValuePath& path,
                              int depth, bool loud) {
  bool holds = true;
  if (node.reference != Program::kNone)
    holds &= check(node.reference, value, path, depth + 1, loud);
  for (const Index part : node.all) {
    if (!holds && !loud) return false;
    holds &= check(part, value, path, depth + 1, loud);
  }
  if (!node.any.empty() && (holds || loud)) holds &= checkAny(node, value, path, depth, loud);
  if (!node.one.empty() && (holds || loud)) holds &= checkOne(node, value, path, depth, loud);
  if (node.negated != Program::kNone && (holds || loud) &&
      check(node.negated, value, path, depth + 1, false)) {
    holds = report(path, loud, "must not match the schema under \"not\"");
  }
  if (node.condition != Program::kNone && (holds || loud)) {
    const bool met = check(node.condition, value, path, depth + 1, false);
    const Index then = met ? node.consequence : node.alternative;
    if (then != Program::kNone && exhausted_.empty())
      holds &= check(then, value, path, depth + 1, loud);
  }
  return holds;
}

bool SchemaRun::checkAny(const Node& node, const Value& value, const ValuePath& path, int depth,
                         bool loud) {
  for (const Index alternative : node.any) {
    if (check(alternative, value, path, depth + 1, false)) return true;
  }
  if (loud) explainAlternatives(node.any, value, path, depth);
  return false;
}

bool SchemaRun::checkOne(const Node& node, const Value& value, const ValuePath& path, int depth,
                         bool loud) {
  std::size_t matches = 0;
  for (const Index alternative : node.one)
    matches += check(alternative, value, path, depth + 1, false) ? 1 : 0;
  if (matches == 1) return true;
  if (!loud) return false;
  if (matches == 0)
    explainAlternatives(node.one, value, path, depth);
  else
    report(path, loud,
           "must match exactly one of the alternatives, matches " + std::to_string(matches));
  return false;
}

/// Says what is wrong with the alternative that was probably meant: the one that got deepest into
/// the value.
void SchemaRun::explainAlternatives(const std::vector<Index>& alternatives, const Value& value,
                                    const ValuePath& path, int depth) {
  std::vector<Violation> best;
  std::size_t bestDepth = 0;
  bool several = false;
  std::vector<Violation> before = std::move(violations_);
  for (const Index alternative : alternatives) {
    violations_.clear();
    check(alternative, value, path, depth + 1, true);
    if (!exhausted_.empty() || violations_.empty()) break;
    const std::string& pointer = violations_.front().pointer;
    const auto deep = static_cast<std::size_t>(std::count(pointer.begin(), pointer.end(), '/'));
    if (!best.empty() && deep == bestDepth) several = true;
    if (best.empty() || deep > bestDepth) {
      best = std::move(violations_);
      bestDepth = deep;
      several = false;
    }
  }
  violations_ = std::move(before);
  if (best.empty()) return;
  if (!several) {
    for (Violation& violation : best) {
      if (violations_.size() < Schema::kViolationsMax) violations_.push_back(std::move(violation));
    }
    return;
  }
  report(path, true,
         "matches none of the " + std::to_string(alternatives.size()) +
             " alternatives; by one of them " +
             (best.front().pointer == path.pointer() ? std::string("it ")
                                                     : best.front().pointer + " ") +
             best.front().message);
}

}  // namespace belay::json
