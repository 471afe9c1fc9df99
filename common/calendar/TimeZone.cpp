#include "common/calendar/TimeZone.h"

#include <algorithm>

namespace belay::calendar {

using base::Result;

TimeZone TimeZone::utc() {
  TimeZone zone;
  zone.name_ = "UTC";
  zone.table_.offsets.push_back({std::chrono::seconds{0}, false, "UTC"});
  return zone;
}

Result<TimeZone> TimeZone::fromTzif(std::string name, std::string_view bytes) {
  const std::string context = "time zone " + name;
  TimeZone zone;
  zone.name_ = std::move(name);
  auto table = parseTzif(bytes);
  if (!table) return std::move(table).error().in(context);
  zone.table_ = std::move(*table);
  if (!zone.table_.rule.empty()) {
    auto rule = PosixRule::parse(zone.table_.rule);
    if (!rule) return std::move(rule).error().in(context);
    zone.rule_ = std::move(*rule);
  }
  return zone;
}

OffsetPeriod TimeZone::periodAt(Instant when) const {
  const auto& changes = table_.changes;
  if (changes.empty() && rule_) return rule_->periodAt(when);
  const auto offsetOf = [&](std::size_t change) { return &table_.offsets[table_.types[change]]; };
  const auto next = std::upper_bound(changes.begin(), changes.end(), when);
  if (next == changes.begin()) {
    const ZoneOffset& first = table_.offsets.front();
    return {kBeginning, changes.empty() ? kEnd : *next, &first, first.fromUtc};
  }
  const auto index = static_cast<std::size_t>(next - changes.begin()) - 1;
  const auto before = index == 0 ? table_.offsets.front().fromUtc : offsetOf(index - 1)->fromUtc;
  if (next != changes.end()) return {changes[index], *next, offsetOf(index), before};
  if (!rule_) return {changes[index], kEnd, offsetOf(index), before};
  OffsetPeriod period = rule_->periodAt(when);
  // What the rule says about the time of the table does not count.
  if (period.begin <= changes[index]) {
    period.begin = changes[index];
    period.before = before;
  }
  return period;
}

LocalTime TimeZone::toLocal(Instant when) const {
  return LocalTime{when.time_since_epoch() + offsetAt(when).fromUtc};
}

LocalMatch TimeZone::fromLocal(LocalTime time) const {
  const Instant asUtc{time.time_since_epoch()};
  std::optional<Instant> first, last, gapEnd;
  for (Instant at = asUtc - kOffsetMax; at <= asUtc + kOffsetMax;) {
    const OffsetPeriod period = periodAt(at);
    const Instant candidate = asUtc - period.offset->fromUtc;
    if (candidate >= period.begin && candidate < period.end) {
      if (!first) first = candidate;
      last = candidate;
    } else if (candidate < period.begin && asUtc - period.before >= period.begin && !gapEnd) {
      gapEnd = period.begin;
    }
    at = period.end;
  }
  if (!first) return {LocalMatch::Kind::kGap, gapEnd.value_or(asUtc), gapEnd.value_or(asUtc)};
  return {*first == *last ? LocalMatch::Kind::kUnique : LocalMatch::Kind::kFold, *first, *last};
}

std::string TimeZone::format(Instant when) const {
  const auto offset = offsetAt(when).fromUtc;
  return formatLocalTime(LocalTime{when.time_since_epoch() + offset}) + formatOffset(offset);
}

}  // namespace belay::calendar
