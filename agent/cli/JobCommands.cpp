#include <fcntl.h>

#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/Invocation.h"
#include "agent/jobs/CallMessage.h"
#include "agent/jobs/SpawnerLink.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

// job progress, attach and result: what a job says to its own supervisor. Nothing of it goes to the
// daemon, which need not run.

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr Flag kAttachFlags[] = {{"name", 0, "NAME", "its name; that of the file"}};
constexpr Flag kResultFlags[] = {
    {"result", 0, "JSON", "the result, instead of the argument"},
    {"result-file", 0, "FILE", "the same from a file; \"-\" is standard input"},
};

Result<int> socketOf(const Invocation& invocation) {
  const auto word = invocation.world().environment("BELAY_JOB_FD");
  const auto number = word ? base::parseUnsigned(*word) : std::nullopt;
  if (number && *number <= 1'000'000) return static_cast<int>(*number);
  return Error{ErrorCode::kJobToken, "BELAY_JOB_FD names no descriptor: this is no job of Belay",
               {"run it in a command of a run step; programs that close descriptors must pass it on"}};
}

/// One line of at most what a call can hold.
std::string lineOf(const std::string& text) {
  std::string line = base::visible(text);
  if (line.size() <= jobs::kCallTextMax) return line;
  line.resize(jobs::kCallTextMax);
  while (!line.empty() && !base::isUtf8(line)) line.pop_back();
  return line;
}

Result<api::Envelope> call(Invocation& invocation, jobs::CallKind kind, std::string_view text,
                           int file) {
  BELAY_ASSIGN(const int socket, socketOf(invocation));
  BELAY_TRY(jobs::callSupervisor(socket, kind, text, file));
  return api::Envelope{};
}

Result<api::Envelope> progress(Invocation& invocation) {
  const std::string line = lineOf(invocation.argument(0));
  if (line.empty()) return Error{ErrorCode::kUsage, "the text is empty"};
  return call(invocation, jobs::CallKind::kProgress, line, -1);
}

Result<api::Envelope> attach(Invocation& invocation) {
  const std::string path = invocation.argument(0);
  const std::string name =
      invocation.has("name") ? invocation.flag("name") : path.substr(path.rfind('/') + 1);
  if (!jobs::isFileName(name)) {
    return Error{ErrorCode::kUsage,
                 "\"" + base::visible(name) + "\" is no name for a file: at most 500 bytes, "
                 "UTF-8, without control characters, \".\" and \"..\"",
                 {"give another one with --name"}};
  }
  BELAY_ASSIGN(const base::UniqueFd file, base::openForReading(path));
  return call(invocation, jobs::CallKind::kAttach, name, file.get());
}

Result<api::Envelope> result(Invocation& invocation) {
  Value value;
  if (const auto given = invocation.positional(0)) {
    if (invocation.has("result") || invocation.has("result-file"))
      return Error{ErrorCode::kUsage, "give the result once"};
    BELAY_ASSIGN(value, json::parse(*given));
  } else {
    BELAY_ASSIGN(value, readJsonFlag(invocation, "result"));
  }
  BELAY_ASSIGN(const base::UniqueFd memory, jobs::sealedMemory(json::print(value)));
  return call(invocation, jobs::CallKind::kResult, "", memory.get());
}

}  // namespace

const Command kJobProgressCommand{
    "job progress",
    "TEXT",
    "say how far this job is",
    "For a command of a `run` step, about itself. `run watch`, `run show` and `run logs` show it. "
    "The descriptor BELAY_JOB_FD, which a job inherits, is all the right there is: it leads to the "
    "job's own supervisor, counts for processes of the job only, and ends with it.",
    {},
    &progress,
    nullptr};

const Command kJobAttachCommand{
    "job attach",
    "FILE",
    "keep a file with the output of this step",
    "The file is opened now and read when the job has ended: it stands in `attachments` of the "
    "step's output as a resource. At most 64 files, together at most jobs.files_max.",
    kAttachFlags,
    &attach,
    nullptr,
    Completes::kFile};

const Command kJobResultCommand{
    "job result",
    "[JSON]",
    "give the result of this step",
    "Once, and instead of writing to the descriptor BELAY_RESULT_FD: a job that gives two results "
    "has failed.",
    kResultFlags,
    &result,
    nullptr};

}  // namespace belay::cli
