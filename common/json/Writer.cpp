#include "common/json/Writer.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace belay::json {

namespace {

/// The fewest digits that read back as the same number. std::to_chars would do it at once, with
/// 130 KB of tables.
std::string shortest(double value) {
  std::array<char, 40> buffer{};
  for (int digits = 15; digits <= 17; ++digits) {
    std::snprintf(buffer.data(), buffer.size(), "%.*g", digits, value);
    if (std::strtod(buffer.data(), nullptr) == value) break;
  }
  return buffer.data();
}

}  // namespace

void appendQuoted(std::string& out, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += '"';
  std::size_t plainFrom = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plainFrom, i - plainFrom);
    plainFrom = i + 1;
    out += '\\';
    switch (c) {
      case '"':
        out += '"';
        break;
      case '\\':
        out += '\\';
        break;
      case '\n':
        out += 'n';
        break;
      case '\r':
        out += 'r';
        break;
      case '\t':
        out += 't';
        break;
      default:
        out += "u00";
        out += kDigits[c >> 4];
        out += kDigits[c & 15];
    }
  }
  out.append(text, plainFrom, text.size() - plainFrom);
  out += '"';
}

void Writer::separate() {
  if (needComma_) out_ += ',';
  needComma_ = true;
}

Writer& Writer::open(char c) {
  separate();
  out_ += c;
  needComma_ = false;
  return *this;
}

Writer& Writer::close(char c) {
  out_ += c;
  needComma_ = true;
  return *this;
}

Writer& Writer::name(std::string_view name) {
  separate();
  appendQuoted(out_, name);
  out_ += ':';
  needComma_ = false;
  return *this;
}

Writer& Writer::string(std::string_view text) {
  separate();
  appendQuoted(out_, text);
  return *this;
}

Writer& Writer::integer(std::int64_t value) {
  separate();
  std::array<char, 24> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  static_cast<void>(error);
  out_.append(buffer.data(), end);
  return *this;
}

Writer& Writer::number(double value) {
  if (!std::isfinite(value)) return null();  // As JSON.stringify does.
  if (std::trunc(value) == value && std::fabs(value) <= 9007199254740992.0) {
    return integer(static_cast<std::int64_t>(value));
  }
  separate();
  out_ += shortest(value);
  return *this;
}

Writer& Writer::boolean(bool value) { return raw(value ? "true" : "false"); }

Writer& Writer::null() { return raw("null"); }

Writer& Writer::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

Writer& Writer::value(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return null();
    case Value::Kind::kBoolean:
      return boolean(value.asBool());
    case Value::Kind::kNumber:
      return number(value.asNumber());
    case Value::Kind::kString:
      return string(value.asString());
    case Value::Kind::kArray:
      beginArray();
      for (const Value& item : value.asArray()) this->value(item);
      return endArray();
    case Value::Kind::kObject:
      beginObject();
      for (const Member& member : value.asObject()) name(member.first).value(member.second);
      return endObject();
  }
  return *this;
}

}  // namespace belay::json
