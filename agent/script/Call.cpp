#include "agent/script/Call.h"

#include <utility>

#include "agent/script/Failure.h"
#include "agent/script/Output.h"
#include "common/json/Writer.h"

namespace belay::script {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

// A bound that was hit fails the call even where the expression caught the error: what it would
// have given depends on where exactly the bound lies.
Result<JsValue> Call::checked(JsValue value, std::string_view source) {
  if (value.isException()) return takeFailure(realm_, source);
  BELAY_TRY(checkBounds(realm_, source));
  return value;
}

Result<JsValue> Call::evaluate(std::string_view expression) {
  BELAY_ASSIGN(const JSValueConst function, compiled_.expression(expression));
  realm_.forgetValues();
  JSContext* context = realm_.context();
  return checked({context, JS_Call(context, function, JS_UNDEFINED, 0, nullptr)}, expression);
}

Result<JsValue> Call::callWith(JSValueConst function, const JsValue& input,
                               std::string_view source) {
  JSValueConst argument = input.get();
  JSContext* context = realm_.context();
  return checked({context, JS_Call(context, function, JS_UNDEFINED, 1, &argument)}, source);
}

Result<JsValue> Call::callFunction(std::string_view name, const std::string& inputJson) {
  BELAY_ASSIGN(const JSValueConst maker, compiled_.maker(name));
  JSContext* context = realm_.context();
  BELAY_ASSIGN(const JsValue function,
               checked({context, JS_Call(context, maker, JS_UNDEFINED, 0, nullptr)}, name));
  if (JS_IsFunction(context, function.get()) == 0) {
    return Error{ErrorCode::kExpressionFailed,
                 "the function " + excerpt(name) + " is not a function but another value"};
  }
  BELAY_ASSIGN(const JsValue input, checked(realm_.parse(inputJson), name));
  return callWith(function.get(), input, name);
}

Result<JsValue> Call::callCode(std::string_view code, const std::string& inputJson) {
  BELAY_ASSIGN(const JSValueConst outer, compiled_.code(code));
  BELAY_ASSIGN(const JsValue input, checked(realm_.parse(inputJson), code));
  BELAY_ASSIGN(JsValue value, callWith(outer, input, code));
  if (JS_IsFunction(realm_.context(), value.get()) == 0) return value;
  return callWith(value.get(), input, code);
}

Status Call::withinBound(const std::string& out) {
  if (out.size() <= realm_.limits().outputBytes) return {};
  return Error{ErrorCode::kExpressionOutput,
               "the text is larger than " + std::to_string(realm_.limits().outputBytes) +
                   " bytes (limits.expression_output)"};
}

Status Call::appendText(std::string_view text, std::string& out) {
  if (!mayHoldExpression(text)) {
    out += text;
    return withinBound(out);
  }
  BELAY_ASSIGN(const Template* parsed, compiled_.text(text));
  for (const TemplatePart& part : parsed->parts()) {
    if (!part.isExpression) {
      out += part.text;
      BELAY_TRY(withinBound(out));
      continue;
    }
    BELAY_ASSIGN(const JsValue value, evaluate(part.text));
    BELAY_TRY(Output(realm_, part.text, out).text(value.get()));
    BELAY_TRY(checkBounds(realm_, part.text));
  }
  return {};
}

Status Call::appendTree(const json::Value& tree, std::string& out, bool& isUndefined) {
  isUndefined = false;
  if (tree.isString()) return appendString(tree.asString(), out, isUndefined);
  if (tree.isObject()) return appendObject(tree.asObject(), out);
  if (tree.isArray()) return appendArray(tree.asArray(), out);
  json::Writer(out).value(tree);
  return withinBound(out);
}

Status Call::appendString(const std::string& text, std::string& out, bool& isUndefined) {
  if (!mayHoldExpression(text)) {
    json::appendQuoted(out, text);
    return withinBound(out);
  }
  BELAY_ASSIGN(const Template* parsed, compiled_.text(text));
  if (const TemplatePart* sole = parsed->sole(); sole != nullptr) {
    BELAY_ASSIGN(const JsValue value, evaluate(sole->text));
    isUndefined = JS_IsUndefined(value.get()) != 0;
    BELAY_TRY(Output(realm_, sole->text, out).json(value.get()));
    return checkBounds(realm_, sole->text);
  }
  std::string rendered;
  BELAY_TRY(appendText(text, rendered));
  json::appendQuoted(out, rendered);
  return withinBound(out);
}

Status Call::appendObject(const json::Object& object, std::string& out) {
  out += '{';
  bool isFirst = true;
  for (const json::Member& member : object) {
    const std::size_t before = out.size();
    if (!isFirst) out += ',';
    json::appendQuoted(out, member.first);
    out += ':';
    bool isUndefined = false;
    BELAY_TRY(appendTree(member.second, out, isUndefined));
    if (isUndefined) {
      out.resize(before);
    } else {
      isFirst = false;
    }
  }
  out += '}';
  return {};
}

Status Call::appendArray(const json::Array& array, std::string& out) {
  out += '[';
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (i > 0) out += ',';
    bool isUndefined = false;  // written as null already
    BELAY_TRY(appendTree(array[i], out, isUndefined));
  }
  out += ']';
  return {};
}

Result<Evaluated> Call::toJson(const JsValue& value, std::string_view source) {
  Evaluated evaluated;
  evaluated.isUndefined = JS_IsUndefined(value.get()) != 0;
  BELAY_TRY(Output(realm_, source, evaluated.json).json(value.get()));
  BELAY_TRY(checkBounds(realm_, source));
  return evaluated;
}

Result<bool> Call::toBool(const JsValue& value, std::string_view source) {
  if (!realm_.isTextOutput(value.get())) return JS_ToBool(realm_.context(), value.get()) != 0;
  const JsValue text = realm_.textOf(value.get());
  if (text.isException()) return takeFailure(realm_, source);
  return JS_ToBool(realm_.context(), text.get()) != 0;
}

}  // namespace belay::script
