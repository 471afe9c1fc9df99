#pragma once

#include <cstdint>
#include <string>

#include "agent/script/Evaluator.h"
#include "agent/script/Scope.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::triggers {

/// What the expressions of a trigger see: `trigger`, and `event` where one came.
///
/// Threads:   the evaluator's.
/// Ownership: holds its texts.
class TriggerScope final : public script::Scope {
 public:
  /// `eventJson` may be empty: there is none. Randomness follows from both texts.
  TriggerScope(std::string triggerJson, std::string eventJson, std::int64_t nowMs);

  const std::string* json(script::Name name) const override;
  std::optional<std::string> step(std::string_view) const override { return std::nullopt; }
  std::vector<std::string> stepIds() const override { return {}; }
  std::int64_t nowMs() const override { return nowMs_; }
  std::uint64_t seed() const override { return seed_; }

 private:
  const std::string trigger_;
  const std::string event_;
  const std::int64_t nowMs_;
  std::uint64_t seed_ = 0;
};

/// The input of a run: `inputJson` of a trigger with its expressions evaluated; `{}` where it is
/// empty. Errors: of the evaluator; kInputInvalid when it gives no object.
base::Result<json::Value> renderInput(script::Evaluator& evaluator, const script::Module& module,
                                      const std::string& inputJson, const TriggerScope& scope);

}  // namespace belay::triggers
