#include "agent/api/Subscriptions.h"

#include <utility>

namespace belay::api {

Subscriptions::Id Subscriptions::add(const base::RunId& run, std::function<void()> changed,
                                     std::function<void()> closing) {
  const Id id = next_++;
  all_.emplace(id, Subscription{run, std::move(changed), std::move(closing)});
  byRun_.emplace(run, id);
  return id;
}

void Subscriptions::remove(Id id) {
  const auto found = all_.find(id);
  if (found == all_.end()) return;
  const auto [first, last] = byRun_.equal_range(found->second.run);
  for (auto it = first; it != last; ++it) {
    if (it->second != id) continue;
    byRun_.erase(it);
    break;
  }
  all_.erase(found);
}

void Subscriptions::tell(const std::vector<base::RunId>& runs) {
  if (all_.empty()) return;
  // Looked up again one by one: whoever is told may end its subscription, or another's.
  std::vector<Id> told;
  for (const base::RunId& run : runs) {
    const auto [first, last] = byRun_.equal_range(run);
    for (auto it = first; it != last; ++it) told.push_back(it->second);
  }
  for (const Id id : told) {
    const auto found = all_.find(id);
    if (found == all_.end()) continue;
    const std::function<void()> changed = found->second.changed;
    changed();
  }
}

void Subscriptions::close() {
  while (!all_.empty()) {
    const Id id = all_.begin()->first;
    const std::function<void()> closing = all_.begin()->second.closing;
    closing();
    remove(id);
  }
}

}  // namespace belay::api
