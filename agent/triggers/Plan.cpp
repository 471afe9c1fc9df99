#include "agent/triggers/Plan.h"

#include <algorithm>
#include <map>

namespace belay::triggers {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// The work of one plan. Rows are kept by their due time, so that no due time has two.
///
/// Threads:   owner.
/// Ownership: borrows all that it is given.
class Planner {
 public:
  Planner(const Schedule& schedule, const LedgerView& ledger, const std::vector<OffPeriod>& off,
          Moment now)
      : schedule_(schedule),
        ledger_(ledger),
        off_(off),
        now_(now),
        second_(std::chrono::floor<seconds>(now)) {}

  Plan make() && {
    plan_.handledUntil = second_;
    from_ = ledger_.handledUntil;
    if (second_ < from_) putBack();
    takePending();
    takeDue();
    decideMissed();
    for (auto& [due, row] : rows_) plan_.rows.push_back(std::move(row));
    plan_.wakeAt = wakeAt();
    return std::move(plan_);
  }

 private:
  /// The clock is before what has been handled.
  void putBack() {
    plan_.voidAfter = from_ = second_;
    for (const Occurrence& row : ledger_.ahead) {
      if (row.due > second_ || row.last <= second_) continue;
      Occurrence cut = row;
      const std::uint64_t tail = countNotStarted(second_, row.last);
      cut.count = row.count > tail ? row.count - tail : 1;
      const auto newest = schedule_.timing.newest(1, row.due - seconds{1}, second_);
      cut.last = newest.empty() ? row.due : newest.back();
      rows_[row.due] = cut;
    }
  }

  /// A later start was decided by a clock that was ahead, or by a schedule with more jitter.
  Moment latestStart() const {
    return now_ + kOnTime + schedule_.jitter + (ledger_.pending.size() + 1) * schedule_.spacing;
  }

  void takePending() {
    for (const Occurrence& row : ledger_.pending) {
      if (plan_.voidAfter && row.due > *plan_.voidAfter) continue;
      const OffPeriod* const offThen = offAt(row.runAt);
      if (const OffPeriod* const off = offThen ? offThen : offAt(now_)) {
        skip(row.due, off->reason);
      } else if (row.outcome == Outcome::kRan && row.runAt > latestStart()) {
        run(row.due, Outcome::kRan, now_ + jitterOf(schedule_, row.due));
      } else if (row.runAt + kOnTime < now_ || row.runAt > latestStart()) {
        missed_.push_back(row.due);
      } else {
        waiting_.push_back(row.runAt);
      }
    }
    std::sort(missed_.begin(), missed_.end());
  }

  /// All that was due and has no row, newest stretch first: on, off, on, …
  void takeDue() {
    std::vector<Instant> single;
    Instant until = second_;
    const auto take = [&](Instant from, const OffPeriod* off) {
      if (from >= until) return;
      std::size_t& left = off ? offRowsLeft_ : onRowsLeft_;
      auto found = schedule_.timing.newest(left, from, until);
      const bool all = found.size() < left;
      left -= found.size();
      if (!all) summarise(from, found.empty() ? until : found.front() - seconds{1}, off);
      for (const Instant due : found) takeSingle(due, off);
      until = from;
    };
    for (auto off = off_.rbegin(); off != off_.rend(); ++off) {
      if (off->until) take(std::max(from_, *off->until - seconds{1}), nullptr);
      take(std::max(from_, off->from - seconds{1}), &*off);
    }
    take(from_, nullptr);
    std::sort(missed_.begin(), missed_.end());
  }

  void takeSingle(Instant due, const OffPeriod* off) {
    if (!off) off = offAt(now_);
    if (wasStarted(due)) return;
    if (off) {
      skip(due, off->reason);
    } else if (second_ - due <= kOnTime && schedule_.timing.count(due, second_) == 0) {
      newest_ = due;
      run(due, Outcome::kRan, std::max(now_, Moment{due} + jitterOf(schedule_, due)));
    } else {
      missed_.push_back(due);
    }
  }

  /// Rows that stand for all due times in (from, until].
  void summarise(Instant from, Instant until, const OffPeriod* off) {
    if (!off) off = offAt(now_);
    if (off) return summary(from, until, off->reason, false);
    if (schedule_.window) {
      const Instant edge = std::chrono::ceil<seconds>(now_ - *schedule_.window) - seconds{1};
      summary(from, std::min(edge, until), SkipReason::kTooOld, false);
      from = std::max(from, std::min(edge, until));
    }
    summary(from, until, reasonOfOld(), true);
  }

  SkipReason reasonOfOld() const {
    return schedule_.onMissed == OnMissed::kSkip ? SkipReason::kMissed : SkipReason::kOverMax;
  }

  /// One row for (from, until], if anything was due then.
  void summary(Instant from, Instant until, SkipReason reason, bool byPolicy) {
    const std::uint64_t count = countNotStarted(from, until);
    if (count == 0) return;
    Occurrence row;
    row.due = *schedule_.timing.next(from);
    while (wasStarted(row.due)) row.due = *schedule_.timing.next(row.due);
    row.last = schedule_.timing.newest(1, from, until).back();
    row.count = count;
    row.reason = reason;
    if (byPolicy && schedule_.onMissed == OnMissed::kLatest) {
      row.outcome = Outcome::kSuperseded;
      row.reason = SkipReason::kNone;
      supersededSummaries_.push_back(row.due);
    }
    rows_[row.due] = row;
  }

