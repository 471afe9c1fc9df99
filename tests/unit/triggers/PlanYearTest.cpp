// A year of random outages, suspends, pauses and clocks that are set, for many schedules. A ledger
// in memory does with each plan what the daemon has to do. Afterwards every due time has exactly
// one row or is counted in one, and none was started twice.

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/triggers/Plan.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/TestZone.h"

#include <CppUTest/TestHarness.h>

using namespace belay::triggers;
using belay::calendar::TimeZone;
using belay::test::SeededRandom;
using belay::test::utc;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

struct Row {
  Occurrence occurrence;
  bool started = false;
};

/// One schedule with its ledger.
class Host {
 public:
  Host(Schedule schedule, Instant born)
      : schedule_(std::move(schedule)), handledUntil_(born), born_(born) {}

  void wake(Moment now) {
    const Plan made = plan(schedule_, view(now), off_, now);
    if (made.voidAfter) {
      const auto isVoid = [&](Instant due) { return due > *made.voidAfter && !rows_[due].started; };
      std::erase_if(open_, isVoid);
      std::erase_if(shared_, isVoid);
      for (auto row = rows_.upper_bound(*made.voidAfter); row != rows_.end();) {
        row = row->second.started ? std::next(row) : rows_.erase(row);
      }
    }
    for (const Occurrence& row : made.rows) {
      CHECK_FALSE(rows_[row.due].started);
      rows_[row.due].occurrence = row;
      open_.erase(row.due);
      if (row.runs()) open_.insert(row.due);
      if (row.count > 1) shared_.insert(row.due);
      if (row.outcome == Outcome::kCaughtUp && (!lastCatchUp_ || row.runAt > *lastCatchUp_))
        lastCatchUp_ = row.runAt;
    }
    handledUntil_ = made.handledUntil;
    std::erase_if(open_, [&](Instant due) {
      Row& row = rows_[due];
      if (row.occurrence.runAt > now) return false;
      row.started = true;
      CHECK(starts_.insert(due).second);
      CHECK_FALSE(isOff());
      return true;
    });
    wakeAt_ = made.wakeAt;
    CHECK(!wakeAt_ || *wakeAt_ > now);
  }

  void pause(Moment now) {
    wake(now);
    if (!isOff())
      off_.push_back({std::chrono::floor<seconds>(now), std::nullopt, SkipReason::kPaused});
  }
  void resume(Moment now) {
    wake(now);
    if (isOff()) off_.back().until = std::max(std::chrono::floor<seconds>(now), off_.back().from);
  }
  bool isOff() const { return !off_.empty() && !off_.back().until; }
  /// The periods of a clock that was put back are no longer in order: the caller begins anew.
  void forgetOff() { off_.clear(); }
  std::optional<Moment> wakeAt() const { return wakeAt_; }
  std::size_t starts() const { return starts_.size(); }

  /// Each due time in (born, now] has a row of its own, or is counted in one.
  std::string wrong(Instant now) const {
    std::uint64_t counted = 0;
    for (const auto& [due, row] : rows_) {
      if (due > now && !row.started) return "a row of the future that was not started";
      if (due <= now) counted += row.occurrence.count;
    }
    const std::uint64_t wanted = schedule_.timing.count(born_, now);
    if (counted != wanted) {
      return std::to_string(counted) + " rows for " + std::to_string(wanted) + " due times";
    }
    auto due = schedule_.timing.newest(500, born_, now);
    for (const Instant when : due) {
      if (!rows_.contains(when) && !isCounted(when)) return "no row for a due time";
    }
    return "";
  }

 private:
  bool isCounted(Instant due) const {
    return std::any_of(shared_.begin(), shared_.end(), [&](Instant first) {
      return first <= due && due <= rows_.at(first).occurrence.last;
    });
  }

