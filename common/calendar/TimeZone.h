#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/calendar/PosixRule.h"
#include "common/calendar/Tzif.h"
#include "common/calendar/ZoneOffset.h"

namespace belay::calendar {

/// What instants a local time is. A gap is what clocks leap over when they are put forward; a fold
/// is what they show twice when they are put back.
struct LocalMatch {
  enum class Kind : std::uint8_t { kUnique, kGap, kFold } kind;
  Instant first;  ///< kGap: the first instant after the gap. kFold: the earlier of both.
  Instant last;   ///< kFold: the later of both. Otherwise as `first`.
};

/// A zone of the IANA data base: how local time and instants belong together, for all years.
///
/// Threads:   any: it does not change.
/// Ownership: periods point into the zone.
/// Errors:    kTimeZone.
class TimeZone {
 public:
  static TimeZone utc();
  /// `name` is for messages and is not checked.
  static base::Result<TimeZone> fromTzif(std::string name, std::string_view bytes);

  const std::string& name() const { return name_; }

  /// The period of `when`. Periods follow each other without gaps from kBeginning to kEnd;
  /// neighbours may have the same offset (where only the name or the DST flag changes).
  OffsetPeriod periodAt(Instant when) const;
  const ZoneOffset& offsetAt(Instant when) const { return *periodAt(when).offset; }
  LocalTime toLocal(Instant when) const;
  LocalMatch fromLocal(LocalTime time) const;
  /// "2026-03-29T03:00:00+02:00".
  std::string format(Instant when) const;

 private:
  TimeZone() = default;

  std::string name_;
  TzifTable table_;
  std::optional<PosixRule> rule_;
};

}  // namespace belay::calendar
