#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Check.h"
#include "common/calendar/TimeZone.h"

namespace belay::test {

/// The parts of a TZif file of version 2, to be made right or wrong.
struct TzifParts {
  struct Type {
    std::int32_t offset;
    bool dst;
    std::uint8_t name;
  };
  std::vector<std::int64_t> times;
  std::vector<std::uint8_t> indices;
  std::vector<Type> types{{0, false, 0}};
  std::string names = std::string("UTC\0", 4);
  std::uint32_t leaps = 0;
  std::string rule;

  std::string bytes() const {
    std::string out = header('2', 0, 0, 1, 1) + std::string("\0\0\0\0\0\0\0", 7);
    out += header('2', leaps, times.size(), types.size(), names.size());
    for (const std::int64_t time : times) out += bigEndian(static_cast<std::uint64_t>(time), 8);
    out.append(indices.begin(), indices.end());
    for (const Type& type : types) {
      out += bigEndian(static_cast<std::uint32_t>(type.offset), 4);
      out += static_cast<char>(type.dst);
      out += static_cast<char>(type.name);
    }
    return out + names + std::string(leaps * 12, '\0') + "\n" + rule + "\n";
  }

 private:
  static std::string bigEndian(std::uint64_t value, int size) {
    std::string out;
    for (int shift = (size - 1) * 8; shift >= 0; shift -= 8)
      out += static_cast<char>(value >> shift);
    return out;
  }
  static std::string header(char version, std::size_t leaps, std::size_t times, std::size_t types,
                            std::size_t names) {
    std::string out = "TZif" + std::string(1, version) + std::string(15, '\0');
    for (const std::size_t count : {std::size_t{0}, std::size_t{0}, leaps, times, types, names}) {
      out += bigEndian(count, 4);
    }
    return out;
  }
};

/// A zone that follows a rule of POSIX in all years.
inline calendar::TimeZone zoneByRule(std::string_view rule) {
  TzifParts parts;
  parts.rule = rule;
  auto zone = calendar::TimeZone::fromTzif("Test/" + std::string(rule.substr(0, 3)), parts.bytes());
  BELAY_CHECK(zone.ok());
  return std::move(*zone);
}

inline constexpr std::string_view kBerlinRule = "CET-1CEST,M3.5.0,M10.5.0/3";

/// "2026-12-24T18:00" as UTC.
inline calendar::Instant utc(std::string_view text) {
  const auto local = calendar::parseLocalTime(text);
  BELAY_CHECK(local.ok());
  return calendar::Instant{local->time_since_epoch()};
}

}  // namespace belay::test
