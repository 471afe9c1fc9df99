#include "tests/sim/LaneWatch.h"

#include <algorithm>
#include <limits>

#include "agent/engine/Event.h"
#include "agent/journal/AdmissionTable.h"
#include "agent/runtime/Census.h"
#include "agent/runtime/FlowLifecycle.h"

namespace belay::sim {

using engine::RunStatus;

std::string LaneWatch::look(journal::Journal& journal, std::size_t hostMost) {
  journal::RunFilter filter;
  filter.statuses = {RunStatus::kRunning,   RunStatus::kWaiting,  RunStatus::kPaused,
                     RunStatus::kAmbiguous, RunStatus::kStopping, RunStatus::kQueued};
  filter.most = 100'000;
  const auto rows = journal.runs(filter);
  if (!rows) return rows.error().message;
  now_.clear();
  releases_.clear();
  releaseOf_.clear();
  statuses_.clear();
  std::size_t moving = 0;
  for (const journal::RunRow& row : *rows) {
    if (row.status == RunStatus::kRunning || row.status == RunStatus::kStopping) ++moving;
    statuses_[row.id] = row.status;
    const std::string wrong = add(journal, row);
    if (!wrong.empty()) return wrong;
  }
  for (const auto& [slug, releases] : releases_) {
    if (policies_[slug] == "drain" && releases.active.size() > 1)
      return "runs of two releases of " + slug + " are at work together";
  }
  for (const auto& [lane, seen] : now_) {
    const std::string wrong = compare(lane, seen);
    if (!wrong.empty()) return "flow " + lane.first + ", key \"" + lane.second + "\": " + wrong;
  }
  const auto ready = journal.admissions().firstReady();
  if (!ready) return ready.error().message;
  if (*ready && moving < hostMost) return (*ready)->id.str() + " waits, and the host has room";
  before_ = now_;
  return {};
}

std::string LaneWatch::add(journal::Journal& journal, const journal::RunRow& row) {
  const auto events = journal.events(row.id, 0, 1);
  if (!events || events->empty()) return "run " + row.id.str() + " has no events";
  const auto body = engine::decodeBody(events->front().name, events->front().body);
  const auto& lane = std::get<engine::RunCreated>(*body).lane;
  const auto head = journal.head(row.id);
  const auto admission = journal.admissions().find(head->number);
  const bool queued = row.status == RunStatus::kQueued;
  if (queued && (!admission || !*admission))
    return "run " + row.id.str() + " is queued and has no place";
  const std::string wrong = release(journal, row, queued ? (*admission)->place : 0);
  if (!wrong.empty() || (!lane && policies_.count(row.slug) == 0)) return wrong;
  // Without a bound all runs stand in one lane, which only drain can hold up.
  Seen& seen = now_[{row.slug, lane ? lane->key : "."}];
  seen.limit = lane ? lane->limit : std::numeric_limits<std::uint32_t>::max();
  if (!queued) {
    ++seen.active;
    return {};
  }
  if ((*admission)->turn == journal::Turn::kReady)
    ++seen.ready;
  else
    seen.queued[row.id] = (*admission)->place;
  return {};
}

std::string LaneWatch::release(journal::Journal& journal, const journal::RunRow& row,
                               std::int64_t place) {
  const auto policy = policies_.find(row.slug);
  const std::int64_t number = runtime::releaseOf(row.source);
  if (policy == policies_.end() || number == 0) return {};
  releaseOf_[row.id] = number;
  Releases& releases = releases_[row.slug];
  if (row.status != RunStatus::kQueued) {
    ++releases.active[number];
    return {};
  }
  const auto first = releases.firstWaiting.emplace(number, place).first;
  first->second = std::min(first->second, place);
  if (policy->second != "supersede" || !row.parent.empty()) return {};
  const auto state = runtime::flowState(journal, row.slug);
  if (!state || !state->live || state->live->release == number) return {};
  const auto events = journal.events(row.id, 0, 1'000);
  for (const journal::EventRow& event : events.value())
    if (event.name == "run_retried") return {};
  return "run " + row.id.str() + " of " + row.source + " is queued, and release " +
         std::to_string(state->live->release) + " has replaced it";
}

bool LaneWatch::drains(const std::string& slug, std::int64_t release, std::int64_t place) const {
  const auto policy = policies_.find(slug);
  const auto found = releases_.find(slug);
  if (policy == policies_.end() || policy->second != "drain" || found == releases_.end())
    return false;
  for (const auto& [number, count] : found->second.active)
    if (number != release && count > 0) return true;
  for (const auto& [number, first] : found->second.firstWaiting)
    if (number != release && first < place) return true;
  return false;
}

std::string LaneWatch::compare(const Lane& lane, const Seen& seen) {
  const std::uint32_t held = seen.active + seen.ready;
  if (held > seen.limit)
    return std::to_string(held) + " are active, at most " + std::to_string(seen.limit) + " may be";
  const auto first =
      std::min_element(seen.queued.begin(), seen.queued.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (first != seen.queued.end() && held < seen.limit) {
    const auto release = releaseOf_.find(first->first);
    if (release == releaseOf_.end() || !drains(lane.first, release->second, first->second))
      return first->first.str() + " is queued, and there is room";
  }
  const auto before = before_.find(lane);
  if (before == before_.end()) return {};
  for (const auto& [begun, place] : before->second.queued) {
    if (seen.queued.count(begun) != 0 || statuses_.count(begun) == 0) continue;
    for (const auto& [waits, earlier] : before->second.queued) {
      const auto still = seen.queued.find(waits);
      if (earlier < place && still != seen.queued.end() && still->second == earlier)
        return begun.str() + " began before " + waits.str() + ", which came first";
    }
  }
  return {};
}

}  // namespace belay::sim
