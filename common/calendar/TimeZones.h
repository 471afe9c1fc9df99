#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/calendar/TimeZone.h"

namespace belay::calendar {

/// True for the shape of an IANA name: parts of [A-Za-z0-9_+-] that begin with a letter, joined by
/// '/', at most 64 characters; nothing that could leave a folder. Whether there is such a zone is
/// another question.
bool isZoneName(std::string_view name);

/// The zones of one folder of TZif files, each read when it is first asked for and then kept: an
/// update of the files counts after a restart. "UTC" needs no file.
///
/// Threads:   owner.
/// Ownership: zones live as long as this object.
/// Errors:    kTimeZone: a name that is none (with the nearest one), a damaged file, or no zone
/// data
///            on this host (with the package to install).
class TimeZones {
 public:
  explicit TimeZones(std::string folder = "/usr/share/zoneinfo");
  TimeZones(const TimeZones&) = delete;
  TimeZones& operator=(const TimeZones&) = delete;

  base::Result<const TimeZone*> find(std::string_view name);

 private:
  base::Error unknown(const std::string& name) const;

  const std::string folder_;
  std::map<std::string, TimeZone, std::less<>> zones_;
};

/// Whether this host knows the zone. Errors: as TimeZones::find.
base::Status checkZone(std::string_view name);

}  // namespace belay::calendar
