#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/script/Realm.h"
#include "common/base/Result.h"

namespace belay::script {

/// Turns values of a realm into JSON or text, appended to a string with a bound.
///
/// It calls `toJSON` and getters as JSON.stringify does, and refuses what JSON.stringify would
/// change in silence: functions, symbols, BigInt, NaN, and objects whose content is not in their
/// members (Map, Set, RegExp, Error).
///
/// Threads:   owner.
/// Ownership: realm and string must outlive it.
/// Errors:    kExpressionOutput with the JSON Pointer of the value; what a getter throws.
class Output {
 public:
  Output(Realm& realm, std::string_view source, std::string& out)
      : realm_(realm), source_(source), out_(out) {}

  /// A value; `undefined` is written as null.
  base::Status json(JSValueConst value);
  /// A value as it stands in text (Evaluator.h says how).
  base::Status text(JSValueConst value);

 private:
  base::Status value(JSValueConst value);
  base::Status number(JSValueConst value);
  base::Status string(JSValueConst value);
  base::Status object(JSValueConst object);
  base::Status array(JSValueConst array);
  base::Status members(JSValueConst object);
  base::Status member(JSValueConst object, JSAtom name, bool& isFirst);
  base::Status objectText(JSValueConst object);
  base::Status throughJson(JSValueConst object);
  base::Status work();
  base::Status withinBound();
  base::Status withoutNul(std::string_view text);
  base::Error refuse(const std::string& what);
  base::Error thrown();

  Realm& realm_;
  std::string_view source_;
  std::string& out_;
  std::uint64_t work_ = 0;
  std::vector<void*> parents_;     // of the value that is being written
  std::vector<std::string> path_;  // filled from the inside when something is refused
};

}  // namespace belay::script
