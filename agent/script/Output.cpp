#include "agent/script/Output.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "agent/script/Failure.h"
#include "common/base/Text.h"
#include "common/json/Value.h"
#include "common/json/Writer.h"

namespace belay::script {

using base::Error;
using base::ErrorCode;
using base::Status;

namespace {

// As deep as the strict parser reads (json::ParseLimits).
constexpr std::size_t kDepthMax = 120;

/// The names of an object's own enumerable members.
class MemberNames {
 public:
  MemberNames(JSContext* context, JSValueConst object) : context_(context) {
    constexpr int kFlags = JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY;
    ok_ = JS_GetOwnPropertyNames(context, &list_, &count_, object, kFlags) == 0;
  }
  ~MemberNames() {
    for (std::uint32_t i = 0; i < count_; ++i) JS_FreeAtom(context_, list_[i].atom);
    if (list_ != nullptr) js_free(context_, list_);
  }
  MemberNames(const MemberNames&) = delete;
  MemberNames& operator=(const MemberNames&) = delete;

  bool ok() const { return ok_; }
  std::uint32_t count() const { return count_; }
  JSAtom operator[](std::uint32_t index) const { return list_[index].atom; }

 private:
  JSContext* context_;
  JSPropertyEnum* list_ = nullptr;
  std::uint32_t count_ = 0;
  bool ok_;
};

// QuickJS writes half of a surrogate pair as three bytes from ED A0 80 on, which is no UTF-8.
bool isLoneSurrogate(std::string_view text, std::size_t at) {
  return text[at] == '\xED' && at + 2 < text.size() &&
         static_cast<unsigned char>(text[at + 1]) >= 0xA0;
}

std::size_t findLoneSurrogate(std::string_view text, std::size_t from) {
  for (std::size_t at = text.find('\xED', from); at != std::string_view::npos;
       at = text.find('\xED', at + 1)) {
    if (isLoneSurrogate(text, at)) return at;
  }
  return std::string_view::npos;
}

// A text that was cut in the middle of a character has a replacement character there, as in
// String.prototype.toWellFormed.
void replaceLoneSurrogates(std::string& out, std::size_t from) {
  for (std::size_t at = findLoneSurrogate(out, from); at != std::string::npos;
       at = findLoneSurrogate(out, at + 3)) {
    out.replace(at, 3, "\xEF\xBF\xBD");
  }
}

constexpr const char* kNulText = "a text with the character NUL, which no value may hold";

}  // namespace

Error Output::refuse(const std::string& what) { return Error{ErrorCode::kExpressionOutput, what}; }

Error Output::thrown() { return takeFailure(realm_, source_); }

// In portions: to ask the budget costs as much as to write a number.
Status Output::work() {
  constexpr std::uint64_t kPortion = 64;
  if (++work_ % kPortion != 0 || realm_.spend(kPortion)) return {};
  return thrown();
}

// No value of a run holds NUL: neither an argument nor a variable of a process could carry it, and
// common/json refuses it.
Status Output::withoutNul(std::string_view text) {
  if (text.find('\0') == std::string_view::npos) return {};
  return refuse(kNulText);
}

Status Output::withinBound() {
  if (out_.size() <= realm_.limits().outputBytes) return {};
  return refuse("more than " + std::to_string(realm_.limits().outputBytes) +
                " bytes (limits.expression_output)");
}

Status Output::json(JSValueConst written) {
  parents_.clear();
  path_.clear();
  Status status = value(written);
  if (status.ok() || status.error().code != ErrorCode::kExpressionOutput) return status;
  std::string where;
  for (auto part = path_.rbegin(); part != path_.rend(); ++part) {
    where += "/" + json::pointerToken(*part);
  }
  Error error = std::move(status).error();
  error.message = excerpt(source_) + " gives " + error.message;
  if (!where.empty()) error.message += ", at " + base::visible(where);
  error.place.pointer = std::move(where);
  return error;
}

Status Output::value(JSValueConst written) {
  BELAY_TRY(work());
  if (JS_IsNumber(written)) return number(written);
  if (JS_IsString(written)) return string(written);
  if (JS_IsObject(written)) return object(written);
  if (JS_IsBool(written)) {
    out_ += JS_VALUE_GET_BOOL(written) != 0 ? "true" : "false";
  } else if (JS_IsNull(written) || JS_IsUndefined(written)) {
    out_ += "null";
  } else if (JS_IsSymbol(written)) {
    return refuse("a symbol, which JSON has not");
  } else {
    return refuse("a BigInt, which JSON has not (write Number(…) or String(…))");
  }
  return withinBound();
}

Status Output::number(JSValueConst written) {
  std::array<char, 24> digits{};
  double value = 0;
  JS_ToFloat64(realm_.context(), &value, written);
  if (!std::isfinite(value)) {
    const char* name = std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
    return refuse(std::string(name) + ", which JSON has not");
  }
  // Whole numbers up to 2^53 are most of them; minus zero becomes 0, as in JavaScript.
  if (std::abs(value) <= 0x1p53 && value == std::trunc(value)) {
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(),
                                   static_cast<std::int64_t>(value));
    out_.append(digits.data(), end.ptr);
    return withinBound();
  }
  const JsText text(realm_.context(), written);
  if (!text.ok()) return thrown();
  out_.append(text.data(), text.size());
  return withinBound();
}

