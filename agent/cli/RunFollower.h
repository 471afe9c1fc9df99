#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "agent/api/RunHistory.h"
#include "agent/cli/Invocation.h"
#include "agent/engine/RunState.h"
#include "common/base/Result.h"

namespace belay::cli {

/// Shows how a run goes on, while it does.
class RunView {
 public:
  virtual ~RunView() = default;
  /// `line` is the event as it came (JSON, no end of line); `state` and `history` have it in them.
  virtual void event(const std::string& line, const engine::Event& event,
                     const engine::RunState& state, const api::RunHistory& history) = 0;
  /// A job of a step has said something: its last line. `line` is what came.
  virtual void progress(const std::string& line, const std::string& step, const std::string& text) {
    static_cast<void>(line), static_cast<void>(step), static_cast<void>(text);
  }
  /// Some time has passed.
  virtual void tick(const engine::RunState&, const api::RunHistory&) {}
};

/// Follows the events of a run until it has ended, also over restarts of the daemon.
///
/// Threads: owner.
class RunFollower {
 public:
  RunFollower(Invocation& invocation, std::string run, RunView& view);

  /// True when the run has ended, false when time was up first. Zero: no bound.
  /// Errors: kRunNotFound and others of the API; kDaemonUnreachable when it stays away.
  base::Result<bool> follow(std::chrono::milliseconds most);

  const engine::RunState& state() const { return state_; }

 private:
  base::Status take(std::string_view piece);
  base::Status takeLine(const std::string& line);
  base::Status once(std::chrono::milliseconds timeout);

  Invocation& invocation_;
  const std::string run_;
  RunView& view_;
  std::string unfinished_;  ///< The beginning of a line.
  std::uint64_t after_ = 0;
  engine::RunState state_;
  api::RunHistory history_;
};

/// What the run is now; `ended` as follow() said. The error is kRunFailed when it has ended
/// otherwise than well, and without an end `meta.timed_out` is set.
base::Result<api::Envelope> endOfRun(Invocation& invocation, const std::string& run, bool ended);

/// One line per event: "+1.2 s  build  succeeded in 1.1 s". `place` stands in the commands that
/// answer waits: the flags that say which daemon.
std::unique_ptr<RunView> makeLineView(const Style& style, std::string place,
                                      std::function<void(std::string_view)> write);
/// A table that is drawn again with each event, in place, and fits the terminal that `console` is.
std::unique_ptr<RunView> makeLiveView(bool color, std::function<void(std::string_view)> write,
                                      const Console& console, const base::Clock& clock);
/// The events as they come, for programs.
std::unique_ptr<RunView> makeRawView(std::function<void(std::string_view)> write);

}  // namespace belay::cli
