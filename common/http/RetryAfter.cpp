#include "common/http/RetryAfter.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::http {

namespace {

using std::chrono::milliseconds;

constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays{"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
constexpr std::int64_t kDayMs = 86'400'000;
/// Ten years: more than any server means, and far from the end of the type.
constexpr std::uint64_t kSecondsMax = 315'360'000;

std::string twoDigits(unsigned number) {
  return {static_cast<char>('0' + number / 10 % 10), static_cast<char>('0' + number % 10)};
}

/// From the fields of any of the three forms, as RFC 3339, whose parser checks the ranges.
std::optional<std::int64_t> fromFields(std::string_view day, std::string_view month,
                                       std::string_view year, std::string_view time) {
  const auto* found = std::find(kMonths.begin(), kMonths.end(), month);
  const auto dayNumber = base::parseUnsigned(day);
  if (found == kMonths.end() || !dayNumber || *dayNumber > 31 || year.size() != 4)
    return std::nullopt;
  const auto monthNumber = static_cast<unsigned>(found - kMonths.begin()) + 1;
  const std::string instant = std::string(year) + "-" + twoDigits(monthNumber) + "-" +
                              twoDigits(static_cast<unsigned>(*dayNumber)) + "T" +
                              std::string(time) + "Z";
  auto parsed = base::parseInstant(instant);
  return parsed.ok() ? std::optional<std::int64_t>(*parsed) : std::nullopt;
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out = base::split(text, ' ');
  std::erase(out, std::string_view{});
  return out;
}

}  // namespace

std::optional<std::int64_t> parseHttpDate(std::string_view text) {
  const auto parts = words(text);
  // Sun, 06 Nov 1994 08:49:37 GMT
  if (parts.size() == 6 && parts[5] == "GMT")
    return fromFields(parts[1], parts[2], parts[3], parts[4]);
  // Sun Nov  6 08:49:37 1994
  if (parts.size() == 5) return fromFields(parts[2], parts[1], parts[4], parts[3]);
  // Sunday, 06-Nov-94 08:49:37 GMT: two digits of a year are the nearest such year, and these
  // headers are about now.
  if (parts.size() == 4 && parts[3] == "GMT") {
    const auto date = base::split(parts[1], '-');
    if (date.size() != 3 || date[2].size() != 2) return std::nullopt;
    const bool past = date[2] >= std::string_view("70");
    return fromFields(date[0], date[1], (past ? "19" : "20") + std::string(date[2]), parts[2]);
  }
  return std::nullopt;
}

std::string formatHttpDate(std::int64_t wallMs) {
  // "1994-11-06T08:49:37.000Z" has all but the names.
  const std::string instant = base::formatInstant(wallMs);
  const auto month = base::parseUnsigned(instant.substr(5, 2)).value_or(1);
  const std::int64_t days = (wallMs - ((wallMs % kDayMs) + kDayMs) % kDayMs) / kDayMs;
  const auto weekday = static_cast<std::size_t>(((days % 7) + 7) % 7);
  return std::string(kDays[weekday]) + ", " + instant.substr(8, 2) + " " +
         std::string(kMonths[month - 1]) + " " + instant.substr(0, 4) + " " +
         instant.substr(11, 8) + " GMT";
}

std::optional<milliseconds> retryAfter(const Headers& headers, std::int64_t wallMs) {
  const std::string* value = headers.find("Retry-After");
  if (value == nullptr) return std::nullopt;
  if (const auto seconds = base::parseUnsigned(*value)) {
    return milliseconds{static_cast<std::int64_t>(std::min(*seconds, kSecondsMax)) * 1000};
  }
  if (!value->empty() && value->find_first_not_of("0123456789") == std::string::npos)
    return milliseconds{static_cast<std::int64_t>(kSecondsMax) * 1000};
  const auto date = parseHttpDate(*value);
  if (!date) return std::nullopt;
  return milliseconds{std::max<std::int64_t>(0, *date - wallMs)};
}

}  // namespace belay::http
