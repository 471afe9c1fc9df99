#include "agent/jobs/JobSpec.h"

#include <set>
#include <string_view>

#include "agent/jobs/CallMessage.h"
#include "common/base/Text.h"

namespace belay::jobs {

using base::Error;
using base::ErrorCode;
using base::Status;

namespace {

constexpr std::size_t kStringsMax = 4096;
constexpr std::size_t kBytesMax = 1u << 20;
constexpr std::size_t kCollectMax = 100;
// MAX_ARG_STRLEN of Linux: execve() refuses a longer string with E2BIG, whatever the stack allows.
constexpr std::size_t kStringBytesMax = 128 * 1024;

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

Error tooLarge(const std::string& what, std::size_t bound) {
  return Error{ErrorCode::kLimit, what + ": the bound is " + std::to_string(bound)};
}

bool hasNul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

bool isVariableName(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(c >= '0' && c <= '9')) return false;
  }
  return true;
}

Status checkWords(const std::vector<std::string>& words, const char* what, std::size_t& bytes) {
  if (words.size() > kStringsMax)
    return tooLarge(std::string(what) + " has too many words", kStringsMax);
  for (const std::string& word : words) {
    if (hasNul(word)) return invalid(std::string("a word of ") + what + " contains a NUL byte");
    if (word.size() >= kStringBytesMax) {
      return tooLarge(std::string("a word of ") + what + " is too long", kStringBytesMax - 1);
    }
    bytes += word.size() + 1;
  }
  return {};
}

Status checkEnvironment(const JobSpec& spec, std::size_t& bytes) {
  if (spec.environment.size() > kStringsMax) {
    return tooLarge("the environment has too many variables", kStringsMax);
  }
  std::set<std::string_view> seen = {"BELAY_JOB_ID", "BELAY_RESULT_FD", "BELAY_JOB_FD",
                                     "BELAY_JOB_DIR"};
  for (const auto& [name, value] : spec.environment) {
    if (!isVariableName(name)) {
      return invalid("the variable name \"" + name.substr(0, 80) +
                     "\" must match [A-Za-z_][A-Za-z0-9_]*");
    }
    if (!seen.insert(name).second)
      return invalid("the variable " + name + " is given twice, or reserved");
    if (hasNul(value)) return invalid("the value of the variable " + name + " contains a NUL byte");
    if (name.size() + 1 + value.size() >= kStringBytesMax) {
      return tooLarge("the variable " + name + " is too long", kStringBytesMax - 1);
    }
    bytes += name.size() + value.size() + 2;
  }
  return {};
}

Status checkPath(const std::string& path, const char* what) {
  if (path.empty() || path[0] != '/')
    return invalid(std::string(what) + " must be an absolute path");
  if (hasNul(path)) return invalid(std::string(what) + " contains a NUL byte");
  if (path.size() >= 4096) return tooLarge(std::string(what) + " is too long", 4095);
  return {};
}

Status checkFiles(const JobSpec& spec) {
  if (!spec.collectFolder.empty())
    BELAY_TRY(checkPath(spec.collectFolder, "the folder to collect from"));
  if (spec.collect.size() > kCollectMax) return tooLarge("too many files to collect", kCollectMax);
  for (const std::string& path : spec.collect) {
    if (!isFileName(path))
      return invalid("\"" + base::visible(path.substr(0, 200)) +
                     "\" is no path of a file below the work folder");
  }
  if (spec.payload.size() > kBytesMax || spec.context.size() > kBytesMax)
    return tooLarge("the payload of a job is too long", kBytesMax);
  if (hasNul(spec.payload) || hasNul(spec.context)) return invalid("the payload has a NUL byte");
  return {};
}

}  // namespace

Status checkJobSpec(const JobSpec& spec) {
  if (spec.id.empty()) return invalid("the job has no id");
  if (spec.command.empty() == spec.script.empty()) {
    return invalid("a job needs either a command or a script");
  }
  if (!spec.command.empty() && spec.command[0].empty()) return invalid("the command is empty");
  if (!spec.script.empty() && (spec.shell.empty() || spec.shell[0].empty())) {
    return invalid("a script needs a shell");
  }
  if (hasNul(spec.script)) return invalid("the script contains a NUL byte");
  if (spec.script.size() > kBytesMax) return tooLarge("the script is too long", kBytesMax);
  std::size_t bytes = 0;
  BELAY_TRY(checkWords(spec.command, "the command", bytes));
  BELAY_TRY(checkWords(spec.shell, "the shell", bytes));
  BELAY_TRY(checkEnvironment(spec, bytes));
  if (bytes > kBytesMax) return tooLarge("arguments and environment are too long", kBytesMax);
  BELAY_TRY(checkPath(spec.workFolder, "the work folder"));
  BELAY_TRY(checkFiles(spec));
  if (!spec.stdinPath.empty()) {
    BELAY_TRY(checkPath(spec.stdinPath, "the path of the standard input"));
    if (!spec.stdinText.empty()) return invalid("the standard input is given as text and as path");
  }
  if (spec.cell.profile != JobProfile::kBare) {
    if (!spec.user || *spec.user == 0) return invalid("a profile above bare needs a user");
    BELAY_TRY(checkPath(spec.cell.folder, "the folder of the flow"));
  }
  if (spec.group && !spec.user) return invalid("a group needs a user");
  if (spec.grace.count() < 0 || spec.grace > std::chrono::hours(24)) {
    return invalid("the grace must be between 0 and 24 hours");
  }
  return {};
}

}  // namespace belay::jobs
