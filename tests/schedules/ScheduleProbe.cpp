// Answers questions about time zones and cron expressions, one line each, fields separated by tabs.
// Times are seconds since 1970; local times are counted as if they were UTC. Run by schedules.py,
// which asks other programs the same.
//
//   changes ZONE FROM UNTIL       begin:offset:abbreviation of each period that begins in [FROM,
//   UNTIL) offsets ZONE TIME...          offset:abbreviation of each locals ZONE LOCAL...
//   kind:first:last of each next ZONE EXPRESSION AFTER N  the next N due times count ZONE
//   EXPRESSION AFTER UNTIL
//
// An error is "error: MESSAGE".

#include <charconv>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Check.h"
#include "common/base/Text.h"
#include "common/calendar/Cron.h"
#include "common/calendar/TimeZones.h"

namespace {

using namespace belay::calendar;
using belay::base::Result;
using Words = std::vector<std::string_view>;

std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  BELAY_CHECK(read.ec == std::errc{} && read.ptr == text.data() + text.size());
  return value;
}

Instant instant(std::string_view text) { return Instant{std::chrono::seconds{number(text)}}; }
std::string text(Instant when) { return std::to_string(when.time_since_epoch().count()); }
std::string text(const ZoneOffset& offset) {
  return std::to_string(offset.fromUtc.count()) + ":" + offset.abbreviation;
}

std::string changes(const TimeZone& zone, Instant from, Instant until) {
  std::string out;
  for (OffsetPeriod period = zone.periodAt(from); period.end < until;) {
    period = zone.periodAt(period.end);
    out += text(period.begin) + ":" + text(*period.offset) + "\t";
  }
  return out;
}

std::string local(const LocalMatch& match) {
  const char* const kinds[] = {"unique", "gap", "fold"};
  return std::string(kinds[static_cast<int>(match.kind)]) + ":" + text(match.first) + ":" +
         text(match.last);
}

Result<std::string> answer(const Words& words, TimeZones& zones) {
  BELAY_ASSIGN(const TimeZone* zone, zones.find(words.at(1)));
  std::string out;
  if (words[0] == "changes") return changes(*zone, instant(words.at(2)), instant(words.at(3)));
  if (words[0] == "offsets") {
    for (std::size_t i = 2; i < words.size(); ++i)
      out += text(zone->offsetAt(instant(words[i]))) + "\t";
    return out;
  }
  if (words[0] == "locals") {
    for (std::size_t i = 2; i < words.size(); ++i) {
      out += local(zone->fromLocal(LocalTime{std::chrono::seconds{number(words[i])}})) + "\t";
    }
    return out;
  }
  BELAY_ASSIGN(const Cron cron, Cron::parse(words.at(2)));
  Instant at = instant(words.at(3));
  if (words[0] == "count") return std::to_string(cron.count(at, instant(words.at(4)), *zone));
  BELAY_CHECK(words[0] == "next");
  for (std::int64_t left = number(words.at(4)); left > 0; --left) {
    const auto next = cron.next(at, *zone);
    if (!next) break;
    out += text(at = *next) + "\t";
  }
  return out;
}

}  // namespace

int main() {
  TimeZones zones;
  for (std::string line; std::getline(std::cin, line);) {
    const auto said = answer(belay::base::split(line, '\t'), zones);
    std::puts(said ? said->c_str() : ("error: " + said.error().message).c_str());
    std::fflush(stdout);
  }
  return 0;
}
