#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/journal/Session.h"
#include "common/base/Ids.h"

namespace belay::journal {

/// How far a run is with its admission. Kept as a number.
enum class Turn : std::uint8_t {
  kQueued,  ///< Waits for a slot of its lane, or for the runs of another release.
  kReady,   ///< Has its slot, and waits for a place on the host.
  kBegun,   ///< Has its slot, and has begun.
  kLeaving  ///< Has its slot, and was told to end.
};

/// A run that waits to begin, or that holds a slot of its lane.
struct AdmissionRow {
  std::int64_t run = 0;  ///< RunHead::number.
  base::RunId id;        ///< Filled in by reads.
  std::string slug;
  std::string lane;          ///< Key of the runs of the flow that count together.
  std::int64_t release = 0;  ///< 0: a draft.
  std::uint32_t limit = 0;   ///< Of the lane, as the run's own flow says; 0: none.
  bool drains = false;       ///< Begins when no run of another release is active.
  Turn turn = Turn::kQueued;
  std::int64_t place = 0;  ///< The order of all rows.
};

struct LaneCounts {
  std::int64_t queued = 0;
  std::int64_t held = 0;     ///< Slots.
  std::int64_t leaving = 0;  ///< Of those that are held.
};

/// Where a run stands among those that wait to begin.
struct QueuePlace {
  Turn turn = Turn::kQueued;
  std::string lane;
  std::uint32_t limit = 0;
  std::uint64_t ahead = 0;  ///< Runs that wait before it.
  base::RunId behind;  ///< The run before it; of the first: one that holds a slot; empty: none.
};

struct ReleaseCount {
  std::string source;  ///< RunRow::source.
  std::int64_t runs = 0;
};

/// The runs that wait to begin and those that hold slots, in order.
///
/// Threads: owner. Errors: as Journal says.
class AdmissionTable {
 public:
  explicit AdmissionTable(Session& session);

  base::Status add(const AdmissionRow& row);
  base::Status setTurn(std::int64_t run, Turn turn);
  /// Does nothing when there is no such row.
  base::Status remove(std::int64_t run);

  base::Result<std::optional<AdmissionRow>> find(std::int64_t run);
  base::Result<std::optional<AdmissionRow>> find(const base::RunId& run);
  base::Result<LaneCounts> count(std::string_view slug, std::string_view lane);
  /// Of a lane, the first that waits for a slot.
  base::Result<std::optional<AdmissionRow>> firstQueued(std::string_view slug,
                                                        std::string_view lane);
  /// Of a lane, the first that holds a slot and was not told to end.
  base::Result<std::optional<AdmissionRow>> firstHeld(std::string_view slug, std::string_view lane);
  /// Of a lane, those that hold a slot, by place; those behind `after`.
  base::Result<std::vector<AdmissionRow>> held(std::string_view slug, std::string_view lane,
                                               std::int64_t after, std::size_t most);
  /// The smallest limit of those of a lane that wait for a slot up to `place`; 0: nobody waits.
  base::Result<std::int64_t> leastLimit(std::string_view slug, std::string_view lane,
                                        std::int64_t place);
  /// Of a lane, the first before `place` that waits for a slot and for the runs of other releases.
  base::Result<std::optional<AdmissionRow>> firstDraining(std::string_view slug,
                                                          std::string_view lane,
                                                          std::int64_t place);
  /// The first that waits for a place on the host.
  base::Result<std::optional<AdmissionRow>> firstReady();
  /// The first row, after this lane, of a lane in which somebody waits for a slot.
  base::Result<std::optional<AdmissionRow>> nextLane(std::string_view slug, std::string_view lane);
  /// Whether a run of another release of the flow, drafts apart, waits to begin since before
  /// `place`.
  base::Result<bool> othersBefore(std::string_view slug, std::int64_t release, std::int64_t place);
  /// Runs of other releases, drafts apart, that wait to begin, by release and place; those behind
  /// `after`.
  base::Result<std::vector<AdmissionRow>> waitingOthers(const AdmissionRow& after,
                                                        std::int64_t release, std::size_t most);
  /// Of the flows of which runs wait to begin.
  base::Result<std::vector<std::string>> waitingSlugs();
  base::Result<std::int64_t> lastPlace();
  /// Nothing when the run does not wait to begin. `counted`: fills in `ahead`, by reading all of
  /// them.
  base::Result<std::optional<QueuePlace>> place(const base::RunId& run, bool counted);
  /// Runs of a flow that have begun and not ended, by what they run.
  base::Result<std::vector<ReleaseCount>> begun(std::string_view slug);
  /// Runs that are at work: they have begun, and neither ended nor wait for something.
  base::Result<std::int64_t> countMoving();

 private:
  base::Result<std::optional<AdmissionRow>> one(sqlite::Execution& rows);
  base::Result<std::vector<AdmissionRow>> all(sqlite::Execution& rows);

  Session& session_;
  sqlite::Statement add_;
  sqlite::Statement setTurn_;
  sqlite::Statement remove_;
  sqlite::Statement find_;
  sqlite::Statement findById_;
  sqlite::Statement countQueued_;
  sqlite::Statement countHeld_;
  sqlite::Statement countLeaving_;
  sqlite::Statement firstQueued_;
  sqlite::Statement firstHeld_;
  sqlite::Statement held_;
  sqlite::Statement leastLimit_;
  sqlite::Statement firstDraining_;
  sqlite::Statement firstReady_;
  sqlite::Statement nextLane_;
  sqlite::Statement releaseAfter_;
  sqlite::Statement firstOfRelease_;
  sqlite::Statement waitingOthers_;
  sqlite::Statement waitingSlugs_;
  sqlite::Statement lastPlace_;
  sqlite::Statement aheadInLane_;
  sqlite::Statement aheadOnHost_;
  sqlite::Statement beforeInLane_;
  sqlite::Statement beforeOnHost_;
  sqlite::Statement begun_;
  sqlite::Statement countMoving_;
};

}  // namespace belay::journal