  /// What was missed and may be caught up, oldest first, becomes rows.
  void decideMissed() {
    std::vector<Instant> young;
    for (const Instant due : missed_) {
      if (schedule_.window && now_ - due > *schedule_.window) {
        skip(due, SkipReason::kTooOld);
      } else {
        young.push_back(due);
      }
    }
    switch (schedule_.onMissed) {
      case OnMissed::kSkip:
      case OnMissed::kCount:
        for (const Instant due : young) skip(due, SkipReason::kMissed);
        return;
      case OnMissed::kLatest:
        supersede(young);
        return;
      case OnMissed::kAll:
        catchUp(young);
        return;
    }
  }

  void supersede(std::vector<Instant>& young) {
    if (!newest_ && !young.empty()) {
      newest_ = young.back();
      young.pop_back();
      run(*newest_, Outcome::kCaughtUp, now_ + jitterOf(schedule_, *newest_));
    }
    for (const Instant due : supersededSummaries_) replaceBy(rows_[due]);
    for (const Instant due : young) {
      Occurrence& row = rows_[due];
      row.due = row.last = due;
      replaceBy(row);
    }
  }

  /// Without a newer one that runs, which a schedule's off period can have swallowed, it was
  /// missed.
  void replaceBy(Occurrence& row) {
    row.outcome = newest_ ? Outcome::kSuperseded : Outcome::kSkipped;
    row.reason = newest_ ? SkipReason::kNone : SkipReason::kMissed;
    row.by = newest_;
  }

  void catchUp(const std::vector<Instant>& young) {
    const std::size_t over = young.size() > schedule_.max ? young.size() - schedule_.max : 0;
    for (std::size_t i = 0; i < over; ++i) skip(young[i], SkipReason::kOverMax);
    if (over == young.size()) return;
    Moment slot = now_ + jitterOf(schedule_, young[over]);
    if (ledger_.lastCatchUp && *ledger_.lastCatchUp <= latestStart()) {
      slot = std::max(slot, *ledger_.lastCatchUp + schedule_.spacing);
    }
    for (std::size_t i = over; i < young.size(); ++i, slot += schedule_.spacing) {
      run(young[i], Outcome::kCaughtUp, slot);
    }
  }

  void skip(Instant due, SkipReason reason) {
    Occurrence& row = rows_[due];
    row.due = row.last = due;
    row.outcome = Outcome::kSkipped;
    row.reason = reason;
  }

  void run(Instant due, Outcome outcome, Moment at) {
    Occurrence& row = rows_[due];
    row.due = row.last = due;
    row.outcome = outcome;
    row.runAt = at;
    waiting_.push_back(at);
  }

  const OffPeriod* offAt(Moment when) const {
    for (const OffPeriod& period : off_) {
      if (when >= period.from && (!period.until || when < *period.until)) return &period;
    }
    return nullptr;
  }

  std::uint64_t countNotStarted(Instant from, Instant until) const {
    const auto started = std::count_if(ledger_.started.begin(), ledger_.started.end(),
                                       [&](Instant due) { return due > from && due <= until; });
    const std::uint64_t all = schedule_.timing.count(from, until);
    return all - std::min(all, static_cast<std::uint64_t>(started));
  }

  bool wasStarted(Instant due) const {
    return std::find(ledger_.started.begin(), ledger_.started.end(), due) != ledger_.started.end();
  }

  /// The first start that is to come, or the next due time that can run.
  std::optional<Moment> wakeAt() const {
    std::optional<Moment> wake;
    for (const Moment at : waiting_) {
      if (at > now_ && (!wake || at < *wake)) wake = at;
    }
    auto due = schedule_.timing.next(second_);
    while (due) {
      const OffPeriod* const off = offAt(*due);
      if (off && !off->until) return wake;
      if (!off && !wasStarted(*due)) break;
      due = schedule_.timing.next(off ? *off->until - seconds{1} : *due);
    }
    if (due && (!wake || *due < *wake)) wake = *due;
    return wake;
  }

  const Schedule& schedule_;
  const LedgerView& ledger_;
  const std::vector<OffPeriod>& off_;
  const Moment now_;
  const Instant second_;  ///< `now` without its fraction: what is due by then is due.

  Plan plan_;
  Instant from_;  ///< Due times after this have no row.
  std::map<Instant, Occurrence> rows_;
  std::size_t onRowsLeft_ = kSingleRowsMax, offRowsLeft_ = kSingleRowsMax;
  std::vector<Instant> missed_;  ///< May be caught up.
  std::vector<Instant> supersededSummaries_;
  std::optional<Instant> newest_;  ///< Runs in the place of what was missed.
  std::vector<Moment> waiting_;    ///< Starts of rows.
};

}  // namespace

Plan plan(const Schedule& schedule, const LedgerView& ledger, const std::vector<OffPeriod>& off,
          Moment now) {
  return Planner(schedule, ledger, off, now).make();
}

}  // namespace belay::triggers
