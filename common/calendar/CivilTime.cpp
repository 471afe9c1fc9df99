#include "common/calendar/CivilTime.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "common/base/Text.h"

namespace belay::calendar {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

/// Exactly `length` digits at `at`.
std::optional<unsigned> digits(std::string_view text, std::size_t at, std::size_t length) {
  unsigned value = 0;
  for (std::size_t i = at; i < at + length; ++i) {
    if (i >= text.size() || text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(text[i] - '0');
  }
  return value;
}

}  // namespace

Result<LocalTime> parseLocalTime(std::string_view text) {
  const Error bad{ErrorCode::kScheduleInvalid, "\"" + base::visible(text.substr(0, 40)) +
                                                   "\" is not a local time; write for example "
                                                   "2026-12-24T18:00"};
  const bool seconds = text.size() == 19;
  if ((!seconds && text.size() != 16) || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != ' ') || text[13] != ':' || (seconds && text[16] != ':')) {
    return bad;
  }
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2), minute = digits(text, 14, 2);
  const auto second = seconds ? digits(text, 17, 2) : 0u;
  if (!year || !month || !day || !hour || !minute || !second) return bad;
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(*year)},
                                         std::chrono::month{*month}, std::chrono::day{*day}};
  if (*year < 1970 || !date.ok() || *hour > 23 || *minute > 59 || *second > 59) return bad;
  return LocalTime{std::chrono::local_days{date}} + std::chrono::hours{*hour} +
         std::chrono::minutes{*minute} + std::chrono::seconds{*second};
}

std::string formatLocalTime(LocalTime time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss<seconds> clock{time - day};
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return buffer.data();
}

std::string formatOffset(std::chrono::seconds offset) {
  const long long all = std::llabs(offset.count());
  std::array<char, 32> buffer{};
  int used = std::snprintf(buffer.data(), buffer.size(), "%c%02lld:%02lld",
                           offset.count() < 0 ? '-' : '+', all / 3600, all / 60 % 60);
  std::string out(buffer.data(), static_cast<std::size_t>(used));
  if (all % 60 != 0) {
    used = std::snprintf(buffer.data(), buffer.size(), ":%02lld", all % 60);
    out.append(buffer.data(), static_cast<std::size_t>(used));
  }
  return out;
}

}  // namespace belay::calendar
