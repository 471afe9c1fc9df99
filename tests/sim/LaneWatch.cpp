#include "tests/sim/LaneWatch.h"

#include <algorithm>

#include "agent/engine/Event.h"
#include "agent/journal/AdmissionTable.h"

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
  statuses_.clear();
  std::size_t moving = 0;
  for (const journal::RunRow& row : *rows) {
    if (row.status == RunStatus::kRunning || row.status == RunStatus::kStopping) ++moving;
    statuses_[row.id] = row.status;
    const std::string wrong = add(journal, row);
    if (!wrong.empty()) return wrong;
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
  if (!lane) return {};
  Seen& seen = now_[{row.slug, lane->key}];
  seen.limit = lane->limit;
  if (row.status != RunStatus::kQueued) {
    ++seen.active;
    return {};
  }
  const auto head = journal.head(row.id);
  const auto admission = journal.admissions().find(head->number);
  if (!admission || !*admission) return "run " + row.id.str() + " is queued and has no place";
  if ((*admission)->turn == journal::Turn::kReady)
    ++seen.ready;
  else
    seen.queued[row.id] = (*admission)->place;
  return {};
}

std::string LaneWatch::compare(const Lane& lane, const Seen& seen) {
  const std::uint32_t held = seen.active + seen.ready;
  if (held > seen.limit)
    return std::to_string(held) + " are active, at most " + std::to_string(seen.limit) + " may be";
  if (!seen.queued.empty() && held < seen.limit)
    return seen.queued.begin()->first.str() + " is queued, and there is room";
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
