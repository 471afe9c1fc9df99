#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "agent/api/Backend.h"
#include "common/base/Ids.h"
#include "common/json/Value.h"
#include "common/redaction/Redactor.h"

namespace belay::api {

/// The last lines of the jobs of a run that are under way, for whoever watches it.
///
/// Threads:   the loop. Ownership: the backend must outlive it.
class JobTails {
 public:
  JobTails(Backend& backend, base::RunId run) : backend_(backend), run_(std::move(run)) {}

  /// Notes which jobs an event begins and ends; as eventToJson() gives it.
  void note(const json::Value& event);
  /// What the jobs have said since the last call, their last line each: JSON objects
  /// {"progress": {step, text}}, each on a line; secrets masked. Reads a bounded piece of each.
  std::string next();

 private:
  struct Tail {
    base::JobId job;
    /// What it says of its progress, as soon as it does so; until then its standard output.
    jobs::LogStream stream = jobs::LogStream::kStdout;
    std::uint64_t offset = 0;
    std::shared_ptr<redaction::RedactingStream> masked;
    std::string unfinished;
  };
  /// Its last whole line that says something; empty: none.
  std::string lastLine(Tail& tail);

  Backend& backend_;
  const base::RunId run_;
  std::map<std::string, Tail> tails_;  ///< By step; bounded by the run's active steps.
};

}  // namespace belay::api
