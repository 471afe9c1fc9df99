#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <quickjs/quickjs.h>

#include "agent/script/JsValue.h"

namespace belay::script {

/// What makes an object a text output: these three members, `text` a string. It gets the prototype.
struct TextForm {
  JSAtom text, truncated, ref;
  JSValueConst prototype;
};

/// Makes values of JSON in half of the time that the interpreter takes: what an expression reads is
/// parsed for each, and that is most of what it costs. Knows no \u and no deep nesting, and leaves
/// texts that hold such, or are no JSON, to the interpreter.
///
/// Threads:   the context's.
/// Ownership: borrows all it is given, and the text is one that ends in NUL.
class JsonReader {
 public:
  JsonReader(JSContext* context, const std::string& text, const TextForm& form)
      : context_(context), text_(text), form_(form) {}

  /// Unset: the interpreter has to read it. Or an exception: memory ran out.
  JsValue read();

 private:
  /// NUL at the end: nothing goes on behind one.
  char peek() const { return text_.data()[at_]; }
  bool take(char c);
  bool digits();
  void skipSpace();
  JsValue value(int depth);
  JsValue word(std::string_view expected, JSValue value);
  JsValue number();
  JsValue object(int depth);
  JsValue array(int depth);
  /// What stands between quotes; it stays until the next is read.
  std::optional<std::string_view> string();
  bool unescape();

  JSContext* context_;
  const std::string_view text_;
  const TextForm& form_;
  std::size_t at_ = 0;
  std::string unescaped_;
};

}  // namespace belay::script
