#include "agent/script/Failure.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "common/base/Text.h"
#include "common/base/Utf8.h"

namespace belay::script {

using base::Error;
using base::ErrorCode;
using base::SourcePlace;
using base::Status;

namespace {

constexpr std::size_t kExcerptBytes = 80;
constexpr std::size_t kMessageBytes = 400;
constexpr std::string_view kStackOverflow = "stack overflow";

std::optional<std::string> textOf(Realm& realm, const JsValue& value) {
  JSContext* context = realm.context();
  if (value.isException() || JS_IsUndefined(value.get()) || JS_IsSymbol(value.get())) {
    const JsValue dropped{context, JS_GetException(context)};
    return std::nullopt;
  }
  const JsText text(context, value.get());
  if (text.ok()) return std::string(text.data(), text.size());
  const JsValue dropped{context, JS_GetException(context)};
  return std::nullopt;
}

int numberMember(Realm& realm, JSValueConst object, const char* name) {
  const std::string text = textMember(realm, object, name);
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The first frame of our own code, "    at f (<expression>:2:7)": its line and column.
void placeFromStack(Thrown& thrown) {
  const std::size_t open = thrown.stack.find("(<");
  if (open == std::string::npos) return;
  const std::size_t colon = thrown.stack.find(">:", open);
  if (colon == std::string::npos) return;
  const char* end = thrown.stack.data() + thrown.stack.size();
  const auto line = std::from_chars(thrown.stack.data() + colon + 2, end, thrown.line);
  if (line.ptr != end && *line.ptr == ':') std::from_chars(line.ptr + 1, end, thrown.column);
}

Thrown read(Realm& realm) {
  JSContext* context = realm.context();
  if (JS_HasException(context) == 0) return {};
  const JsValue exception{context, JS_GetException(context)};
  return readThrown(realm, exception.get());
}

// Sources stand between a first and a last line of ours (Compiler.cpp).
SourcePlace placeIn(std::string_view source, const Thrown& thrown) {
  SourcePlace place;
  const auto lines = static_cast<int>(std::count(source.begin(), source.end(), '\n')) + 1;
  place.line = std::clamp(thrown.line - 1, 0, lines);
  place.column = thrown.line - 1 > lines ? 0 : thrown.column;
  return place;
}

std::string withPlace(const SourcePlace& place) {
  if (place.line <= 1) return "";
  return " (line " + std::to_string(place.line) + ")";
}

std::vector<std::string> hintsFor(const Thrown& thrown) {
  if (thrown.message.ends_with("of undefined") || thrown.message.ends_with("of null")) {
    return {"Where a value may be missing (a step that has not run), write ?. instead of ."};
  }
  if (thrown.name == "ReferenceError") {
    return {"In scope are input, state, steps, run, trigger, event, item, index, error, functions"};
  }
  return {};
}

}  // namespace

std::string textMember(Realm& realm, JSValueConst object, const char* name) {
  const JsValue value{realm.context(), JS_GetPropertyStr(realm.context(), object, name)};
  return textOf(realm, value).value_or("");
}

Thrown readThrown(Realm& realm, JSValueConst value) {
  Thrown thrown;
  if (JS_IsError(realm.context(), value) == 0) {
    const JsValue held{realm.context(), JS_DupValue(realm.context(), value)};
    thrown.message = textOf(realm, held).value_or("something that is no text");
    return thrown;
  }
  thrown.name = textMember(realm, value, "name");
  thrown.message = textMember(realm, value, "message");
  thrown.stack = textMember(realm, value, "stack");
  thrown.line = numberMember(realm, value, "lineNumber");
  thrown.column = numberMember(realm, value, "columnNumber");
  if (thrown.line == 0) placeFromStack(thrown);
  return thrown;
}

std::string describe(const Thrown& thrown) {
  const std::string text =
      thrown.name.empty() ? "threw " + thrown.message
                          : thrown.name + (thrown.message.empty() ? "" : ": " + thrown.message);
  return base::visible(base::shortened(text, kMessageBytes));
}

bool isStackOverflow(const Thrown& thrown) {
  return thrown.name == "InternalError" && thrown.message == kStackOverflow;
}

std::string excerpt(std::string_view source) {
  return "`" + base::visible(base::shortened(base::trim(source), kExcerptBytes)) + "`";
}

std::string stackBound(const Realm& realm) {
  return " for " + std::to_string(realm.limits().stackBytes) +
         " bytes of stack (limits.expression_stack)";
}

Status checkBounds(const Realm& realm, std::string_view source) {
  if (const Error* broken = realm.broken()) return *broken;
  if (realm.wasInterrupted()) {
    // style: messages: of a flow file only code is evaluated, whose bound has a message of its own.
    return Error{ErrorCode::kExpressionTicks,
                 excerpt(source) + " took more than " + std::to_string(realm.limits().ticks) +
                     " ticks (limits.expression_ticks)"};
  }
  if (realm.heap().wasRefused()) {
    // style: messages: to compile a text that a file can hold takes less.
    return Error{ErrorCode::kExpressionMemory, excerpt(source) + " took more memory than " +
                                                   std::to_string(realm.limits().memoryBytes) +
                                                   " bytes (limits.expression_memory)"};
  }
  return {};
}

Error takeFailure(Realm& realm, std::string_view source) {
  const Thrown thrown = read(realm);
  if (Status bounds = checkBounds(realm, source); !bounds.ok()) return std::move(bounds).error();
  const SourcePlace place = placeIn(source, thrown);
  if (isStackOverflow(thrown)) {
    // style: messages: said of what runs.
    return Error{ErrorCode::kExpressionStack,
                 excerpt(source) + " nests calls too deeply" + stackBound(realm) + withPlace(place)}
        .at(place);
  }
  // style: messages: said of what runs.
  return Error{ErrorCode::kExpressionFailed,
               excerpt(source) + ": " + describe(thrown) + withPlace(place), hintsFor(thrown)}
      .at(place);
}

Error takeSyntaxFailure(Realm& realm, std::string_view source) {
  const Thrown thrown = read(realm);
  if (Status bounds = checkBounds(realm, source); !bounds.ok()) return std::move(bounds).error();
  const SourcePlace place = placeIn(source, thrown);
  if (thrown.message == kStackOverflow) {
    return Error{ErrorCode::kExpressionStack, excerpt(source) + " is nested too deeply"};
  }
  // Past the last line stands our own closing bracket, which would puzzle the reader.
  std::string what = thrown.message;
  if (place.column == 0) {
    what = "it ends too early";
  } else if (what == "expecting ']'" || what == "expecting ')'" || what == "expecting '}'") {
    what = "something stands here that does not belong here";
  }
  return Error{ErrorCode::kFlowExpressionSyntax, excerpt(source) + " is not valid JavaScript: " +
                                                     base::visible(base::shortened(what, kMessageBytes)) +
                                                     withPlace(place)}
      .at(place);
}

}  // namespace belay::script
