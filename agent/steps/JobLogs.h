#pragma once

#include <string>
#include <vector>

#include "agent/jobs/JobRunner.h"
#include "agent/steps/Outputs.h"
#include "common/base/UniqueFd.h"

namespace belay::steps {

/// Both streams of a job that has ended, as outputs of its step.
///
/// Threads: made by the loop; kept by any thread, one at a time.
class JobLogs {
 public:
  /// Opens what keep() will have to read.
  JobLogs(jobs::JobRunner& jobs, const base::JobId& id, const jobs::JobOutcome& outcome,
          const Outputs& outputs, flow::Persist persist);

  /// Whether keep() is done before a thread would wake.
  bool small() const { return small_; }
  /// Sets `stdout` and `stderr` of `output`. Errors: kIo, kDiskFull.
  base::Status keep(const jobs::JobOutcome& outcome, Outputs& outputs, const std::string& path,
                    json::Value& output, std::vector<journal::ResourceRow>& rows) const;

 private:
  const flow::Persist persist_;
  bool small_ = false;
  base::Result<base::UniqueFd> out_;
  base::Result<base::UniqueFd> err_;
};

}  // namespace belay::steps
