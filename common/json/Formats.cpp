#include "common/json/Formats.h"

#include <algorithm>
#include <array>
#include <string>

#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::json {

namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kHex = "0123456789abcdefABCDEF";

bool all(std::string_view text, std::initializer_list<std::string_view> sets) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return std::any_of(sets.begin(), sets.end(),
                       [c](std::string_view set) { return set.find(c) != std::string_view::npos; });
  });
}

bool isDateTime(std::string_view text) { return base::parseInstant(text).ok(); }

bool isDate(std::string_view text) {
  return text.size() == 10 && base::parseInstant(std::string(text) + "T00:00:00Z").ok();
}

bool isHostname(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  const std::vector<std::string_view> labels = base::split(text, '.');
  return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           all(label, {kLetters, kDigits, "-"});
  });
}

bool isEmail(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || at > 64) return false;
  const std::vector<std::string_view> atoms = base::split(text.substr(0, at), '.');
  return isHostname(text.substr(at + 1)) &&
         std::all_of(atoms.begin(), atoms.end(), [](std::string_view atom) {
           return !atom.empty() && all(atom, {kLetters, kDigits, "!#$%&'*+-/=?^_`{|}~"});
         });
}

bool isUri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view scheme = text.substr(0, colon);
  const std::string_view rest = text.substr(colon + 1);
  if (kLetters.find(scheme[0]) == std::string_view::npos ||
      !all(scheme, {kLetters, kDigits, "+-."}))
    return false;
  if (rest.empty() || !all(rest, {kLetters, kDigits, "-._~:/?#[]@!$&'()*+,;=%"})) return false;
  for (std::size_t i = rest.find('%'); i != std::string_view::npos; i = rest.find('%', i + 1)) {
    if (i + 2 >= rest.size() || !all(rest.substr(i + 1, 2), {kHex})) return false;
  }
  return std::count(rest.begin(), rest.end(), '#') <= 1;
}

bool isUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : kHex.find(text[i]) == std::string_view::npos) return false;
  }
  return true;
}

bool isIpv4(std::string_view text) {
  const std::vector<std::string_view> parts = base::split(text, '.');
  return parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
           const auto number = base::parseUnsigned(part);
           return number && *number <= 255 && part.size() <= 3 &&
                  (part.size() == 1 || part[0] != '0');
         });
}

/// RFC 4291 §2.2: eight groups, one run of zeros as ::, the last two groups perhaps as IPv4.
bool isIpv6(std::string_view text) {
  const std::size_t gap = text.find("::");
  if (gap != std::string_view::npos && text.find("::", gap + 1) != std::string_view::npos)
    return false;
  std::size_t groups = 0;
  const auto countGroups = [&groups](std::string_view part, bool mayEndInIpv4) {
    if (part.empty()) return true;
    const std::vector<std::string_view> pieces = base::split(part, ':');
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const bool last = i + 1 == pieces.size();
      if (last && mayEndInIpv4 && isIpv4(pieces[i])) {
        groups += 2;
        continue;
      }
      if (pieces[i].empty() || pieces[i].size() > 4 || !all(pieces[i], {kHex})) return false;
      ++groups;
    }
    return true;
  };
  if (gap == std::string_view::npos) return countGroups(text, true) && groups == 8 && !text.empty();
  return countGroups(text.substr(0, gap), false) && countGroups(text.substr(gap + 2), true) &&
         groups <= 7;
}

constexpr std::array<FormatRow, 8> kFormats{{
    {"date-time", "a date and time like 2026-11-21T08:00:00Z", &isDateTime},
    {"date", "a date like 2026-11-21", &isDate},
    {"email", "an e-mail address", &isEmail},
    {"uri", "a URI with its scheme, like https://example.org/", &isUri},
    {"uuid", "a UUID", &isUuid},
    {"ipv4", "an IPv4 address", &isIpv4},
    {"ipv6", "an IPv6 address", &isIpv6},
    {"hostname", "a host name", &isHostname},
}};

}  // namespace

std::span<const FormatRow> formatTable() { return kFormats; }

const FormatRow* findFormat(std::string_view name) {
  const auto found = std::find_if(kFormats.begin(), kFormats.end(),
                                  [&](const FormatRow& row) { return row.name == name; });
  return found == kFormats.end() ? nullptr : &*found;
}

}  // namespace belay::json
