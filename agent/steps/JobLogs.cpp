#include "agent/steps/JobLogs.h"

namespace belay::steps {

using base::Result;
using base::Status;
using base::UniqueFd;

namespace {

Result<UniqueFd> openWhereNeeded(jobs::JobRunner& jobs, const base::JobId& id,
                                 jobs::LogStream stream, bool needed) {
  if (!needed) return UniqueFd();
  return jobs.openLog(id, stream);
}

}  // namespace

JobLogs::JobLogs(jobs::JobRunner& jobs, const base::JobId& id, const jobs::JobOutcome& outcome,
                 const Outputs& outputs, flow::Persist persist)
    : persist_(persist),
      small_(outcome.record.stdoutBytes <= jobs::kLogHeadBytesMax &&
             outcome.record.stderrBytes <= jobs::kLogHeadBytesMax &&
             persist != flow::Persist::kAlways),
      out_(openWhereNeeded(jobs, id, jobs::LogStream::kStdout,
                           outputs.needsFile(outcome.record.stdoutBytes, persist))),
      err_(openWhereNeeded(jobs, id, jobs::LogStream::kStderr,
                           outputs.needsFile(outcome.record.stderrBytes, persist))) {}

Status JobLogs::keep(const jobs::JobOutcome& outcome, Outputs& outputs, const std::string& path,
                     json::Value& output, std::vector<journal::ResourceRow>& rows) const {
  const auto one = [&](const char* name, const Result<UniqueFd>& file, const std::string& head,
                       std::uint64_t bytes, std::uint64_t dropped) -> Status {
    if (!file) return file.error();
    BELAY_ASSIGN(json::Value text, outputs.keepFile(head, bytes, file->get(), persist_,
                                                    path + "." + name, rows, dropped));
    output.set(name, std::move(text));
    if (dropped > 0) output.set(std::string(name) + "_dropped", dropped);
    return {};
  };
  const jobs::ExitRecord& record = outcome.record;
  BELAY_TRY(one("stdout", out_, outcome.stdoutHead, record.stdoutBytes, record.stdoutDropped));
  return one("stderr", err_, outcome.stderrHead, record.stderrBytes, record.stderrDropped);
}

}  // namespace belay::steps