Status Output::string(JSValueConst written) {
  const JsText text(realm_.context(), written);
  if (!text.ok()) return thrown();
  BELAY_TRY(withoutNul({text.data(), text.size()}));
  const std::size_t from = out_.size();
  json::appendQuoted(out_, {text.data(), text.size()});
  replaceLoneSurrogates(out_, from);
  return withinBound();
}

Status Output::object(JSValueConst written) {
  void* identity = JS_VALUE_GET_PTR(written);
  if (std::find(parents_.begin(), parents_.end(), identity) != parents_.end()) {
    return refuse("an object that holds itself, which JSON cannot");
  }
  if (parents_.size() >= kDepthMax) {
    return refuse("a value nested deeper than " + std::to_string(kDepthMax));
  }
  JSContext* context = realm_.context();
  const JsValue toJson{context, JS_GetProperty(context, written, realm_.toJsonAtom())};
  if (toJson.isException()) return thrown();
  parents_.push_back(identity);
  Status status;
  if (JS_IsFunction(context, toJson.get()) != 0) {
    const JsValue result{context, JS_Call(context, toJson.get(), written, 0, nullptr)};
    if (result.isException()) return thrown();
    status = value(result.get());
  } else if (JS_IsArray(context, written) > 0) {
    status = array(written);
  } else if (realm_.isPlain(written)) {
    status = members(written);
  } else {
    status = throughJson(written);
  }
  parents_.pop_back();
  return status;
}

Status Output::array(JSValueConst written) {
  JSContext* context = realm_.context();
  const JsValue length{context, JS_GetProperty(context, written, realm_.lengthAtom())};
  std::uint32_t count = 0;
  if (length.isException() || JS_ToUint32(context, &count, length.get()) < 0) return thrown();
  out_ += '[';
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i > 0) out_ += ',';
    const JsValue element{context, JS_GetPropertyUint32(context, written, i)};
    if (element.isException()) return thrown();
    Status status = value(element.get());
    if (!status.ok()) {
      path_.push_back(std::to_string(i));
      return status;
    }
  }
  out_ += ']';
  return withinBound();
}

Status Output::members(JSValueConst written) {
  const MemberNames names(realm_.context(), written);
  if (!names.ok()) return thrown();
  out_ += '{';
  bool isFirst = true;
  for (std::uint32_t i = 0; i < names.count(); ++i) {
    Status status = member(written, names[i], isFirst);
    if (!status.ok()) {
      const JsValue name{realm_.context(), JS_AtomToString(realm_.context(), names[i])};
      const JsText text(realm_.context(), name.get());
      path_.emplace_back(text.ok() ? text.data() : "?");
      return status;
    }
  }
  out_ += '}';
  return withinBound();
}

