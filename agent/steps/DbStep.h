#pragma once

#include <deque>
#include <map>
#include <string>

#include "agent/jobs/JobRunner.h"
#include "agent/runtime/Performer.h"
#include "agent/settings/Settings.h"
#include "agent/steps/Outputs.h"
#include "agent/steps/SqliteStatement.h"
#include "agent/steps/ConnectionPins.h"
#include "agent/vault/ConnectionStore.h"
#include "common/base/Clock.h"

namespace belay::steps {

/// `db`: one statement on a SQLite file, as a job of this binary, so that what the file or the
/// statement does to memory and time is not done to the daemon, and a write is found again after a
/// restart.
///
/// Threads:   the loop.
/// Ownership: borrows all it is given.
class DbStep final : public runtime::Performer {
 public:
  struct World {
    jobs::JobRunner& jobs;
    Outputs& outputs;
    const vault::ConnectionStore& connections;
    const base::Clock& clock;
    std::string workFolder;
  };
  DbStep(World world, settings::DbSettings settings, runtime::ResultSink sink)
      : world_(std::move(world)), settings_(settings), sink_(std::move(sink)) {}

  base::Result<trust::RenderedEffect> describe(const runtime::Attempt& attempt) const override;
  std::optional<Connection> connectionOf(const runtime::Attempt& attempt) const override;
  void start(const runtime::Attempt& attempt) override;
  bool recovers() const override { return true; }
  void recover(const runtime::Attempt& attempt) override;
  void cancel(const base::RunId& run, const engine::StepKey& key) override;

  /// Takes the end of a job; nothing when it is not one of its own.
  void takeEnded(const base::JobId& id);

 private:
  struct Call;
  base::Result<Call> read(const runtime::Attempt& attempt, vault::ConnectionPtr pinned) const;
  /// With the connection that was allowed for it.
  struct Permitted {
    runtime::Attempt attempt;
    vault::ConnectionPtr connection;
  };
  bool hasTurn() const;
  void begin(const Permitted& permitted);
  base::Status launch(const Permitted& permitted);
  void finish(const runtime::Attempt& attempt, const base::JobId& id);
  runtime::StepResult resultOf(const runtime::Attempt& attempt, const jobs::JobOutcome& outcome);
  void fail(const runtime::Attempt& attempt, const base::Error& error, bool nothingLeft);

  const World world_;
  const settings::DbSettings settings_;
  const runtime::ResultSink sink_;

  // Owner only.
  std::map<base::JobId, runtime::Attempt> running_;
  std::deque<Permitted> waiting_;  ///< Bounded by the runs in flight.
  mutable ConnectionPins pins_;
};

}  // namespace belay::steps
