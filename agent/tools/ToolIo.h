#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/Environment.h"
#include "common/base/EventFd.h"
#include "common/base/Mutex.h"
#include "common/base/Result.h"
#include "common/base/UniqueFd.h"
#include "common/json/Value.h"

namespace belay::tools {

/// What of its work has left this host when a tool fails.
enum class Effect {
  kNone,     ///< Nothing: it may be tried again, whatever it is.
  kDone,     ///< What happened is known.
  kUnknown,  ///< It may have happened.
};

/// How the work of a tool ended: what it writes to its result descriptor (docs/plugins.md).
struct ToolEnd {
  json::Value output = json::Value(json::Object{});
  json::Value files = json::Value(json::Array{});  ///< In the folder of the request.
  std::optional<base::Error> error;
  std::string failureClass;  ///< As in retry.on; empty: by the code.
  Effect effect = Effect::kDone;
};
std::string printEnd(const ToolEnd& end);

/// The one way out of a tool: gives its end to the job exactly once, whoever is first – the work,
/// the clock while nothing has left yet, or whoever ends the job.
///
/// Threads:   its own one takes all signals of the process; finish() from any.
/// Ownership: lives until the process ends, which finish() does.
class Exit {
 public:
  /// Blocks the signals of this thread and of those that it starts. The descriptor is the one that
  /// BELAY_RESULT_FD names. Errors: kInvalidArgument where there is none, kIo.
  static base::Result<Exit*> open(const base::EnvironmentLookup& environment);

  /// Until act(), the work may take so long; `what` says in the error what took longer.
  void bound(std::chrono::milliseconds time, std::string what);
  /// From here on something leaves. An end from outside makes stopFd() readable, and after `grace`
  /// the process ends with `unknown`.
  void act(std::chrono::milliseconds grace);
  int stopFd() const { return stop_.fd(); }

  /// Writes the end and ends the process: 0, or 1 with an error.
  [[noreturn]] void finish(const ToolEnd& end);

 private:
  explicit Exit(base::UniqueFd result) : result_(std::move(result)) {}
  void takeSignals();
  void take(int signal);

  // Constant after construction.
  base::UniqueFd result_;
  base::EventFd stop_;

  base::Mutex mutex_;
  bool acting_ BELAY_GUARDED_BY(mutex_) = false;
  bool stopping_ BELAY_GUARDED_BY(mutex_) = false;
  std::string bounded_ BELAY_GUARDED_BY(mutex_);
  std::chrono::milliseconds grace_ BELAY_GUARDED_BY(mutex_){0};
};

/// The request of a tool: one JSON object on standard input, of at most 16 MiB.
base::Result<json::Value> readRequest(int fd);

/// The list `name` of texts; empty where there is none.
std::vector<std::string> textsOf(const json::Value& object, std::string_view name);

}  // namespace belay::tools
