#include "agent/script/JsonReader.h"

#include <charconv>
#include <cstdlib>

namespace belay::script {

namespace {

constexpr int kDepthMax = 64;
/// So many digits are exact in a double.
constexpr std::size_t kExactDigits = 15;

}  // namespace

JsValue JsonReader::read() {
  JsValue out = value(0);
  skipSpace();
  if (!out.isSet() || out.isException() || at_ == text_.size()) return out;
  return {};
}

bool JsonReader::take(char c) {
  if (peek() != c) return false;
  ++at_;
  return true;
}

void JsonReader::skipSpace() {
  while (peek() == ' ' || peek() == '\n' || peek() == '\t' || peek() == '\r') ++at_;
}

JsValue JsonReader::value(int depth) {
  skipSpace();
  switch (peek()) {
    case '{':
      return depth < kDepthMax ? object(depth) : JsValue{};
    case '[':
      return depth < kDepthMax ? array(depth) : JsValue{};
    case '"': {
      const auto text = string();
      if (!text) return {};
      return {context_, JS_NewStringLen(context_, text->data(), text->size())};
    }
    case 't':
      return word("true", JS_TRUE);
    case 'f':
      return word("false", JS_FALSE);
    case 'n':
      return word("null", JS_NULL);
    default:
      return number();
  }
}

JsValue JsonReader::word(std::string_view expected, JSValue value) {
  if (!text_.substr(at_).starts_with(expected)) return {};
  at_ += expected.size();
  return {context_, value};
}

bool JsonReader::digits() {
  const std::size_t from = at_;
  while (peek() >= '0' && peek() <= '9') ++at_;
  return at_ > from;
}

JsValue JsonReader::number() {
  const std::size_t from = at_;
  const bool negative = take('-');
  const bool isZero = peek() == '0';
  const std::size_t first = at_;
  if (!digits() || (isZero && at_ > first + 1)) return {};
  const char* begin = text_.data() + from;
  if (peek() != '.' && peek() != 'e' && peek() != 'E' && at_ - first <= kExactDigits &&
      !(isZero && negative)) {
    std::int64_t whole = 0;
    std::from_chars(begin, text_.data() + at_, whole);
    return {context_, JS_NewInt64(context_, whole)};
  }
  if (take('.') && !digits()) return {};
  if (take('e') || take('E')) {
    if (!take('+')) take('-');
    if (!digits()) return {};
  }
  // The text ends in NUL, and what follows a number is none of it.
  return {context_, JS_NewFloat64(context_, std::strtod(begin, nullptr))};
}

std::optional<std::string_view> JsonReader::string() {
  ++at_;
  unescaped_.clear();
  while (true) {
    const std::size_t from = at_;
    while (static_cast<unsigned char>(peek()) >= 0x20 && peek() != '"' && peek() != '\\') ++at_;
    const std::string_view run = text_.substr(from, at_ - from);
    if (unescaped_.empty() && take('"')) return run;
    unescaped_ += run;
    if (take('"')) return unescaped_;
    if (!take('\\') || !unescape()) return std::nullopt;
  }
}

bool JsonReader::unescape() {
  constexpr std::string_view kFrom = "nt\"\\/rbf", kTo = "\n\t\"\\/\r\b\f";
  const std::size_t found = kFrom.find(peek());
  if (found == std::string_view::npos) return false;
  ++at_;
  unescaped_ += kTo[found];
  return true;
}

JsValue JsonReader::array(int depth) {
  ++at_;
  JsValue out{context_, JS_NewArray(context_)};
  if (out.isException()) return out;
  skipSpace();
  if (take(']')) return out;
  for (std::uint32_t index = 0;; ++index) {
    JsValue item = value(depth + 1);
    if (!item.isSet() || item.isException()) return item;
    if (JS_DefinePropertyValueUint32(context_, out.get(), index, item.release(), JS_PROP_C_W_E) < 0)
      return {context_, JS_EXCEPTION};
    skipSpace();
    if (take(']')) return out;
    if (!take(',')) return {};
  }
}

JsValue JsonReader::object(int depth) {
  ++at_;
  JsValue out{context_, JS_NewObject(context_)};
  if (out.isException()) return out;
  skipSpace();
  if (take('}')) return out;
  int members = 0, ofText = 0;
  while (true) {
    skipSpace();
    const auto name = peek() == '"' ? string() : std::nullopt;
    if (!name) return {};
    const JSAtom atom = JS_NewAtomLen(context_, name->data(), name->size());
    if (atom == JS_ATOM_NULL) return {context_, JS_EXCEPTION};
    skipSpace();
    JsValue member = take(':') ? value(depth + 1) : JsValue{};
    const bool ok = member.isSet() && !member.isException();
    ++members;
    if (ok && (atom == form_.text ? JS_IsString(member.get()) != 0
                                  : atom == form_.truncated || atom == form_.ref))
      ++ofText;
    const int defined =
        ok ? JS_DefinePropertyValue(context_, out.get(), atom, member.release(), JS_PROP_C_W_E) : 0;
    JS_FreeAtom(context_, atom);
    if (!ok) return member;
    if (defined < 0) return {context_, JS_EXCEPTION};
    skipSpace();
    if (take('}')) break;
    if (!take(',')) return {};
  }
  if (members == 3 && ofText == 3 && JS_SetPrototype(context_, out.get(), form_.prototype) < 0)
    return {context_, JS_EXCEPTION};
  return out;
}

}  // namespace belay::script
