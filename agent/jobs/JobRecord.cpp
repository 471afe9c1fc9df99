#include "agent/jobs/JobRecord.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "common/base/UniqueFd.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"

namespace belay::jobs {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::UniqueFd;

namespace {

Error damaged(const std::string& why) {
  return Error{ErrorCode::kJobSpec, "the claim of a job is damaged: " + why};
}

/// Takes a line with its end; nothing when there is no whole one.
std::optional<std::string_view> takeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string printClaimRecord(const ClaimRecord& record) {
  std::string out;
  json::Writer json(out);
  json.beginObject().member("v", std::int64_t{1});
  json.member("boot_id", record.bootId).member("pid", std::int64_t{record.pid});
  json.member("start_time", static_cast<std::int64_t>(record.startTime));
  json.member("cgroup", record.cgroup).member("user", record.user);
  json.member("supervisor", record.supervisor).endObject();
  out.push_back('\n');
  return out;
}

Result<ClaimRecord> parseClaimRecord(std::string_view line) {
  auto parsed = json::parse(line, {.bytesMax = kRecordBytesMax, .depthMax = 4});
  if (!parsed.ok()) return damaged(parsed.error().message);
  const json::Value& value = *parsed;
  if (!value.isObject() || value.integer("v") != 1) return damaged("unknown version");
  const json::Value* pid = value.find("pid");
  const json::Value* startTime = value.find("start_time");
  if (!pid || !pid->isInteger() || pid->asInteger() < 1 || pid->asInteger() > 0x7FFFFFFF) {
    return damaged("pid");
  }
  if (!startTime || !startTime->isInteger() || startTime->asInteger() < 0) {
    return damaged("start_time");
  }
  ClaimRecord record;
  record.pid = static_cast<pid_t>(pid->asInteger());
  record.startTime = static_cast<std::uint64_t>(startTime->asInteger());
  record.bootId = value.text("boot_id");
  record.cgroup = value.text("cgroup");
  // What an older supervisor did not know.
  if (value.find("user")) record.user = value.integer("user");
  if (value.find("supervisor")) record.supervisor = value.integer("supervisor");
  if (record.bootId.empty()) return damaged("boot_id");
  return record;
}

JobRecord parseJobRecord(std::string_view text) {
  JobRecord record;
  const auto claimLine = takeLine(text);
  if (!claimLine) return record;
  auto claim = parseClaimRecord(*claimLine);
  if (!claim.ok()) {
    record.damage = claim.error().message;
    return record;
  }
  record.claim = std::move(claim).value();
  const auto exitLine = takeLine(text);
  if (!exitLine) {
    if (!text.empty()) record.damage = "the exit record of a job is not whole";
    return record;
  }
  auto exit = parseExitRecord(*exitLine);
  if (exit.ok()) {
    record.exit = std::move(exit).value();
  } else {
    record.damage = exit.error().message;
  }
  return record;
}

std::optional<ProcessStat> parseProcessStat(std::string_view text) {
  const std::size_t nameEnd = text.rfind(')');
  if (nameEnd == std::string_view::npos || nameEnd + 2 >= text.size()) return std::nullopt;
  ProcessStat stat;
  const std::size_t nameBegin = text.find('(');
  stat.namedSupervisor =
      nameBegin < nameEnd && text.substr(nameBegin + 1, nameEnd - nameBegin - 1) == kSupervisorName;
  std::string_view rest = text.substr(nameEnd + 2);
  // proc(5): field 3 is the state, 4 the parent, 22 the start time.
  for (int field = 3; field <= 22; ++field) {
    const std::string_view word = rest.substr(0, rest.find_first_of(" \n"));
    if (word.empty()) return std::nullopt;
    const char* end = word.data() + word.size();
    if (field == 3) stat.state = word[0];
    if (field == 4 && std::from_chars(word.data(), end, stat.parent).ptr != end)
      return std::nullopt;
    if (field == 20 && std::from_chars(word.data(), end, stat.threads).ptr != end)
      return std::nullopt;
    if (field == 22 && std::from_chars(word.data(), end, stat.startTime).ptr != end) {
      return std::nullopt;
    }
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
  }
  return stat;
}

std::optional<ProcessStat> readProcessStat(const char* procName) {
  char path[64];
  ::snprintf(path, sizeof path, "/proc/%s/stat", procName);
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::nullopt;
  char text[1024];
  const ssize_t got = ::read(fd.get(), text, sizeof text);
  if (got <= 0) return std::nullopt;
  return parseProcessStat({text, static_cast<std::size_t>(got)});
}

}  // namespace belay::jobs
