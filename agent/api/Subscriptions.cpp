#include "agent/api/Subscriptions.h"

#include <utility>

namespace belay::api {

Subscriptions::Id Subscriptions::add(const base::RunId& run, std::function<void()> changed) {
  const Id id = next_++;
  runs_.emplace(id, run);
  byRun_[run].emplace(id, std::move(changed));
  return id;
}

void Subscriptions::remove(Id id) {
  const auto found = runs_.find(id);
  if (found == runs_.end()) return;
  const auto run = byRun_.find(found->second);
  run->second.erase(id);
  if (run->second.empty()) byRun_.erase(run);
  runs_.erase(found);
}

void Subscriptions::tell(const std::vector<base::RunId>& runs) {
  if (runs_.empty()) return;
  // Copied first: whoever is told may end its subscription, or another's.
  std::vector<std::pair<Id, std::function<void()>>> told;
  for (const base::RunId& run : runs) {
    const auto found = byRun_.find(run);
    if (found == byRun_.end()) continue;
    for (const auto& [id, changed] : found->second) told.emplace_back(id, changed);
  }
  for (const auto& [id, changed] : told) {
    if (runs_.contains(id)) changed();
  }
}

}  // namespace belay::api
