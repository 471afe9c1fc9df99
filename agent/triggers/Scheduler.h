#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "agent/journal/ScheduleTable.h"
#include "agent/runtime/LoopPart.h"
#include "agent/runtime/Runtime.h"
#include "agent/script/Evaluator.h"
#include "agent/triggers/Definition.h"
#include "agent/triggers/Plan.h"
#include "common/log/Log.h"

namespace belay::triggers {

/// Starts the runs of the schedules of live releases, and keeps their ledger: each due time gets
/// its row, and each row that runs is started in the transaction that says so.
///
/// It notices itself, by the ledger of flows, when something became live or was archived, in the
/// transaction in which that happened. What was due before is decided by the schedule before.
///
/// Threads:   the loop.
/// Ownership: borrows the world.
/// Errors:    those that end the transaction. What is wrong with one schedule or run is in the log
/// and in its row.
class Scheduler final : public runtime::LoopPart {
 public:
  struct World {
    runtime::Runtime& runtime;
    script::Evaluator& evaluator;
    calendar::TimeZones& zones;
    log::Log& log;
    std::string host;  ///< An id of the host: for jitter.
  };
  /// At most so many schedules are looked at in one round.
  explicit Scheduler(World world, std::size_t plansPerRound = 256)
      : world_(std::move(world)), plansPerRound_(plansPerRound) {}

  base::Status work() override;
  void forget() override;
  runtime::NextStep next() const override;

  /// What is due from now on is skipped, and so is what waits for its start; false when it was
  /// paused already. Errors: kNotFound with the nearest name.
  base::Result<bool> pause(std::string_view slug, std::string_view id, const std::string& by);
  /// False when it was not paused. Nothing is caught up.
  base::Result<bool> resume(std::string_view slug, std::string_view id);

 private:
  struct Entry {
    journal::ScheduleRow row;
    std::optional<Definition> definition;  ///< Nothing: it is gone, or cannot be read.
    std::optional<Moment> wakeAt;
  };

  base::Status load();
  base::Status followFlows();
  /// Brings the schedules of a flow in line with what is live.
  base::Status follow(const std::string& slug);
  base::Result<std::shared_ptr<const runtime::LoadedFlow>> liveFlow(const std::string& slug,
                                                                    journal::FlowChangeRow& live);
  base::Status take(Entry& entry, const runtime::LoadedFlow& flow,
                    const journal::FlowChangeRow& live);
  base::Status disable(Entry& entry);
  base::Status retire(Entry& entry);
  base::Status define(Entry& entry, const runtime::LoadedFlow& flow);

  /// Decides what is due, starts what is to start, and says when to look again.
  base::Status turn(Entry& entry);
  base::Status write(Entry& entry, const Plan& plan);
  /// True when there are more to start.
  base::Result<bool> startDue(const Entry& entry);
  base::Status start(const Entry& entry, journal::OccurrenceRow row);
  base::Status settle(journal::OccurrenceRow row, std::string why);
  base::Result<runtime::StartRequest> requestFor(const Entry& entry,
                                                 const journal::OccurrenceRow& row);
  base::Result<Entry*> find(std::string_view slug, std::string_view id);
  void wake(Entry& entry, std::optional<Moment> at);

  journal::Journal& journal() const { return world_.runtime.journal(); }
  Moment now() const;

  const World world_;
  const std::size_t plansPerRound_;

  // Owner only.
  bool loaded_ = false;
  std::int64_t seenChange_ = 0;  ///< Row of the ledger of flows up to which it has been followed.
  std::map<std::int64_t, Entry> entries_;
  std::set<std::pair<Moment, std::int64_t>> wakes_;
  std::optional<Instant> lastLook_;
};

}  // namespace belay::triggers