// Members that are undefined are left out.
Status Output::member(JSValueConst written, JSAtom name, bool& isFirst) {
  JSContext* context = realm_.context();
  BELAY_TRY(work());
  const JsValue content{context, JS_GetProperty(context, written, name)};
  if (content.isException()) return thrown();
  if (JS_IsUndefined(content.get())) return {};
  const JsValue key{context, JS_AtomToString(context, name)};
  const JsText text(context, key.get());
  if (!text.ok()) return thrown();
  const std::string_view view{text.data(), text.size()};
  if (findLoneSurrogate(view, 0) != std::string_view::npos) {
    return refuse("a name with half of a character in it");
  }
  BELAY_TRY(withoutNul(view));
  if (!isFirst) out_ += ',';
  isFirst = false;
  json::appendQuoted(out_, view);
  out_ += ':';
  return value(content.get());
}

// Objects whose content is not in their members.
Status Output::throughJson(JSValueConst written) {
  JSContext* context = realm_.context();
  if (realm_.isWrapper(written)) {
    const JsValue json{context, JS_JSONStringify(context, written, JS_UNDEFINED, JS_UNDEFINED)};
    const JsText text(context, json.get());
    if (json.isException() || !text.ok()) return thrown();
    const std::string_view view{text.data(), text.size()};
    if (view.find("\\u0000") != std::string_view::npos) return refuse(kNulText);
    out_.append(view);
    return withinBound();
  }
  if (JS_IsFunction(context, written) != 0) return refuse("a function, which JSON has not");
  const JsValue constructor{context, JS_GetPropertyStr(context, written, "constructor")};
  if (constructor.isException()) return thrown();
  if (!JS_IsObject(constructor.get())) return refuse("an object that JSON cannot hold");
  const JsValue name{context, JS_GetPropertyStr(context, constructor.get(), "name")};
  const JsText text(context, name.get());
  if (!text.ok()) return thrown();
  return refuse("an object of " + std::string(text.data(), text.size()) +
                ", whose content JSON cannot hold");
}

Status Output::text(JSValueConst written) {
  if (JS_IsNull(written) || JS_IsUndefined(written)) return {};
  if (JS_IsString(written)) {
    const JsText text(realm_.context(), written);
    if (!text.ok()) return thrown();
    BELAY_TRY(withoutNul({text.data(), text.size()}));
    const std::size_t from = out_.size();
    out_.append(text.data(), text.size());
    replaceLoneSurrogates(out_, from);
    return withinBound();
  }
  if (realm_.isTextOutput(written)) {
    if (realm_.isCut(written)) {
      return refuse(
          "a text of which only the beginning is here; .text is that, and where the "
          "expression is the whole value, all of it is passed on");
    }
    const JsValue inner = realm_.textOf(written);
    if (inner.isException()) return thrown();
    return text(JS_IsObject(inner.get()) ? JS_NULL : inner.get());
  }
  if (!JS_IsObject(written)) return json(written);
  if (realm_.isWrapper(written)) {
    const JsValue unwrapped{realm_.context(), JS_ToString(realm_.context(), written)};
    return unwrapped.isException() ? thrown() : text(unwrapped.get());
  }
  return objectText(written);
}

// An object whose JSON is a string, as a Date, stands there without quotes.
Status Output::objectText(JSValueConst written) {
  JSContext* context = realm_.context();
  const JsValue toJson{context, JS_GetProperty(context, written, realm_.toJsonAtom())};
  if (toJson.isException()) return thrown();
  if (JS_IsFunction(context, toJson.get()) == 0) return json(written);
  const JsValue result{context, JS_Call(context, toJson.get(), written, 0, nullptr)};
  if (result.isException()) return thrown();
  return JS_IsString(result.get()) ? text(result.get()) : json(result.get());
}

}  // namespace belay::script
