// A year of 50 schedules with the real scheduler over a real journal: outages, suspends, clocks
// that are set forward and back, both changes of summer time, pauses, promotions, archives and
// power cuts, at random. An enumerator of its own, which knows only minutes and the two changes of
// the year, says what was due; each of these has exactly one row, and no run is there twice.
// BELAY_YEARS=N tries N seeds, BELAY_YEAR=SEED one of them.

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>

#include "agent/triggers/Explain.h"
#include "common/json/Json.h"
#include "tests/support/TestScheduler.h"
#include "tests/support/TestZone.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using namespace belay;
using test::SeededRandom;

namespace {

constexpr std::int64_t kHour = 3600;
/// Summer time of Berlin in 2027: 28 March to 31 October, 01:00 UTC.
const std::int64_t kGap = triggers::secondsOf(test::utc("2027-03-28T01:00"));
const std::int64_t kFold = triggers::secondsOf(test::utc("2027-10-31T01:00"));

struct Local {
  int minute, hour, day, month, weekday;
};

Local localOf(std::int64_t seconds) {
  const std::chrono::sys_seconds at{std::chrono::seconds{seconds}};
  const auto date = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day ymd{date};
  const auto inDay = (at - date).count();
  return {static_cast<int>(inDay / 60 % 60), static_cast<int>(inDay / 3600),
          static_cast<int>(unsigned(ymd.day())), static_cast<int>(unsigned(ymd.month())),
          static_cast<int>(std::chrono::weekday{date}.c_encoding())};
}

/// How an expression behaves when the clocks change (docs/schedules.md).
enum class When { kAnyHour, kFixed, kBothPasses, kUtc, kInterval, kOnce };

struct Kind {
  const char* yaml;
  When when;
  std::function<bool(const Local&)> allows;
  std::int64_t seconds = 0;  ///< Of an interval its length, of kOnce the time.
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
      {"schedule: '30 2 * * *'", When::kFixed,
       [](const Local& at) { return at.minute == 30 && at.hour == 2; }},
      {"schedule: '0 3 * * 1-5'", When::kFixed,
       [](const Local& at) {
         return at.minute == 0 && at.hour == 3 && at.weekday >= 1 && at.weekday <= 5;
       }},
      {"schedule: '*/30 2 * * 0'", When::kBothPasses,
       [](const Local& at) { return at.minute % 30 == 0 && at.hour == 2 && at.weekday == 0; }},
      {"schedule: '15 * 1 * *'", When::kAnyHour,
       [](const Local& at) { return at.minute == 15 && at.day == 1; }},
      {"schedule: '0 */8 * * 2'", When::kUtc,
       [](const Local& at) { return at.minute == 0 && at.hour % 8 == 0 && at.weekday == 2; }},
      {"schedule: '0 6 13 * 5'", When::kFixed,
       [](const Local& at) {
         return at.minute == 0 && at.hour == 6 && (at.day == 13 || at.weekday == 5);
       }},
      {"every: 37h", When::kInterval, {}, 37 * kHour},
      {"every: 200000s", When::kInterval, {}, 200'000},
      {"at: 2027-06-15T12:00", When::kOnce, {}, triggers::secondsOf(test::utc("2027-06-15T10:00"))},
      {"schedule: '0 0 1 */3 *'", When::kUtc,
       [](const Local& at) {
         return at.minute == 0 && at.hour == 0 && at.day == 1 && at.month % 3 == 1;
       }},
      {"schedule: '45 1,2 * * 0'", When::kFixed,
       [](const Local& at) {
         return at.minute == 45 && (at.hour == 1 || at.hour == 2) && at.weekday == 0;
       }},
      {"schedule: '*/20 * 28,31 3,10 *'", When::kAnyHour,
       [](const Local& at) {
         return at.minute % 20 == 0 && (at.day == 28 || at.day == 31) &&
                (at.month == 3 || at.month == 10);
       }},
  };
  return all;
}

/// Every due time in (from, until], minute by minute.
std::set<std::int64_t> dueIn(const Kind& kind, std::int64_t from, std::int64_t until) {
  std::set<std::int64_t> out;
  if (kind.when == When::kOnce) {
    if (kind.seconds > from && kind.seconds <= until) out.insert(kind.seconds);
    return out;
  }
  if (kind.when == When::kInterval) {
    for (std::int64_t at = (from / kind.seconds + 1) * kind.seconds; at <= until;
         at += kind.seconds)
      out.insert(at);
    return out;
  }
  for (std::int64_t at = (from / 60 + 1) * 60; at <= until; at += 60) {
    const bool utc = kind.when == When::kUtc;
    const std::int64_t offset = utc ? 0 : at >= kGap && at < kFold ? 2 * kHour : kHour;
    const bool secondPass = at >= kFold && at < kFold + kHour;
    if (kind.when == When::kFixed && secondPass) continue;
    if (kind.allows(localOf(at + offset))) out.insert(at);
  }
  const bool moves = kind.when == When::kFixed || kind.when == When::kBothPasses;
  if (!moves || kGap <= from || kGap > until) return out;
  for (std::int64_t leapt = kGap + kHour; leapt < kGap + 2 * kHour; leapt += 60) {
    if (kind.allows(localOf(leapt))) out.insert(kGap);
  }
  return out;
}

struct Segment {
  std::int64_t from, until;  ///< (from, until]
  const Kind* kind;
};

/// What a test knows of one schedule.
struct Track {
  std::vector<Segment> segments;  ///< The last one goes on unless the schedule is gone.
  bool gone = true;
  bool paused = false;
  /// Times that came twice: what was started the first time stands.
  std::vector<std::pair<std::int64_t, std::int64_t>> twice;
};

class Year {
 public:
  explicit Year(std::uint64_t seed) : on_(zoneFolder_.path()), random_(seed) {
    test::TzifParts berlin;
    berlin.rule = test::kBerlinRule;
    CHECK(base::makeFolders(zoneFolder_.path() + "/Europe").ok());
    CHECK(base::writeFileDurably(zoneFolder_.path() + "/Europe/Berlin", berlin.bytes(), 0644).ok());
    on_.host.boot();
  }

