#include "common/http/ConnectionPool.h"

#include <algorithm>

namespace belay::http {

std::unique_ptr<ClientConnection> ConnectionPool::take(const std::string& place,
                                                       std::chrono::milliseconds now) {
  std::vector<Idle> closed;  // Destroyed after the lock: closing TLS writes.
  std::unique_ptr<ClientConnection> found;
  {
    base::MutexLock lock(mutex_);
    const auto fresh = std::find_if(idle_.begin(), idle_.end(),
                                    [&](const Idle& idle) { return now - idle.since < ageMax_; });
    std::move(idle_.begin(), fresh, std::back_inserter(closed));
    idle_.erase(idle_.begin(), fresh);
    const auto match = std::find_if(idle_.rbegin(), idle_.rend(),
                                    [&](const Idle& idle) { return idle.place == place; });
    if (match != idle_.rend()) {
      found = std::move(match->connection);
      idle_.erase(std::next(match).base());
    }
  }
  if (found && !found->stream().quiet()) return nullptr;
  return found;
}

void ConnectionPool::put(const std::string& place, std::unique_ptr<ClientConnection> connection,
                         std::chrono::milliseconds now) {
  if (connectionsMax_ == 0) return;
  std::unique_ptr<ClientConnection> closed;  // Destroyed after the lock.
  base::MutexLock lock(mutex_);
  if (idle_.size() >= connectionsMax_) {
    closed = std::move(idle_.front().connection);
    idle_.erase(idle_.begin());
  }
  idle_.push_back({place, std::move(connection), now});
}

}  // namespace belay::http
