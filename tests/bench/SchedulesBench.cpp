// Measures how long the next 1,000 occurrences of a schedule take, in milliseconds of processor
// time: for each of many schedules the best of several rounds, so that other load does not count;
// of all schedules the slowest.
//
//   schedules_bench [FOLDER OF ZONES]

#include <algorithm>
#include <cstdio>
#include <limits>
#include <string>

#include "agent/triggers/Plan.h"
#include "common/base/Check.h"
#include "common/base/Clock.h"
#include "common/calendar/TimeZones.h"

namespace {

using namespace belay::triggers;
using belay::base::threadCpuTime;
using belay::calendar::TimeZones;

// From every minute to 29 February on a Sunday, of which only some hundred are left.
constexpr const char* kExpressions[] = {
    "* * * * *",     "*/15 * * * *",    "0 2 * * 1-5",  "30 2 * * *",   "0 */6 * * *",
    "59 23 31 12 *", "0 0 1 1 *",       "0 0 29 2 *",   "0 0 29 2 */6", "0 0 */30 1 */6",
    "0 12 13 * FRI", "5 4 31 1,12 0-6", "1 1 29 2 1,3", "0 0 31 * */6"};
constexpr const char* kZones[] = {"UTC", "Europe/Berlin", "America/Santiago", "Australia/Lord_Howe",
                                  "Africa/Casablanca"};

double bestMs(const auto& call) {
  double best = std::numeric_limits<double>::max();
  for (int round = 0; round < 5; ++round) {
    const auto start = threadCpuTime();
    call();
    best = std::min(best, static_cast<double>((threadCpuTime() - start).count()) / 1e6);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  TimeZones zones(argc > 1 ? argv[1] : "/usr/share/zoneinfo");
  const Instant now =
      belay::calendar::Instant{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21}};
  double slowest = 0, slowestPlan = 0;
  std::string which;
  for (const char* name : kZones) {
    const auto zone = zones.find(name);
    BELAY_CHECK(zone.ok());
    for (const char* expression : kExpressions) {
      const auto timing = Timing::cron(expression, **zone);
      BELAY_CHECK(timing.ok());
      std::size_t found = 0;
      const double ms = bestMs([&] { found = timing->upcoming(now, 1000).size(); });
      BELAY_CHECK(found == 1000 || found > 100);
      if (ms > slowest) which = std::string(expression) + " in " + name;
      slowest = std::max(slowest, ms);
      const Schedule schedule{"seed", *timing};
      const LedgerView ledger{now - std::chrono::days{3650}, {}, {}, {}, {}};
      const double planMs =
          bestMs([&] { BELAY_CHECK(plan(schedule, ledger, {}, now).handledUntil == now); });
      slowestPlan = std::max(slowestPlan, planMs);
    }
  }
  std::printf(R"({"next_1000_ms": %.4f, "slowest": "%s", "plan_ten_years_ms": %.4f})"
              "\n",
              slowest, which.c_str(), slowestPlan);
  return 0;
}