  std::string run() {
    for (int flow = 0; flow < kFlows; ++flow) promote(flow, true);
    const std::int64_t end = second() + 365 * 24 * kHour;
    for (int i = 0; second() < end; ++i) {
      act();
      if (i % 100 == 99) {
        if (std::string wrong = this->wrong(); !wrong.empty()) return wrong;
      }
    }
    return wrong();
  }

 private:
  static constexpr int kFlows = 10;
  static constexpr int kEach = 5;

  std::int64_t second() { return on_.host.clock.wallMs() / 1000; }
  std::chrono::seconds randomTime(std::int64_t most) {
    return std::chrono::seconds{
        1 + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most)))};
  }
  static std::string slugOf(int flow) { return "flow-" + std::to_string(flow); }

  void act() {
    switch (random_.below(14)) {
      case 0:
        return on_.down(randomTime(4 * 24 * kHour));
      case 1:
        on_.host.clock.advance(randomTime(2 * 24 * kHour));  // suspended
        CHECK(on_.host.settle().ok());
        return;
      case 2:
        on_.host.clock.jumpWall(randomTime(24 * kHour));
        CHECK(on_.host.settle().ok());
        return;
      case 3:
        return putBack();
      case 4:
      case 5:
        return pauseOrResume();
      case 6:
        return promote(static_cast<int>(random_.below(kFlows)), false);
      case 7:
        return archive();
      case 8:
        return on_.host.cutPower(random_.below(1000));
      default:
        return on_.pass(randomTime(3 * 24 * kHour));
    }
  }

  void putBack() {
    const std::int64_t before = second();
    on_.host.clock.jumpWall(-randomTime(24 * kHour));
    if (random_.below(2) == 0)
      on_.host.boot();
    else
      CHECK(on_.host.settle().ok());
    const std::int64_t now = second();
    for (auto& [name, track] : tracks_) {
      track.twice.emplace_back(now, before);
      std::erase_if(track.segments, [&](const Segment& one) { return one.from >= now; });
      for (Segment& one : track.segments) one.until = std::min(one.until, now);
      if (track.gone) continue;
      const Kind* const kind = current_[name];
      track.segments.push_back({now, INT64_MAX, kind});
    }
  }

  void pauseOrResume() {
    const int flow = static_cast<int>(random_.below(kFlows));
    const std::string id = "s" + std::to_string(random_.below(kEach));
    Track& track = tracks_[{slugOf(flow), id}];
    if (track.segments.empty()) return;
    CHECK((track.paused ? on_.resume(slugOf(flow), id) : on_.pause(slugOf(flow), id)).ok());
    track.paused = !track.paused;
  }

  void archive() {
    const std::string slug = slugOf(static_cast<int>(random_.below(kFlows)));
    const bool is = archived_.contains(slug);
    CHECK(on_.archive(slug, is).ok());
    if (is)
      archived_.erase(slug);
    else
      archived_.insert(slug);
  }

  void promote(int flow, bool all) {
    const std::string slug = slugOf(flow);
    if (archived_.contains(slug)) return;
    std::string text;
    const std::int64_t now = second();
    for (int i = 0; i < kEach; ++i) {
      const std::string id = "s" + std::to_string(i);
      Track& track = tracks_[{slug, id}];
      if (!track.gone) track.segments.back().until = now;
      track.gone = !all && random_.below(4) == 0;
      if (track.gone) continue;
      const Kind& kind = kinds()[random_.below(kinds().size())];
      track.segments.push_back({now, INT64_MAX, &kind});
      current_[{slug, id}] = &kind;
      text += "  - " + std::string(kind.yaml) + "\n    id: " + id + "\n" + options(kind);
    }
    CHECK(on_.promote(slug, text).ok());
  }

  std::string options(const Kind& kind) {
    std::string out;
    if (kind.when != When::kUtc && kind.when != When::kInterval)
      out += "    timezone: Europe/Berlin\n";
    switch (random_.below(3)) {
      case 0:
        out += "    on_missed: skip\n";
        break;
      case 1:
        out += "    on_missed: all\n    max: " + std::to_string(1 + random_.below(20)) +
               "\n    spacing: " + std::to_string(random_.below(3600)) + "s\n";
        break;
      default:
        break;
    }
    if (random_.below(3) == 0) out += "    jitter: " + std::to_string(random_.below(7200)) + "s\n";
    if (random_.below(3) == 0)
      out += random_.below(2) == 0 ? "    window: none\n" : "    window: 36h\n";
    return out;
  }

  std::string wrong() {
    // The end of what is off, and of what waits, is not looked at before something wakes it.
    for (auto& [name, track] : tracks_) {
      if (track.segments.empty()) continue;
      const auto& [slug, id] = name;
      if (track.paused)
        CHECK(on_.resume(slug, id).ok() && on_.pause(slug, id).ok());
      else
        CHECK(on_.pause(slug, id).ok() && on_.resume(slug, id).ok());
    }
    std::set<std::string> started;
    for (auto& [name, track] : tracks_) {
      if (std::string out = wrongWith(name.first, name.second, track, started); !out.empty())
        return name.first + "/" + name.second + ": " + out;
    }
    std::set<std::string> ran;
    for (const journal::RunRow& run : on_.runs()) {
      const auto trigger = json::parse(on_.host.state(run.id).created.triggerJson);
      const std::string what = run.slug + "/" + trigger->text("id") + "@" +
                               std::to_string(*base::parseInstant(trigger->text("scheduled_for")));
      if (!ran.insert(what).second) return what + " ran twice";
    }
    return ran == started ? "" : "the runs are not those of the ledger";
  }

  std::string wrongWith(const std::string& slug, const std::string& id, const Track& track,
                        std::set<std::string>& started) {
    const std::int64_t now = second();
    std::set<std::int64_t> expected;
    for (const Segment& one : track.segments)
      expected.merge(dueIn(*one.kind, one.from, std::min(one.until, now)));
    std::uint64_t counted = 0;
    std::set<std::int64_t> missing = expected;
    for (const journal::OccurrenceRow& row : on_.rows(slug, id)) {
      const bool ran = row.state == journal::OccurrenceState::kStarted;
      if (ran) started.insert(slug + "/" + id + "@" + std::to_string(row.dueS * 1000));
      if (explained(row).empty()) return "a row that is not explained";
      const bool twice = std::any_of(track.twice.begin(), track.twice.end(), [&](const auto& one) {
        return row.dueS > one.first && row.dueS <= one.second;
      });
      if (row.count == 1 && !expected.contains(row.dueS)) {
        // It was due once, before the clock was put back.
        if (twice) continue;
        return "a row for " + base::formatInstant(row.dueS * 1000) + ", which was not due";
      }
      counted += row.count;
      missing.erase(missing.lower_bound(row.dueS), missing.upper_bound(row.lastS));
    }
    if (!missing.empty()) return "no row for " + base::formatInstant(*missing.begin() * 1000);
    if (counted != expected.size()) {
      return std::to_string(counted) + " rows for " + std::to_string(expected.size()) +
             " due times";
    }
    return "";
  }

  std::string explained(const journal::OccurrenceRow& row) {
    const triggers::Occurrence at = triggers::occurrenceOf(row);
    const bool why = at.outcome == triggers::Outcome::kSkipped
                         ? at.reason != triggers::SkipReason::kNone
                         : at.outcome != triggers::Outcome::kSuperseded || at.by;
    return why ? triggers::explainRow(row, std::nullopt) : "";
  }

  test::TempFolder zoneFolder_;
  test::TestScheduler on_;
  SeededRandom random_;
  std::map<std::pair<std::string, std::string>, Track> tracks_;
  std::map<std::pair<std::string, std::string>, const Kind*> current_;
  std::set<std::string> archived_;
};

}  // namespace

TEST_GROUP(SchedulerYear){};

TEST(SchedulerYear, eachDueTimeHasOneRowAndRunsAtMostOnce) {
  const char* const one = std::getenv("BELAY_YEAR");
  const char* const years = std::getenv("BELAY_YEARS");
  const std::uint64_t first = one ? std::strtoull(one, nullptr, 10) : 1;
  const std::uint64_t count = years ? std::strtoull(years, nullptr, 10) : 1;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const std::string wrong = Year(seed).run();
    const std::string told =
        wrong.empty() ? "" : "BELAY_YEAR=" + std::to_string(seed) + ": " + wrong;
    STRCMP_EQUAL("", told.c_str());
  }
}
