#pragma once

#include <string>
#include <string_view>

#include "agent/script/CompiledModules.h"
#include "agent/script/Evaluator.h"
#include "agent/script/Realm.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::script {

/// One call of the evaluator: its bounds count from here to its end, over all expressions in it.
///
/// Threads:   owner.
/// Ownership: all that it is given must outlive it.
/// Errors:    those of Evaluator.
class Call {
 public:
  Call(Realm& realm, CompiledModule& compiled, const Scope& scope)
      : realm_(realm), compiled_(compiled) {
    realm_.begin(&scope, &compiled_);
  }
  ~Call() { realm_.end(); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  base::Result<JsValue> evaluate(std::string_view expression);
  base::Result<JsValue> callFunction(std::string_view name, const std::string& inputJson);
  base::Result<JsValue> callCode(std::string_view code, const std::string& inputJson);

  /// Appends a text with its expressions rendered.
  base::Status appendText(std::string_view text, std::string& out);
  /// Appends a tree as JSON; `isUndefined` is set when it is one expression without a value.
  base::Status appendTree(const json::Value& tree, std::string& out, bool& isUndefined);

  base::Result<Evaluated> toJson(const JsValue& value, std::string_view source);
  base::Result<bool> toBool(const JsValue& value, std::string_view source);

 private:
  base::Result<JsValue> checked(JsValue value, std::string_view source);
  base::Result<JsValue> callWith(JSValueConst function, const JsValue& input,
                                 std::string_view source);
  base::Status appendString(const std::string& text, std::string& out, bool& isUndefined);
  base::Status appendObject(const json::Object& object, std::string& out);
  base::Status appendArray(const json::Array& array, std::string& out);
  base::Status withinBound(const std::string& out);

  Realm& realm_;
  CompiledModule& compiled_;
};

}  // namespace belay::script