  LedgerView view(Moment now) const {
    LedgerView out;
    out.handledUntil = handledUntil_;
    out.lastCatchUp = lastCatchUp_;
    const Instant border = std::min(handledUntil_, std::chrono::floor<seconds>(now));
    for (const Instant due : open_) out.pending.push_back(rows_.at(due).occurrence);
    for (auto row = rows_.upper_bound(border); row != rows_.end(); ++row) {
      if (row->second.started) out.started.push_back(row->first);
    }
    for (const Instant due : shared_) {
      const Occurrence& row = rows_.at(due).occurrence;
      if (now < handledUntil_ && row.last > now) out.ahead.push_back(row);
    }
    return out;
  }

  const Schedule schedule_;
  Instant handledUntil_;
  const Instant born_;
  std::map<Instant, Row> rows_;
  std::vector<OffPeriod> off_;
  std::optional<Moment> lastCatchUp_;
  std::optional<Moment> wakeAt_;
  std::set<Instant> starts_;
  std::set<Instant> open_;    ///< Rows that run and were not started.
  std::set<Instant> shared_;  ///< Rows of several due times.
};

Schedule randomSchedule(SeededRandom& random, const TimeZone& zone) {
  const char* const expressions[] = {"0 2 * * *", "*/15 * * * *",    "30 2 * * 1-5", "0 */6 * * *",
                                     "0 0 1 * *", "7 3 29 2,3,10 *", "* 2 * * 0",    "0 * * * *"};
  const std::uint64_t kind = random.below(10);
  Schedule out{"seed" + std::to_string(kind),
               kind == 8   ? *Timing::every(seconds{1 + random.below(100'000)})
               : kind == 9 ? *Timing::at("2026-06-15T12:00", zone)
                           : *Timing::cron(expressions[kind], zone)};
  out.onMissed = static_cast<OnMissed>(random.below(3));
  out.max = static_cast<std::uint32_t>(1 + random.below(20));
  out.spacing = milliseconds{random.below(3'600'000)};
  out.jitter = milliseconds{random.below(2) * random.below(1'200'000)};
  out.window = milliseconds{1000 + random.below(200'000'000)};
  if (random.below(3) == 0) out.window.reset();
  return out;
}

void liveAYear(std::uint64_t seed, bool setsClock) {
  SeededRandom random(seed);
  const TimeZone zone = belay::test::zoneByRule(belay::test::kBerlinRule);
  const Instant born = utc("2026-01-01T00:00");
  const Schedule schedule = randomSchedule(random, zone);
  Host host(schedule, born);
  Moment now = born;
  for (int turn = 0; turn < 400; ++turn) {
    const std::uint64_t what = random.below(20);
    if (what < 12) {  // The daemon waits as it was told, and wakes a little late.
      const Moment until = std::max(now, host.wakeAt().value_or(now + hours{30}));
      now = std::min(until, now + days{20}) + milliseconds{random.below(1500)};
      host.wake(now);
    } else if (what < 16) {  // Down or suspended.
      now += milliseconds{random.below(400'000'000)};
      host.wake(now);
    } else if (what == 16) {
      host.pause(now += milliseconds{random.below(90'000'000)});
    } else if (what == 17) {
      host.resume(now += milliseconds{random.below(90'000'000)});
    } else if (setsClock) {
      const milliseconds step{random.below(500'000'000)};
      if (what == 18) {
        host.resume(now);
        host.forgetOff();
        now = std::max(now - step, Moment{born} + hours{1});
      } else {
        now += step;
      }
      host.wake(now);
    }
  }
  const std::string wrong = host.wrong(std::chrono::floor<seconds>(now));
  CHECK_TEXT(wrong.empty(), ("seed " + std::to_string(seed) + ": " + wrong).c_str());
}

}  // namespace

TEST_GROUP(PlanYear){};

TEST(PlanYear, everyDueTimeHasOneRow) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) liveAYear(seed, false);
}

TEST(PlanYear, aClockThatIsSetBackAndForthChangesNothingAboutIt) {
  for (std::uint64_t seed = 1001; seed <= 1060; ++seed) liveAYear(seed, true);
}
