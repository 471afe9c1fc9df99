#include "common/calendar/PosixRule.h"

#include <algorithm>
#include <string>

#include "common/base/Check.h"
#include "common/base/Text.h"

namespace belay::calendar {

using base::Error;
using base::ErrorCode;
using base::Result;
using std::chrono::seconds;

/// Reads a rule from left to right; a part that is not there is nothing.
class PosixRule::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::optional<PosixRule> rule() {
    PosixRule out;
    if (!zone(out.standard_)) return std::nullopt;
    if (atEnd()) return out;
    out.summer_.emplace();
    out.summer_->dst = true;
    if (!name(out.summer_->abbreviation)) return std::nullopt;
    out.summer_->fromUtc = out.standard_.fromUtc + std::chrono::hours{1};
    if (peek() != ',') {
      const auto west = time(24);
      if (!west) return std::nullopt;
      out.summer_->fromUtc = -*west;
    }
    if (!take(',') || !date(out.toSummer_)) return std::nullopt;
    if (!take(',') || !date(out.toStandard_) || !atEnd()) return std::nullopt;
    return out;
  }

 private:
  bool atEnd() const { return at_ == text_.size(); }
  char peek() const { return atEnd() ? '\0' : text_[at_]; }
  bool take(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }

  std::optional<unsigned> number(unsigned most) {
    const std::size_t from = at_;
    while (peek() >= '0' && peek() <= '9' && at_ - from < 4) ++at_;
    const auto value = base::parseUnsigned(text_.substr(from, at_ - from));
    if (!value || *value > most) return std::nullopt;
    return static_cast<unsigned>(*value);
  }

  bool name(std::string& out) {
    const bool quoted = take('<');
    const std::size_t from = at_;
    const auto belongs = [&](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
             (quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-'));
    };
    while (belongs(peek())) ++at_;
    out = text_.substr(from, at_ - from);
    return out.size() >= 3 && out.size() <= 16 && (!quoted || take('>'));
  }

  /// [+-]h[h[h]][:mm[:ss]].
  std::optional<seconds> time(unsigned hoursMost) {
    const bool minus = take('-');
    if (!minus) take('+');
    const auto hours = number(hoursMost);
    if (!hours) return std::nullopt;
    unsigned rest = 0;
    for (const unsigned unit : {60u, 1u}) {
      if (!take(':')) break;
      const auto part = number(59);
      if (!part) return std::nullopt;
      rest += *part * unit;
    }
    const seconds all{static_cast<std::int64_t>(*hours) * 3600 + rest};
    return minus ? -all : all;
  }

  bool zone(ZoneOffset& out) {
    if (!name(out.abbreviation)) return false;
    const auto west = time(24);
    if (!west) return false;
    out.fromUtc = -*west;  // POSIX counts westwards.
    return true;
  }

  bool date(Date& out) {
    std::optional<unsigned> value;
    if (take('M')) {
      out.kind = Date::Kind::kMonthWeekDay;
      value = number(12);
      if (!value || *value < 1 || !take('.')) return false;
      out.month = *value;
      value = number(5);
      if (!value || *value < 1 || !take('.')) return false;
      out.week = *value;
      value = number(6);
      if (!value) return false;
      out.weekday = *value;
    } else {
      out.kind = take('J') ? Date::Kind::kJulian : Date::Kind::kDayOfYear;
      value = number(365);
      if (!value || (out.kind == Date::Kind::kJulian && *value < 1)) return false;
      out.day = *value;
    }
    if (!take('/')) return true;
    const auto when = time(167);
    if (!when) return false;
    out.time = *when;
    return true;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

Result<PosixRule> PosixRule::parse(std::string_view text) {
  auto rule = Parser(text).rule();
  if (!rule) {
    return Error{ErrorCode::kTimeZone,
                 "the rule \"" + base::visible(text.substr(0, 80)) +
                     "\" is not one of POSIX (like CET-1CEST,M3.5.0,M10.5.0/3)"};
  }
  return std::move(*rule);
}

Instant PosixRule::dateIn(const Date& date, std::chrono::year year, seconds offset) const {
  using namespace std::chrono;
  sys_days day{year / January / 1};
  if (date.kind == Date::Kind::kMonthWeekDay) {
    const weekday wanted{date.weekday};
    const month in{date.month};
    day = date.week == 5 ? sys_days{year / in / wanted[last]}
                         : sys_days{year / in / wanted[date.week]};
  } else {
    unsigned later = date.day;
    // A Julian day counts from 1 and as if there were no 29 February.
    if (date.kind == Date::Kind::kJulian) later -= year.is_leap() && later >= 60 ? 0 : 1;
    day += days{later};
  }
  return day + date.time - offset;
}

std::size_t PosixRule::changesAround(std::chrono::year year, Changes& out) const {
  std::size_t count = 0;
  for (int distance = -3; distance <= 3; ++distance) {
    const std::chrono::year y = year + std::chrono::years{distance};
    out[count++] = {dateIn(toSummer_, y, standard_.fromUtc), true};
    out[count++] = {dateIn(toStandard_, y, summer_->fromUtc), false};
  }
  // Where a change meets its opposite, as in a rule of everlasting summer time, summer stays.
  std::sort(out.begin(), out.end(), [](const Change& a, const Change& b) {
    return a.at != b.at ? a.at < b.at : a.toDst < b.toDst;
  });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i + 1 < count && out[i + 1].at == out[i].at) continue;
    out[kept++] = out[i];
  }
  return kept;
}

OffsetPeriod PosixRule::periodAt(Instant when) const {
  if (!summer_) return {kBeginning, kEnd, &standard_, standard_.fromUtc};
  const auto offsetOf = [&](const Change& change) { return change.toDst ? &*summer_ : &standard_; };
  using namespace std::chrono;
  const Instant inYears = std::clamp(when, Instant{sys_days{year{-9999} / 1 / 1}}, kLastInstant);
  Changes changes{};
  const std::size_t count = changesAround(year_month_day{floor<days>(inYears)}.year(), changes);
  std::size_t next = 0;
  while (next < count && changes[next].at <= inYears) ++next;
  // Three years on either side, though a rule may move its changes by a year and a week.
  BELAY_CHECK(next >= 2 && next < count);
  OffsetPeriod period{changes[next - 1].at, changes[next].at, offsetOf(changes[next - 1]),
                      offsetOf(changes[next - 2])->fromUtc};
  if (when > inYears) period.end = kEnd;
  if (when < inYears) period.begin = kBeginning;
  return period;
}

}  // namespace belay::calendar
