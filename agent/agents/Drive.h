#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/agents/Adapter.h"
#include "agent/agents/ChildProcess.h"
#include "agent/agents/DriveResult.h"
#include "agent/agents/DriveSpec.h"
#include "agent/agents/LineSplitter.h"
#include "agent/agents/Narrator.h"
#include "agent/agents/Tally.h"
#include "agent/agents/Watchdog.h"
#include "common/base/Clock.h"
#include "common/base/Result.h"
#include "common/base/UniqueFd.h"
#include "common/redaction/Redactor.h"

namespace belay::agents {

/// One run of one agent: starts it, reads it, watches its budgets, ends it, judges it.
///
/// Threads:   the process's only one; blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD in it.
/// Ownership: borrows spec, clock and narrator.
class Drive {
 public:
  Drive(const DriveSpec& spec, const base::Clock& clock,
        std::map<std::string, std::string> environment, Narrator& narrator);

  /// Once. Never fails as a whole: whatever goes wrong is an outcome.
  DriveResult run();

 private:
  /// Where one run stands between its start and its end.
  enum class Phase {
    kRunning,
    kAsked,      ///< In its own way.
    kSignalled,  ///< SIGTERM
    kKilled,
  };

  /// One stream of the agent as it wrote it, but for secrets.
  struct RawFile {
    base::UniqueFd file;
    std::uint64_t kept = 0;
    std::optional<redaction::RedactingStream> masked;  ///< None: there are no secrets.
  };

  base::Status prepare(LaunchPlan& plan);
  base::Status checkProgram();
  base::Status start(const LaunchPlan& plan);
  void loop();
  int waitMs() const;
  void takeSignals();
  void takeTime();
  void takeOutput();
  void takeErrors();
  void takeLine(std::string_view line);
  void takeEvent(const Event& event);
  void giveInput();
  void makeRedactor();
  void keepRaw(RawFile& raw, std::string_view bytes);
  void takeRaw(RawFile& raw, std::string_view bytes);
  void checkBudgets();
  void checkMemory();
  /// The first reason counts. Does not wait.
  void end(Outcome outcome, std::string detail, std::string budget);
  void drain();
  DriveResult finish();
  std::int64_t nowMs() const { return clock_.sinceBoot().count(); }

  const DriveSpec& spec_;
  const base::Clock& clock_;
  std::map<std::string, std::string> environment_;
  Narrator& narrator_;
  std::unique_ptr<Adapter> adapter_;
  Tally tally_;
  ChildProcess child_;
  base::UniqueFd signals_;
  std::shared_ptr<const redaction::Redactor> redactor_;  // Shared with the files; null: no secrets.
  RawFile rawOut_;
  RawFile rawErr_;
  LineSplitter outLines_;
  LineSplitter errLines_;
  std::int64_t errShown_ = 0;
  std::int64_t notEvents_ = 0;
  std::uint64_t outputBytes_ = 0;
  std::string input_;
  bool keepInput_ = false;
  std::int64_t startedMs_ = 0;
  std::int64_t nextMemoryMs_ = -1;  // When the memory is looked at next; -1: it has no bound.
  std::optional<Watchdog> watchdog_;
  Phase phase_ = Phase::kRunning;
  std::int64_t nextPhaseMs_ = -1;  // When the next phase of its end begins, or it has to have left.
  std::optional<Verdict> forced_;
};

}  // namespace belay::agents
