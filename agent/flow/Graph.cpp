#include "agent/flow/Graph.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/flow/Nested.h"
#include "agent/script/Template.h"

namespace belay::flow {

namespace {

/// Walks from the first step along all ways that the file shows.
class Walk {
 public:
  explicit Walk(const json::Array& steps) : steps_(steps), reached_(steps.size(), false) {
    for (std::size_t i = 0; i < steps.size(); ++i) byId_.emplace(steps[i].text("id"), i);
  }

  std::vector<bool> run() {
    reach(0);
    while (!open_.empty() && !anywhere_) {
      const std::size_t index = open_.back();
      open_.pop_back();
      leave(index);
    }
    if (anywhere_) std::fill(reached_.begin(), reached_.end(), true);
    return reached_;
  }

 private:
  void reach(std::size_t index) {
    if (index >= reached_.size() || reached_[index]) return;
    reached_[index] = true;
    open_.push_back(index);
  }

  void reachNamed(const json::Value* name) {
    if (!name || !name->isString()) return;
    if (script::mayHoldExpression(name->asString())) anywhere_ = true;
    const auto found = byId_.find(name->asString());
    if (found != byId_.end()) reach(found->second);
  }

  void leave(std::size_t index) {
    const json::Value& step = steps_[index];
    const json::Value* next = step.find("next");
    const json::Value* onError = step.find("on_error");
    const json::Value* cases = step.find("switch");
    reachNamed(next);
    reachNamed(onError);
    const bool skips =
        step.find("when") || (onError && onError->isString() && onError->asString() == "skip");
    if (cases && cases->isArray()) {
      for (const json::Value& option : cases->asArray()) reachNamed(option.find("next"));
      // A switch that is skipped goes on with the step behind it.
      if (skips) reach(index + 1);
    } else if (!next) {
      reach(index + 1);
    }
  }

  const json::Array& steps_;
  std::unordered_map<std::string, std::size_t> byId_;
  std::vector<bool> reached_;
  std::vector<std::size_t> open_;
  bool anywhere_ = false;
};

}  // namespace

void reportUnreachable(const Node& steps, Report& report) {
  if (steps.size() == 0) return;
  const std::vector<bool> reached = Walk(steps.value.asArray()).run();
  for (std::size_t i = 0; i < reached.size(); ++i) {
    // Of a row of lost steps only the first is news.
    const Node step = steps.child(i);
    forEachNestedList(step, [&report](const Node& list) { reportUnreachable(list, report); });
    if (reached[i] || !reached[i - 1]) continue;
    report.error(base::ErrorCode::kFlowUnreachableStep, step,
                 "no way leads to the step " + quoted(step.value.text("id")),
                 "name it in the next, switch or on_error of a step, or remove it");
  }
}

}  // namespace belay::flow
