#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"

namespace belay::script {

/// The names that an expression can read, besides `steps` and `functions`.
enum class Name : std::uint8_t { kInput, kState, kRun, kTrigger, kEvent, kItem, kIndex, kError };
inline constexpr std::size_t kNameCount = 8;

/// What one run lets its expressions see, as JSON text that is asked for and parsed only when an
/// expression touches it.
///
/// Threads:   the evaluator's.
/// Ownership: must outlive the evaluator's call that it is given to.
/// The JSON texts are the run's own records: strict JSON, checked when they came in.
class Scope {
 public:
  virtual ~Scope() = default;

  /// JSON text of a name; null pointer where it has no value here (it then reads as `undefined`).
  /// The string must stay as it is until the evaluator's call returns.
  virtual const std::string* json(Name name) const = 0;

  /// The same of a name that the flow itself gives something, where it is not one of those above or
  /// of the language.
  virtual const std::string* named(std::string_view name) const {
    static_cast<void>(name);
    return nullptr;
  }

  /// JSON text of `{output, status, error, visit, …}` of a step's latest visit; nothing if it has
  /// not run.
  virtual std::optional<std::string> step(std::string_view id) const = 0;
  /// Why something that was asked for is there and could not be given: the call then fails,
  /// whatever the expression made of what it got. Null pointer: nothing.
  virtual const base::Error* broken() const { return nullptr; }
  /// The ids for which step() gives something, in the order of the flow.
  virtual std::vector<std::string> stepIds() const = 0;

  /// The run's time, which `Date` shows: milliseconds since 1970, the same in every attempt to
  /// evaluate.
  virtual std::int64_t nowMs() const = 0;
  /// Seed of `Math.random` for this call: derived from the run, the step's path and the visit.
  virtual std::uint64_t seed() const = 0;
};

}  // namespace belay::script
