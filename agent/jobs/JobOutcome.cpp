#include "agent/jobs/JobOutcome.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "agent/jobs/JobRecord.h"
#include "common/base/Text.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"

namespace belay::jobs {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::array<std::pair<JobEnd, std::string_view>, 3> kEnds{{
    {JobEnd::kExited, "exited"},
    {JobEnd::kSignalled, "signalled"},
    {JobEnd::kSpawnFailed, "spawn_failed"},
}};
constexpr std::array<std::pair<JobKiller, std::string_view>, 3> kKillers{{
    {JobKiller::kNobody, ""},
    {JobKiller::kDeadline, "deadline"},
    {JobKiller::kCancel, "cancel"},
}};

template <typename Table, typename Key>
std::string_view wordFor(const Table& table, Key key) {
  for (const auto& [value, word] : table) {
    if (value == key) return word;
  }
  return {};
}

/// One list for writing and reading: calls `visit` with each whole number of the record.
template <typename Record, typename Visit>
void eachNumber(Record& record, Visit visit) {
  visit("exit_code", record.exitCode);
  visit("signal", record.signal);
  visit("spawn_errno", record.spawnErrno);
  visit("started_wall_ms", record.startedWallMs);
  visit("ended_wall_ms", record.endedWallMs);
  visit("started_boot_ms", record.startedBootMs);
  visit("ended_boot_ms", record.endedBootMs);
  visit("cpu_ms", record.cpuMs);
  visit("resident_bytes_max", record.residentBytesMax);
  visit("stdout_bytes", record.stdoutBytes);
  visit("stderr_bytes", record.stderrBytes);
  visit("stdout_dropped", record.stdoutDropped);
  visit("stderr_dropped", record.stderrDropped);
  visit("result_bytes", record.resultBytes);
  visit("log_errno", record.logErrno);
  visit("leftover_killed", record.leftoverKilled);
  visit("unkillable", record.unkillable);
}

Error damaged(std::string_view what) {
  return Error{ErrorCode::kJobSpec, "the exit record of a job is damaged: " + std::string(what)};
}

template <typename Table, typename Key>
Status readWord(const json::Value& value, const char* name, const Table& table, Key& out) {
  const json::Value* word = value.find(name);
  if (!word || !word->isString()) return damaged(name);
  const auto row = std::find_if(table.begin(), table.end(),
                                [&](const auto& each) { return each.second == word->asString(); });
  if (row == table.end()) return damaged(name);
  out = row->first;
  return {};
}

Status readFlag(const json::Value& value, const char* name, bool& out) {
  const json::Value* flag = value.find(name);
  if (!flag || !flag->isBool()) return damaged(name);
  out = flag->asBool();
  return {};
}

Status readText(const json::Value& value, const char* name, std::string& out) {
  const json::Value* text = value.find(name);
  if (!text || !text->isString()) return damaged(name);
  out = text->asString();
  return {};
}

/// As base64: output can hold any bytes.
Status readBytes(const json::Value& value, const char* name, std::string& out) {
  std::string text;
  BELAY_TRY(readText(value, name, text));
  auto bytes = base::fromBase64(text);
  if (!bytes) return damaged(name);
  out = std::move(*bytes);
  return {};
}

Status readNumbers(const json::Value& value, ExitRecord& record) {
  Status status;
  eachNumber(record, [&](const char* name, auto& out) {
    using Number = std::remove_reference_t<decltype(out)>;
    const json::Value* number = value.find(name);
    if (!number || !number->isInteger() || number->asInteger() < 0 ||
        !std::in_range<Number>(number->asInteger())) {
      status = damaged(name);
      return;
    }
    out = static_cast<Number>(number->asInteger());
  });
  return status;
}

}  // namespace

std::string printExitRecord(const ExitRecord& record) {
  std::string out;
  json::Writer json(out);
  json.beginObject().member("v", std::int64_t{1});
  json.member("end", wordFor(kEnds, record.end));
  json.member("killed_by", wordFor(kKillers, record.killedBy));
  json.member("core_dumped", record.coreDumped);
  json.member("result_too_large", record.resultTooLarge);
  json.member("result_twice", record.resultTwice);
  json.member("files", static_cast<std::int64_t>(record.files));
  json.member("boot_id", record.bootId);
  json.member("spawn_stage", record.spawnStage);
  json.member("spawn_what", record.spawnWhat);
  json.member("stdout", base::toBase64(record.stdoutHeld));
  json.member("stderr", base::toBase64(record.stderrHeld));
  json.member("result", base::toBase64(record.resultHeld));
  eachNumber(record, [&](const char* name, auto number) {
    json.member(name, static_cast<std::int64_t>(number));
  });
  json.endObject();
  out.push_back('\n');
  return out;
}

Result<ExitRecord> parseExitRecord(std::string_view text) {
  auto parsed = json::parse(text, {.bytesMax = kRecordBytesMax, .depthMax = 4});
  if (!parsed.ok()) return damaged(parsed.error().message);
  const json::Value& value = *parsed;
  // Members that a newer supervisor added are passed over; its version would say if they mattered.
  if (!value.isObject() || value.integer("v") != 1) return damaged("unknown version");
  ExitRecord record;
  BELAY_TRY(readWord(value, "end", kEnds, record.end));
  BELAY_TRY(readWord(value, "killed_by", kKillers, record.killedBy));
  BELAY_TRY(readFlag(value, "core_dumped", record.coreDumped));
  BELAY_TRY(readFlag(value, "result_too_large", record.resultTooLarge));
  BELAY_TRY(readText(value, "boot_id", record.bootId));
  BELAY_TRY(readText(value, "spawn_stage", record.spawnStage));
  BELAY_TRY(readText(value, "spawn_what", record.spawnWhat));
  BELAY_TRY(readBytes(value, "stdout", record.stdoutHeld));
  BELAY_TRY(readBytes(value, "stderr", record.stderrHeld));
  BELAY_TRY(readBytes(value, "result", record.resultHeld));
  BELAY_TRY(readNumbers(value, record));
  // What an older supervisor did not know.
  record.resultTwice = value.flag("result_twice");
  record.files = static_cast<std::size_t>(std::max<std::int64_t>(value.integer("files"), 0));
  if (record.end == JobEnd::kSignalled && record.signal == 0) return damaged("signal");
  if (record.exitCode > 255 || record.signal > 64) return damaged("exit_code");
  return record;
}

Status judge(const JobOutcome& outcome, std::span<const int> okExitCodes) {
  const ExitRecord& record = outcome.record;
  if (record.end == JobEnd::kSpawnFailed) {
    return Error{ErrorCode::kJobSpawn, "start " + record.spawnWhat + ": " + record.spawnStage +
                                           ": " + std::strerror(record.spawnErrno)};
  }
  if (record.killedBy == JobKiller::kDeadline) {
    return Error{ErrorCode::kStepTimeout,
                 "the job was ended after " + std::to_string(outcome.durationMs()) + " ms"};
  }
  if (record.killedBy == JobKiller::kCancel) {
    return Error{ErrorCode::kCancelled, "the job was cancelled"};
  }
  if (record.end == JobEnd::kSignalled) {
    return Error{ErrorCode::kJobSignalled,
                 "the job was ended by signal " + std::to_string(record.signal)};
  }
  if (std::find(okExitCodes.begin(), okExitCodes.end(), record.exitCode) == okExitCodes.end()) {
    return Error{ErrorCode::kStepExitCode,
                 "the command ended with exit code " + std::to_string(record.exitCode)};
  }
  if (outcome.resultError) return *outcome.resultError;
  return {};
}

}  // namespace belay::jobs
