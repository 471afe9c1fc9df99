#include "agent/script/Compiler.h"

#include <string>
#include <utility>

#include "agent/script/Failure.h"
#include "agent/script/Scanner.h"
#include "agent/script/Template.h"

namespace belay::script {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

/// What stands around a source; each ends its first line and starts its last one.
struct Wrapper {
  std::string_view before;
  std::string_view after;
};

struct Form {
  Wrapper used;     // gives the function
  Wrapper checked;  // compiles only if the source keeps within its brackets
};

Form formOf(SourceForm form) {
  switch (form) {
    case SourceForm::kExpression:
      return {{"(function(){return (\n", "\n)})"}, {"[function(){return [\n", "\n]}]"}};
    case SourceForm::kInputExpression:
      return {{"(function(input){return (\n", "\n)})"}, {"[function(input){return [\n", "\n]}]"}};
    case SourceForm::kInputBody:
      break;
  }
  return {{"(function(input){\n", "\n})"}, {"[function(input){\n", "\n}]"}};
}

JsValue run(Realm& realm, const Wrapper& wrapper, std::string_view source, const char* label,
            int flags) {
  std::string text;
  text.reserve(wrapper.before.size() + source.size() + wrapper.after.size());
  text.append(wrapper.before).append(source).append(wrapper.after);
  return {realm.context(), JS_Eval(realm.context(), text.c_str(), text.size(), label,
                                   JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_STRICT | flags)};
}

}  // namespace

Result<JsValue> compile(Realm& realm, std::string_view source, SourceForm form, const char* label) {
  if (source.size() > realm.limits().sourceBytes) {
    return Error{ErrorCode::kLimit, excerpt(source) + " is longer than " +
                                        std::to_string(realm.limits().sourceBytes) + " bytes"};
  }
  std::size_t errorOffset = 0;
  if (Status status = refuseAsynchronous(source, errorOffset); !status.ok()) {
    return std::move(status).error().in(excerpt(source)).at(placeOf(source, errorOffset));
  }
  const Form wrappers = formOf(form);
  const JsValue check = run(realm, wrappers.checked, source, label, JS_EVAL_FLAG_COMPILE_ONLY);
  if (check.isException()) return takeSyntaxFailure(realm, source);
  JsValue function = run(realm, wrappers.used, source, label, 0);
  if (function.isException()) return takeSyntaxFailure(realm, source);
  BELAY_TRY(checkBounds(realm, source));
  return function;
}

}  // namespace belay::script
