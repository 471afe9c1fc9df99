#include "agent/triggers/TriggerScope.h"

#include <utility>

#include "common/json/Json.h"

namespace belay::triggers {

using base::Error;
using base::ErrorCode;
using base::Result;

TriggerScope::TriggerScope(std::string triggerJson, std::string eventJson, std::int64_t nowMs)
    : trigger_(std::move(triggerJson)), event_(std::move(eventJson)), nowMs_(nowMs) {
  // FNV-1a: only has to spread.
  seed_ = 14695981039346656037ULL;
  for (const std::string* text : {&trigger_, &event_}) {
    for (const char c : *text) seed_ = (seed_ ^ static_cast<std::uint8_t>(c)) * 1099511628211ULL;
  }
}

const std::string* TriggerScope::json(script::Name name) const {
  if (name == script::Name::kTrigger) return &trigger_;
  return name == script::Name::kEvent && !event_.empty() ? &event_ : nullptr;
}

Result<json::Value> renderInput(script::Evaluator& evaluator, const script::Module& module,
                                const std::string& inputJson, const TriggerScope& scope) {
  if (inputJson.empty()) return json::Value(json::Object{});
  BELAY_ASSIGN(const json::Value tree, json::parse(inputJson));
  auto rendered = evaluator.renderValue(module, tree, scope);
  if (!rendered) return std::move(rendered).error().in("input of the trigger");
  BELAY_ASSIGN(json::Value input, json::parse(rendered->json));
  if (input.isObject()) return input;
  return Error{ErrorCode::kInputInvalid, "the input of the trigger must be an object, it is " +
                                             std::string(json::kindName(input))};
}

}  // namespace belay::triggers
