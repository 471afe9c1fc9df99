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

std::string jsonEscaped(std::string_view value, bool escapeSlash) {
  std::string quoted;
  json::appendQuoted(quoted, value);
  std::string out;
  for (const char c : std::string_view(quoted).substr(1, quoted.size() - 2)) {
    if (c == '/' && escapeSlash) out += '\\';
    out += c;
  }
  crypto::wipe(quoted);
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
    forms.push_back(jsonEscaped(line, false));
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
  forms.push_back(jsonEscaped(value, false));
  forms.push_back(jsonEscaped(value, true));
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
