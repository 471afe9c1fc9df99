#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/engine/RunState.h"
#include "agent/flow/Flow.h"
#include "agent/journal/Rows.h"
#include "common/json/Value.h"

namespace belay::api {

/// One try of a visit.
struct AttemptRecord {
  std::uint32_t attempt = 1;
  std::int64_t startedMs = 0;
  std::int64_t endedMs = 0;  ///< 0: not ended.
  std::optional<engine::Failure> failure;
  std::int64_t delayMs = 0;  ///< Until the next try, after a failure.
};

/// A wait that a visit opened, with its answer.
struct WaitRecord {
  engine::WaitOpened opened;
  std::int64_t openedMs = 0;
  std::optional<engine::WaitResolved> resolved;
  std::int64_t resolvedMs = 0;
};

/// One entry into a step.
struct VisitRecord {
  enum class Status {
    kRunning,
    kWaiting,
    kBackoff,
    kAmbiguous,
    kSucceeded,
    kFailed,
    kSkipped,
    kEnded
  };

  std::string path;
  std::uint32_t visit = 1;
  std::string callJson;  ///< Of code: what it asked for.
  Status status = Status::kRunning;
  std::int64_t startedMs = 0;
  std::int64_t finishedMs = 0;  ///< 0: not finished.
  std::int64_t durationMs = 0;
  std::vector<AttemptRecord> attempts;         ///< Empty for steps that the loop performs itself.
  std::optional<engine::StepStarted> started;  ///< The latest intent.
  std::optional<engine::StepFinished> finished;
  std::optional<WaitRecord> wait;
  std::optional<engine::BlockStarted> block;  ///< Of a step that holds steps; without its items.
  std::string heldBy;  ///< In kBackoff: the rate limit that its next attempt waits for.
  std::int64_t heldUntilMs = 0;
  std::string ambiguousReason;
  std::optional<engine::AmbiguityResolved> resolution;

  bool active() const { return status <= Status::kAmbiguous; }
};
std::string_view visitStatusName(VisitRecord::Status status);

/// A line that the code of a run has written.
struct LogRecord {
  std::int64_t atMs = 0;
  std::string text;
};

/// Something that somebody asked of the run.
struct ControlRecord {
  std::int64_t atMs = 0;
  std::string what;  ///< "paused", "resumed", "stop requested", "cancel requested", "superseded",
                     ///< "retried", "admitted"
  std::string by;
  std::string step;     ///< Of a retry.
  std::string other{};  ///< Of "superseded": the run that took the place.
};

/// A run as its events tell it: visits with attempts, waits and timings, in the order in which they
/// began. Made for showing; what the engine decides by is engine::RunState.
///
/// Threads: owner.
class RunHistory {
 public:
  /// At most `visitsMax` visits are kept, the latest.
  explicit RunHistory(std::size_t visitsMax = 1000) : visitsMax_(visitsMax) {}

  void add(std::int64_t atMs, const engine::EventBody& body);

  const std::deque<VisitRecord>& visits() const { return visits_; }
  /// What the code said, the latest lines.
  const std::deque<LogRecord>& logs() const { return logs_; }
  const std::vector<ControlRecord>& controls() const { return controls_; }
  const std::optional<engine::RunCreated>& created() const { return created_; }
  const std::optional<engine::RunFinished>& finished() const { return finished_; }
  const std::string& stateJson() const { return stateJson_; }
  bool paused() const { return paused_; }
  /// Visits that were dropped for the bound.
  std::size_t dropped() const { return dropped_; }
  /// The latest visit of a step; null pointer when there is none.
  const VisitRecord* latest(std::string_view path) const;

 private:
  void on(std::int64_t atMs, const engine::RunCreated& e);
  void on(std::int64_t atMs, const engine::StepStarted& e);
  void on(std::int64_t atMs, const engine::StepFinished& e);
  void on(std::int64_t atMs, const engine::AttemptFailed& e);
  void on(std::int64_t atMs, const engine::WaitOpened& e);
  void on(std::int64_t atMs, const engine::WaitResolved& e);
  void on(std::int64_t atMs, const engine::StepAmbiguous& e);
  void on(std::int64_t atMs, const engine::AmbiguityResolved& e);
  void on(std::int64_t atMs, const engine::RunPaused& e);
  void on(std::int64_t atMs, const engine::RunResumed& e);
  void on(std::int64_t atMs, const engine::RunStopRequested& e);
  void on(std::int64_t atMs, const engine::RunCancelRequested& e);
  void on(std::int64_t atMs, const engine::RunFinished& e);
  void on(std::int64_t atMs, const engine::RunRetried& e);
  void on(std::int64_t atMs, const engine::BlockStarted& e);
  void on(std::int64_t atMs, const engine::RoundStarted& e);
  void on(std::int64_t atMs, const engine::CodeAdvanced& e);
  void on(std::int64_t atMs, const engine::RunAdmitted& e);
  void on(std::int64_t atMs, const engine::StepHeld& e);
  VisitRecord& visitOf(std::int64_t atMs, const engine::StepKey& key);
  void control(std::int64_t atMs, std::string what, const std::string& by, std::string step = {});
  /// Those in paths that begin with `prefix`.
  void endActive(std::int64_t atMs, std::string_view prefix = {});

  const std::size_t visitsMax_;
  std::deque<VisitRecord> visits_;
  /// Number of a visit since the beginning of the run, by step and visit.
  std::map<std::pair<std::string, std::uint32_t>, std::size_t> numbers_;
  std::map<std::string, std::string> calls_;  ///< Of code: those that have not ended, by path.
  std::deque<LogRecord> logs_;
  std::vector<ControlRecord> controls_;
  std::optional<engine::RunCreated> created_;
  std::optional<engine::RunFinished> finished_;
  std::string stateJson_;
  bool paused_ = false;
  std::size_t dropped_ = 0;
};

/// Runs that steps of a run have started, by id.
using ChildRows = std::map<base::RunId, journal::RunRow>;

/// What a visit is: of code by its call, else by the flow, which may be null.
struct VisitKind {
  std::optional<flow::Family> family;
  std::string title;
};
VisitKind kindOf(const VisitRecord& visit, const flow::Flow* flow);

/// Why the run is where it is, in one sentence, and the exact commands that lead on.
struct Advice {
  std::string reason;
  std::vector<std::string> actions;
};
/// What advice needs beside the history; it says less without.
struct AdviceFacts {
  ChildRows children{};  ///< Of the visits that started runs; may lack some.
  std::string queue{};   ///< Why a queued run waits.
  bool diskFull = false;  ///< Runs stand still but for those that end.
};
/// `flow` may be null.
Advice adviseOn(const std::string& runId, engine::RunStatus status, const RunHistory& history,
                const flow::Flow* flow, std::int64_t nowMs, const AdviceFacts& facts = {});

}  // namespace belay::api
