#include "common/redaction/SecretForms.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "common/base/Markup.h"
#include "common/base/Text.h"
#include "common/crypto/Wipe.h"
#include "common/json/Writer.h"

namespace belay::redaction {

namespace {

/// The characters of base64 that `value` alone decides when `before` other bytes stand before it in
/// the group of three, and anything may follow.
std::string base64Inside(std::string_view value, std::size_t before, bool urlAlphabet) {
  std::string padded(before, '\0');
  padded += value;
  std::string encoded = urlAlphabet ? base::toBase64Url(padded) : base::toBase64(padded);
  const std::size_t from = before == 0 ? 0 : before + 1;
  const std::size_t until = padded.size() * 8 / 6;
  std::string inside = encoded.substr(from, until - from);
  crypto::wipe(padded);
  crypto::wipe(encoded);
  return inside;
}

/// What writers of JSON escape beyond what they must.
struct JsonHabit {
  std::string_view characters;  ///< Of ASCII, by number.
  bool ascii = false;           ///< All that is not ASCII, by number.
  bool slash = false;           ///< "/" as "\/".
  std::string_view digits = "0123456789abcdef";
};

constexpr JsonHabit kJsonHabits[] = {
    {.characters = ""},
    {.characters = "", .slash = true},
    {.characters = "", .ascii = true},                   // Python
    {.characters = "", .ascii = true, .slash = true},    // PHP
    {.characters = "<>&"},                               // Go
    {.characters = "<>&='"},                             // Gson
    {.characters = "\"&'<>+`", .ascii = true, .digits = "0123456789ABCDEF"},  // .NET
};

void appendNumbered(std::string& out, std::uint32_t unit, std::string_view digits) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[unit >> shift & 15];
}

/// The code point of valid UTF-8 that begins at `at`, which moves behind it.
std::uint32_t nextCodePoint(std::string_view text, std::size_t& at) {
  const auto first = static_cast<std::uint8_t>(text[at++]);
  if (first < 0x80) return first;
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  std::uint32_t out = first & (0x3F >> more);
  for (int i = 0; i < more; ++i) out = out << 6 | (static_cast<std::uint8_t>(text[at++]) & 0x3F);
  return out;
}

/// `value` as it stands between the quotes. What is no UTF-8 has no other form than the plain one.
std::string jsonEscaped(std::string_view value, const JsonHabit& habit) {
  std::string out;
  const bool ascii = habit.ascii && base::isUtf8(value);
  for (std::size_t at = 0; at < value.size();) {
    const std::size_t from = at;
    const auto byte = static_cast<std::uint8_t>(value[at]);
    const std::uint32_t code = ascii ? nextCodePoint(value, at) : value[at++] & 0xFFu;
    if (code >= 0x10000) {
      appendNumbered(out, 0xD7C0 + (code >> 10), habit.digits);
      appendNumbered(out, 0xDC00 + (code & 0x3FF), habit.digits);
    } else if ((ascii && code >= 0x80) ||
               (byte < 0x80 && habit.characters.find(value[from]) != std::string_view::npos)) {
      appendNumbered(out, code, habit.digits);
    } else if (byte >= 0x80) {
      out += value[from];
    } else {
      if (byte == '/' && habit.slash) out += '\\';
      std::string quoted;
      json::appendQuoted(quoted, value.substr(from, 1));
      out += std::string_view(quoted).substr(1, quoted.size() - 2);
    }
  }
  return out;
}

std::string urlEscaped(std::string_view value, std::string_view digits, bool plusForSpace) {
  std::string out;
  for (const char c : value) {
    const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (alnum || std::string_view("-._~").find(c) != std::string_view::npos) {
      out += c;
    } else if (c == ' ' && plusForSpace) {
      out += '+';
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

/// A PEM key is often printed line by line; its first and last lines are no secret.
void addLines(std::string_view value, std::vector<std::string>& forms) {
  for (std::string_view line : base::split(value, '\n')) {
    line = base::trim(line);
    if (line.size() < 8 || line.starts_with("-----")) continue;
    forms.emplace_back(line);
    forms.push_back(jsonEscaped(line, kJsonHabits[0]));
  }
}

}  // namespace

std::vector<std::string> secretForms(std::string_view value, std::size_t shortest) {
  // What `echo` puts at the end is seldom part of what is printed.
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.remove_suffix(1);
  std::vector<std::string> forms;
  if (value.size() < shortest) return forms;
  forms.emplace_back(value);
  for (const std::size_t before : {0u, 1u, 2u}) {
    forms.push_back(base64Inside(value, before, false));
    forms.push_back(base64Inside(value, before, true));
  }
  std::string hex =
      base::toHex({reinterpret_cast<const std::uint8_t*>(value.data()), value.size()});
  std::string upper = hex;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  forms.push_back(std::move(hex));
  forms.push_back(std::move(upper));
  for (const JsonHabit& habit : kJsonHabits) forms.push_back(jsonEscaped(value, habit));
  forms.push_back(urlEscaped(value, "0123456789ABCDEF", false));
  forms.push_back(urlEscaped(value, "0123456789abcdef", false));
  forms.push_back(urlEscaped(value, "0123456789ABCDEF", true));
  forms.push_back(base::escapeMarkup(value, "&apos;"));
  if (value.find('\n') != std::string_view::npos) addLines(value, forms);
  std::sort(forms.begin(), forms.end());
  forms.erase(std::unique(forms.begin(), forms.end()), forms.end());
  std::erase_if(forms, [&](const std::string& form) { return form.size() < shortest; });
  return forms;
}

}  // namespace belay::redaction
