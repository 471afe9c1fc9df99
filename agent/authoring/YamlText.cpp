#include "agent/authoring/YamlText.h"

#include <algorithm>

#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::authoring {

using json::Value;

namespace {

constexpr std::size_t kLine = 96;

/// A text that means itself without quotes, also within [ ] and { }.
bool isPlain(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto further = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == ' ' || c == '-' || c == '.' || c == '/';
  };
  if (text.empty() || !(letter(text.front()) || text.front() == '/') || text.back() == ' ')
    return false;
  if (!std::all_of(text.begin(), text.end(), further)) return false;
  const std::string lower = base::toLower(text);
  return lower != "true" && lower != "false" && lower != "null";
}

/// Quoted as JSON, which YAML reads, unless it means itself.
std::string scalar(const Value& value) {
  if (value.isString() && isPlain(value.asString())) return value.asString();
  return json::print(value);
}

std::string flat(const Value& value) {
  std::string out;
  if (value.isArray()) {
    for (const Value& item : value.asArray()) out += (out.empty() ? "" : ", ") + flat(item);
    return "[" + out + "]";
  }
  if (!value.isObject()) return scalar(value);
  for (const json::Member& member : value.asObject()) {
    out += (out.empty() ? "" : ", ") + scalar(Value(member.first)) + ": " + flat(member.second);
  }
  return "{" + out + "}";
}

bool isBlockText(const Value& value) {
  if (!value.isString()) return false;
  const std::string& text = value.asString();
  const bool clean = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n';
  });
  return clean && text.find('\n') != std::string::npos && text.find(" \n") == std::string::npos &&
         !text.starts_with(" ") && !text.starts_with("\n") && !text.ends_with("\n\n") &&
         base::visible(text, true) == text;
}

/// Lists of steps stand one below the other however short they are.
bool isInline(const Value& value, std::size_t indent) {
  const auto holdsBlock = [](const auto& self, const Value& one) -> bool {
    if (one.isArray()) {
      return std::any_of(one.asArray().begin(), one.asArray().end(), [&](const Value& item) {
        return (item.isObject() && item.find("id")) || self(self, item);
      });
    }
    if (!one.isObject()) return isBlockText(one);
    return std::any_of(one.asObject().begin(), one.asObject().end(),
                       [&](const json::Member& member) { return self(self, member.second); });
  };
  return !holdsBlock(holdsBlock, value) && indent + flat(value).size() < kLine;
}

void write(const Value& value, std::size_t indent, std::string& out);

void writeMember(const std::string& name, const Value& value, std::size_t indent,
                 std::string& out) {
  out += scalar(Value(name)) + ":";
  const std::string pad(indent + 2, ' ');
  if (isBlockText(value)) {
    const std::string& text = value.asString();
    const bool ends = text.ends_with("\n");
    out += ends ? " |" : " |-";
    const std::string_view lines(text.data(), text.size() - (ends ? 1 : 0));
    for (const std::string_view line : base::split(lines, '\n'))
      out += "\n" + (line.empty() ? "" : pad + std::string(line));
    out += "\n";
  } else if ((!value.isArray() && !value.isObject()) || isInline(value, indent + name.size() + 2)) {
    out += " " + flat(value) + "\n";
  } else {
    out += "\n" + pad;
    write(value, indent + 2, out);
  }
}

/// The first line begins where the text ends; the others are indented.
void write(const Value& value, std::size_t indent, std::string& out) {
  const std::string pad(indent, ' ');
  bool first = true;
  if (value.isArray()) {
    for (const Value& item : value.asArray()) {
      out += (first ? "" : pad) + "- ";
      first = false;
      const bool step = item.isObject() && item.find("id");
      if (!step && isInline(item, indent + 2))
        out += flat(item) + "\n";
      else
        write(item, indent + 2, out);
    }
    return;
  }
  if (!value.isObject()) {
    out += scalar(value) + "\n";
    return;
  }
  for (const json::Member& member : value.asObject()) {
    out += first ? "" : pad;
    first = false;
    writeMember(member.first, member.second, indent, out);
  }
}

}  // namespace

std::string yamlText(const Value& value) {
  std::string out;
  write(value, 0, out);
  return out;
}

}  // namespace belay::authoring
