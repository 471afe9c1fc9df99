#include "common/base/Units.h"

#include <array>
#include <charconv>
#include <cstdio>

#include "common/base/Text.h"

namespace belay::base {

using std::chrono::milliseconds;

namespace {

struct DurationUnit {
  std::string_view name;
  std::int64_t ms;
};
// Largest first: formatDuration takes them in this order.
constexpr std::array<DurationUnit, 5> kDurationUnits{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::int64_t kMaxDurationMs = 10LL * 366 * 86'400'000;

struct ByteUnit {
  std::string_view name;
  std::uint64_t size;
};
constexpr std::array<ByteUnit, 9> kByteUnits{{{"", 1},
                                              {"B", 1},
                                              {"kB", 1'000},
                                              {"MB", 1'000'000},
                                              {"GB", 1'000'000'000},
                                              {"KiB", 1ULL << 10},
                                              {"MiB", 1ULL << 20},
                                              {"GiB", 1ULL << 30},
                                              {"TiB", 1ULL << 40}}};

Error badDuration(std::string_view text) {
  return Error{ErrorCode::kInvalidArgument,
               "\"" + visible(text.substr(0, 40)) +
                   "\" is not a duration; write for example 250ms, 30s, 10m, 2h, 1h30m or 7d"};
}

Error longDuration(std::string_view text) {
  return Error{ErrorCode::kInvalidArgument,
               "\"" + visible(text.substr(0, 40)) +
                   "\" is too long; a duration is at most 3660d, about 10 years"};
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
std::int64_t daysFromCivil(int year, unsigned month, unsigned day) {
  return std::chrono::sys_days{std::chrono::year{year} / std::chrono::month{month} /
                               std::chrono::day{day}}
      .time_since_epoch()
      .count();
}

}  // namespace

Result<milliseconds> parseDuration(std::string_view text) {
  std::string_view rest = text;
  std::int64_t total = 0;
  std::int64_t smallest = kMaxDurationMs;
  if (rest.empty()) return badDuration(text);
  while (!rest.empty()) {
    std::int64_t amount = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), amount);
    if (error == std::errc::result_out_of_range) return longDuration(text);
    if (error != std::errc() || amount < 0) return badDuration(text);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const std::string_view name =
        rest.substr(0, std::min(rest.find_first_of("0123456789"), rest.size()));
    rest.remove_prefix(name.size());
    std::int64_t unit = 0;
    for (const DurationUnit& row : kDurationUnits) {
      if (row.name == name) unit = row.ms;
    }
    // Units fall from left to right, each at most once: "1m1h" is a slip of the pen.
    if (unit == 0 || unit >= smallest) return badDuration(text);
    if (amount > (kMaxDurationMs - total) / unit) return longDuration(text);
    smallest = unit;
    total += amount * unit;
  }
  return milliseconds{total};
}

std::string formatDuration(milliseconds duration) {
  std::int64_t rest = duration.count();
  if (rest == 0) return "0s";
  std::string out = rest < 0 ? "-" : "";
  if (rest < 0) rest = -rest;
  for (const DurationUnit& unit : kDurationUnits) {
    if (rest < unit.ms) continue;
    out += std::to_string(rest / unit.ms);
    out += unit.name;
    rest %= unit.ms;
  }
  return out;
}

Result<std::uint64_t> parseBytes(std::string_view text) {
  const Error bad{ErrorCode::kInvalidArgument,
                  "\"" + visible(text.substr(0, 40)) +
                      "\" is not a size; write for example 512, 64 KiB, 16 MiB or 2 GB"};
  const std::string_view trimmed = trim(text);
  const std::size_t digits = std::min(trimmed.find_first_not_of("0123456789"), trimmed.size());
  const auto amount = parseUnsigned(trimmed.substr(0, digits));
  if (!amount) return bad;
  const std::string_view name = trim(trimmed.substr(digits));
  for (const ByteUnit& unit : kByteUnits) {
    if (!equalsIgnoringCase(unit.name, name)) continue;
    if (*amount > (1ULL << 50) / unit.size) return bad;
    return *amount * unit.size;
  }
  return bad;
}

std::string formatBytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kNames{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kNames.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s",
                value, kNames.at(unit));
  return buffer.data();
}

std::string formatInstant(std::int64_t wallMs) {
  using namespace std::chrono;
  const sys_time<milliseconds> when{milliseconds{wallMs}};
  const auto day = floor<days>(when);
  const year_month_day date{day};
  const hh_mm_ss<milliseconds> time{when - day};
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
                static_cast<int>(time.subseconds().count()));
  return buffer.data();
}

Result<std::int64_t> parseInstant(std::string_view text) {
  const Error bad{ErrorCode::kInvalidArgument,
                  "\"" + visible(text.substr(0, 40)) +
                      "\" is not a time; write for example 2026-11-21T06:00:00Z"};
  const auto number = [&](std::size_t at, std::size_t length) -> int {
    if (at + length > text.size()) return -1;
    const auto value = parseUnsigned(text.substr(at, length));
    return value && text[at] != '+' ? static_cast<int>(*value) : -1;
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != 't' && text[10] != ' ') || text[13] != ':' ||
      text[16] != ':') {
    return bad;
  }
  const int year = number(0, 4), month = number(5, 2), day = number(8, 2);
  const int hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (year < 1970 || month < 1 || day < 1 || !date.ok() || hour < 0 || hour > 23 || minute < 0 ||
      minute > 59 || second < 0 || second > 60) {
    return bad;
  }
  std::size_t at = 19;
  int ms = 0;
  if (text[at] == '.') {
    const std::size_t from = ++at;
    for (int scale = 100; at < text.size() && text[at] >= '0' && text[at] <= '9';
         ++at, scale /= 10) {
      ms += (text[at] - '0') * scale;
    }
    if (at == from) return bad;
  }
  int offsetMinutes = 0;
  const std::string_view zone = text.substr(at);
  if (zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':') {
    const int zoneHour = number(at + 1, 2), zoneMinute = number(at + 4, 2);
    if (zoneHour < 0 || zoneHour > 23 || zoneMinute < 0 || zoneMinute > 59) return bad;
    offsetMinutes = (zoneHour * 60 + zoneMinute) * (zone[0] == '-' ? -1 : 1);
  } else if (zone != "Z" && zone != "z") {
    return bad;
  }
  const std::int64_t days =
      daysFromCivil(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  return ((days * 24 + hour) * 60 + minute - offsetMinutes) * 60'000 + second * 1'000 + ms;
}

}  // namespace belay::base
