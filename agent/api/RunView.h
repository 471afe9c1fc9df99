#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "agent/api/RunHistory.h"
#include "agent/flow/Flow.h"
#include "agent/journal/AdmissionTable.h"
#include "agent/journal/Rows.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::api {

// What `run show` and `run watch` are made of. Threads: any.

struct RunViewOptions {
  std::string step;    ///< Only the visits of this step; empty: all.
  ChildRows children;  ///< Of the visits that started runs; may lack some.
  /// Set while the run is queued.
  std::optional<journal::QueuePlace> queue;
  /// Of the visits that are under way, or null.
  std::function<std::string(const VisitRecord&)> progressOf;
  bool diskFull = false;     ///< See AdviceFacts.
  bool fullOutputs = false;  ///< False: what is longer than 2 KiB is left out and its size told.
};

/// A run with its visits, waits, decisions, the path that it took, why it is where it is, and what
/// to do next. `flow` may be null.
json::Value viewRun(const journal::RunRow& row, const RunHistory& history, const flow::Flow* flow,
                    const RunViewOptions& options, std::int64_t nowMs);

/// {"seq","event","at","body"}: one line of an event stream.
base::Result<json::Value> eventToJson(const journal::EventRow& row);

}  // namespace belay::api
