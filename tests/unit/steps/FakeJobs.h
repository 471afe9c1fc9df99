#pragma once

#include <fcntl.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/jobs/JobRunner.h"
#include "common/base/Files.h"

namespace belay::test {

/// Jobs that run when a test says so, and end as it says.
class FakeJobs final : public jobs::JobRunner {
 public:
  explicit FakeJobs(std::string folder) : folder_(std::move(folder)) {}

  base::Status start(const jobs::JobSpec& spec) override {
    if (startError) return *startError;
    started.push_back(spec);
    const auto input = base::readFile(spec.stdinPath, 64u << 20);
    inputs.push_back(input ? *input : spec.stdinText);
    return {};
  }
  base::Result<std::vector<base::JobId>> strays() override { return unknown; }
  base::Result<jobs::Adoption> adopt(const base::JobId& id, std::string_view bootId) override {
    adoptedFrom = bootId;
    const auto own = adoptions.find(id.str());
    if (own != adoptions.end()) return own->second;
    return adoption;
  }
  base::Status cancel(const base::JobId& id, std::chrono::milliseconds) override {
    cancelled.push_back(id.str());
    return {};
  }
  int wakeFd() const override { return -1; }
  std::vector<base::JobId> takeEnded() override { return std::exchange(ended, {}); }
  base::Result<jobs::JobOutcome> collect(const base::JobId& id) override {
    if (collectError) return *collectError;
    const auto own = outcomes.find(id.str());
    if (own != outcomes.end()) return own->second;
    return outcome;
  }
  base::Result<std::string> readLog(const base::JobId&, jobs::LogStream, std::uint64_t, std::size_t) override {
    return std::string();
  }
  base::Result<base::UniqueFd> openLog(const base::JobId&, jobs::LogStream stream) override {
    const std::string path = folder_ + (stream == jobs::LogStream::kStdout ? "/stdout" : "/stderr");
    BELAY_TRY(base::writeFileDurably(path, logs[stream], 0600));
    return base::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }
  base::Result<base::UniqueFd> openFile(const base::JobId&, std::size_t number) override {
    const std::string path = folder_ + "/file-" + std::to_string(number);
    BELAY_TRY(base::writeFileDurably(path, files[number], 0600));
    return base::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }
  base::Result<std::vector<jobs::LogSpan>> readLogOrder(const base::JobId&, std::size_t, std::size_t) override {
    return std::vector<jobs::LogSpan>();
  }
  base::Status remove(const base::JobId&) override {
    ++removed;
    return {};
  }
  base::Result<std::size_t> removeEnded(std::int64_t, std::size_t) override { return std::size_t{0}; }

  /// What the job at hand has written.
  void write(jobs::LogStream stream, const std::string& text) {
    logs[stream] = text;
    const bool isOut = stream == jobs::LogStream::kStdout;
    (isOut ? outcome.stdoutHead : outcome.stderrHead) =
        text.substr(0, jobs::kLogHeadBytesMax);
    (isOut ? outcome.record.stdoutBytes : outcome.record.stderrBytes) = text.size();
  }

  std::vector<jobs::JobSpec> started;
  std::vector<std::string> inputs;  ///< What each found on its standard input.
  int removed = 0;
  std::vector<std::string> cancelled;
  std::vector<base::JobId> unknown;  ///< What strays() tells.
  std::vector<base::JobId> ended;
  std::string adoptedFrom;
  jobs::Adoption adoption;
  // Of single jobs, by their ids.
  std::map<std::string, jobs::Adoption> adoptions;
  std::map<std::string, jobs::JobOutcome> outcomes;
  jobs::JobOutcome outcome;
  std::map<jobs::LogStream, std::string> logs;
  std::map<std::size_t, std::string> files;  ///< By their numbers.
  std::optional<base::Error> startError, collectError;

 private:
  const std::string folder_;
};

}  // namespace belay::test
