#pragma once

#include <utility>

#include <quickjs/quickjs.h>

namespace belay::script {

/// Owns one reference to a value of QuickJS.
///
/// Threads:   the context's.
/// Ownership: the context must outlive the value.
class JsValue {
 public:
  JsValue() = default;
  JsValue(JSContext* context, JSValue value) : context_(context), value_(value) {}
  ~JsValue() { reset(); }
  JsValue(JsValue&& other) noexcept
      : context_(std::exchange(other.context_, nullptr)), value_(other.value_) {}
  JsValue& operator=(JsValue&& other) noexcept {
    if (this != &other) {
      reset();
      context_ = std::exchange(other.context_, nullptr);
      value_ = other.value_;
    }
    return *this;
  }

  /// False for one that was never set, or was given away.
  bool isSet() const { return context_ != nullptr; }
  bool isException() const { return JS_IsException(value_) != 0; }
  JSValueConst get() const { return value_; }
  JSContext* context() const { return context_; }

  /// Another reference, for an API that takes one over.
  JSValue duplicate() const { return JS_DupValue(context_, value_); }
  /// Gives the reference away.
  JSValue release() {
    context_ = nullptr;
    return value_;
  }
  void reset() {
    if (context_ != nullptr) JS_FreeValue(context_, value_);
    context_ = nullptr;
  }

 private:
  JSContext* context_ = nullptr;
  JSValue value_ = JS_UNDEFINED;
};

/// Owns the UTF-8 copy that QuickJS makes of a string.
class JsText {
 public:
  JsText(JSContext* context, JSValueConst value)
      : context_(context), data_(JS_ToCStringLen(context, &size_, value)) {}
  ~JsText() {
    if (data_ != nullptr) JS_FreeCString(context_, data_);
  }
  JsText(const JsText&) = delete;
  JsText& operator=(const JsText&) = delete;

  /// False when the conversion threw; the exception is then pending in the context.
  bool ok() const { return data_ != nullptr; }
  const char* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  JSContext* context_;
  std::size_t size_ = 0;
  const char* data_;
};

}  // namespace belay::script
