// Reads cron expressions. Positions in messages are columns of the expression, from 1.

#include <array>
#include <vector>

#include "common/base/Text.h"
#include "common/calendar/Cron.h"

namespace belay::calendar {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays{"sun", "mon", "tue", "wed",
                                                    "thu", "fri", "sat"};

/// What may stand in a field.
struct FieldRow {
  std::string_view name;
  unsigned least, most;
  std::span<const std::string_view> names;  ///< Of the values from `least` on.
  bool isDay;                               ///< `?` may stand for `*`.
  std::string_view allowed;
};

constexpr std::array<FieldRow, 5> kFields{{
    {"minute", 0, 59, {}, false, "0-59"},
    {"hour", 0, 23, {}, false, "0-23"},
    {"day of month", 1, 31, {}, true, "1-31"},
    {"month", 1, 12, kMonths, false, "1-12 or JAN-DEC"},
    {"day of week", 0, 7, kWeekdays, true, "0-7 or SUN-SAT, where 0 and 7 are Sunday"},
}};

struct MacroRow {
  std::string_view name, fields;
};

constexpr std::array<MacroRow, 7> kMacros{{
    {"@hourly", "0 * * * *"},
    {"@daily", "0 0 * * *"},
    {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"},
    {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
}};

std::string quoted(std::string_view text) {
  return "\"" + base::visible(text.substr(0, 60)) + "\"";
}

struct Word {
  std::string_view text;
  std::size_t column;
};

std::vector<Word> words(std::string_view text) {
  std::vector<Word> out;
  for (std::size_t at = 0; (at = text.find_first_not_of(" \t", at)) != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(" \t", at), text.size());
    out.push_back({text.substr(at, end - at), at + 1});
    at = end;
  }
  return out;
}

/// One field, read from left to right.
class FieldReader {
 public:
  FieldReader(const FieldRow& row, Word word) : row_(row), word_(word) {}

  Result<std::uint64_t> read() {
    std::uint64_t bits = 0;
    do {
      BELAY_TRY(item(bits));
    } while (take(','));
    if (at_ < word_.text.size()) return unexpected();
    return bits;
  }

 private:
  char peek() const { return at_ < word_.text.size() ? word_.text[at_] : '\0'; }
  bool take(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }

  Error error(std::size_t at, const std::string& what) const {
    Error out{ErrorCode::kScheduleInvalid, "the field " + std::string(row_.name) + " (column " +
                                               std::to_string(word_.column + at) + "): " + what};
    base::SourcePlace place;
    place.line = 1;
    place.column = static_cast<int>(word_.column + at);
    return std::move(out).at(place);
  }

  Error unexpected() const {
    const std::string_view rest = word_.text.substr(at_);
    const std::string allowed =
        "; allowed are " + std::string(row_.allowed) + ", *, ranges a-b, steps /n and lists a,b";
    if (rest.empty()) return error(at_, "something is missing at its end" + allowed);
    if (rest.find_first_of("LW#lw") == 0) {
      return error(at_, "L, W and # are not supported" + allowed);
    }
    return error(at_, quoted(rest) + " cannot stand here" + allowed);
  }

  Result<unsigned> value() {
    const std::size_t from = at_;
    while ((peek() >= '0' && peek() <= '9') || (peek() >= 'a' && peek() <= 'z') ||
           (peek() >= 'A' && peek() <= 'Z')) {
      ++at_;
    }
    const std::string_view text = word_.text.substr(from, at_ - from);
    for (std::size_t i = 0; i < row_.names.size(); ++i) {
      if (base::equalsIgnoringCase(text, row_.names[i]))
        return row_.least + static_cast<unsigned>(i);
    }
    const auto number = base::parseUnsigned(text);
    if (!number) {
      at_ = from;
      return unexpected();
    }
    if (*number < row_.least || *number > row_.most) {
      return error(from,
                   quoted(text) + " is out of range; allowed are " + std::string(row_.allowed));
    }
    return static_cast<unsigned>(*number);
  }

  Status item(std::uint64_t& bits) {
    const std::size_t from = at_;
    unsigned first = row_.least, last = row_.most;
    bool isRange = true;
    if (row_.isDay && take('?')) {
      if (peek() == '/') return error(at_, "a step after ?; write */n");
    } else if (!take('*')) {
      BELAY_ASSIGN(first, value());
      last = first;
      isRange = take('-');
      if (isRange) {
        BELAY_ASSIGN(last, value());
      }
    } else if (row_.isDay && row_.least == 0) {
      last = 6;  // All days of the week, without Sunday's second number.
    }
    if (last < first) {
      return error(from, "the range " + quoted(word_.text.substr(from, at_ - from)) +
                             " runs backwards; write it as two, " + std::to_string(first) + "-" +
                             std::to_string(row_.isDay && row_.least == 0 ? 6 : row_.most) + "," +
                             std::to_string(row_.least) + "-" + std::to_string(last));
    }
    unsigned step = 1;
    if (take('/')) {
      BELAY_ASSIGN(step, stepOf(first, last, isRange));
    }
    for (unsigned i = first; i <= last; i += step) bits |= 1ULL << i;
    return {};
  }

  Result<unsigned> stepOf(unsigned first, unsigned last, bool isRange) {
    const std::size_t from = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    if (from == at_) return unexpected();
    const auto number = base::parseUnsigned(word_.text.substr(from, at_ - from));
    if (!isRange) {
      return error(from, "a step after a single number; write " + std::to_string(first) + "-" +
                             std::to_string(row_.most) + "/" +
                             std::string(word_.text.substr(from, at_ - from)));
    }
    if (!number || *number < 1 || *number > last - first) {
      return error(from, "a step must be from 1 to " + std::to_string(last - first) + " here");
    }
    return static_cast<unsigned>(*number);
  }

  const FieldRow& row_;
  const Word word_;
  std::size_t at_ = 0;
};

Result<std::vector<Word>> fieldsOf(std::string_view text) {
  const auto refuse = [&](const std::string& why) {
    return Error{ErrorCode::kScheduleInvalid, "the cron expression " + quoted(text) + " " + why};
  };
  if (text.size() > Cron::kExpressionMax)
    return refuse("is longer than " + std::to_string(Cron::kExpressionMax) + " characters");
  auto found = words(text);
  if (found.size() == 1 && found[0].text.starts_with('@')) {
    for (const MacroRow& row : kMacros) {
      if (base::equalsIgnoringCase(row.name, found[0].text)) return words(row.fields);
    }
    return refuse("is not one of @hourly @daily @midnight @weekly @monthly @yearly @annually");
  }
  if (!found.empty() && found[0].text.find('=') != std::string_view::npos) {
    return refuse("names a time zone; that is the key timezone");
  }
  if (found.size() != kFields.size()) {
    return refuse(
        "has " + std::to_string(found.size()) +
        " fields and not five: minute, hour, day of month, month, day of week" +
        (found.size() == 6 || found.size() == 7 ? " (there are no seconds and no years)" : ""));
  }
  return found;
}

}  // namespace

/// Makes a Cron from the bits of its fields.
///
/// Threads: owner.
class CronParser {
 public:
  static Result<Cron> parse(std::string_view text) {
    BELAY_ASSIGN(const std::vector<Word> fields, fieldsOf(text));
    std::array<std::uint64_t, kFields.size()> bits{};
    for (std::size_t i = 0; i < kFields.size(); ++i) {
      auto read = FieldReader(kFields[i], fields[i]).read();
      if (!read) return std::move(read).error().in("the cron expression " + quoted(text));
      bits[i] = *read;
    }
    Cron cron;
    cron.text_ = text;
    cron.minutes_ = bits[0];
    cron.hours_ = static_cast<std::uint32_t>(bits[1]);
    cron.days_ = static_cast<std::uint32_t>(bits[2]);
    cron.months_ = static_cast<std::uint16_t>(bits[3]);
    cron.weekdays_ = static_cast<std::uint8_t>((bits[4] | bits[4] >> 7) & 0x7f);
    const auto starred = [&](std::size_t i) { return fields[i].text.find_first_of("*?") == 0; };
    cron.eitherDay_ = !starred(2) && !starred(4);
    cron.everyHour_ = cron.hours_ == 0xff'ffff;
    cron.bothPasses_ = cron.everyHour_ || starred(0);
    if (!happens(cron)) {
      return Error{ErrorCode::kScheduleInvalid,
                   "the cron expression " + quoted(text) +
                       " never happens: none of its months has one of its days"};
    }
    return cron;
  }

 private:
  /// Over 400 years each date of the year, 29 February too, falls on each day of the week.
  static bool happens(const Cron& cron) {
    if (cron.eitherDay_) return true;
    constexpr std::array<unsigned, 13> kLengths{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (unsigned month = 1; month <= 12; ++month) {
      const std::uint64_t days = (2ULL << kLengths[month]) - 2;
      if ((cron.months_ >> month & 1u) != 0 && (cron.days_ & days) != 0) return true;
    }
    return false;
  }
};

Result<Cron> Cron::parse(std::string_view expression) {
  return CronParser::parse(base::trim(expression));
}

}  // namespace belay::calendar
