#include "common/calendar/TimeZones.h"

#include <algorithm>
#include <vector>

#include "common/base/Files.h"
#include "common/base/Text.h"

namespace belay::calendar {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

constexpr std::size_t kNameMax = 64;

bool isPart(std::string_view part) {
  const auto isLetter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !part.empty() && isLetter(part.front()) &&
         std::all_of(part.begin(), part.end(), [&](char c) {
           return isLetter(c) || (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-';
         });
}

/// Names of the folder that are no zones, or zones that mean something else on each host.
bool isOther(std::string_view name) {
  return name == "localtime" || name == "posixrules" || name.starts_with("right/") ||
         name.starts_with("posix/");
}

}  // namespace

bool isZoneName(std::string_view name) {
  if (name.size() > kNameMax || isOther(name)) return false;
  const auto parts = base::split(name, '/');
  return std::all_of(parts.begin(), parts.end(), isPart);
}

TimeZones::TimeZones(std::string folder) : folder_(std::move(folder)) {
  zones_.emplace("UTC", TimeZone::utc());
}

Result<const TimeZone*> TimeZones::find(std::string_view name) {
  if (const auto known = zones_.find(name); known != zones_.end()) return &known->second;
  if (!isZoneName(name)) {
    return Error{ErrorCode::kTimeZone,
                 "\"" + base::visible(name.substr(0, kNameMax)) +
                     "\" is not the name of a time zone; write for example Europe/Berlin or UTC"};
  }
  const std::string path = folder_ + "/" + std::string(name);
  auto bytes = base::readFile(path, kTzifBytesMax);
  if (!bytes) {
    const bool isRegion = base::listFolder(path).ok();
    if (isRegion || bytes.error().code == ErrorCode::kNotFound) return unknown(std::string(name));
    return Error{ErrorCode::kTimeZone,
                 "time zone " + std::string(name) + ": " + bytes.error().message};
  }
  BELAY_ASSIGN(TimeZone zone, TimeZone::fromTzif(std::string(name), *bytes));
  return &zones_.emplace(name, std::move(zone)).first->second;
}

Error TimeZones::unknown(const std::string& name) const {
  if (!base::fileExists(folder_)) {
    return Error{ErrorCode::kTimeZone,
                 "time zone " + name + ": this host has no time zone data in " + folder_ +
                     "; only UTC is known",
                 {"install the package tzdata (apt-get install tzdata)", "write timezone: UTC"}};
  }
  const std::size_t slash = name.rfind('/');
  const std::string region = slash == std::string::npos ? "" : name.substr(0, slash + 1);
  std::vector<std::string> names;
  if (auto listed = base::listFolder(folder_ + "/" + region)) {
    for (const std::string& entry : *listed) {
      if (isZoneName(region + entry)) names.push_back(region + entry);
    }
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const auto near = base::nearest(name, candidates);
  return Error{ErrorCode::kTimeZone,
               "there is no time zone " + name + " on this host" +
                   (near ? "; did you mean " + *near + "?" : std::string()),
               {"write an IANA name such as Europe/Berlin; they are in " + folder_,
                "an old tzdata may lack it: apt-get install tzdata"}};
}

base::Status checkZone(std::string_view name) {
  TimeZones zones;
  auto found = zones.find(name);
  return found ? base::Status{} : base::Status{std::move(found).error()};
}

}  // namespace belay::calendar
