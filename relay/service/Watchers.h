#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>

#include "common/base/Result.h"
#include "common/http/Handler.h"
#include "common/json/Value.h"
#include "relay/mailbox/Mailbox.h"

namespace belay::service {

/// Requests that wait for an approval to change.
///
/// Threads: the store's.
class Watchers {
 public:
  /// Answered at `until` at the latest, without any change. One more than there is room for sends
  /// the oldest away.
  void add(http::Responder responder, std::int64_t after, std::chrono::milliseconds until);
  /// Something has changed, and is on disk. Errors: of the store.
  base::Status notify(mailbox::Mailbox& mailbox);
  void expire(std::chrono::milliseconds now, bool all);
  /// The first time at which expire() has something to do.
  std::optional<std::chrono::milliseconds> next() const;

 private:
  struct Watcher {
    http::Responder responder;
    std::int64_t after = 0;
    std::chrono::milliseconds until{0};
  };
  std::list<Watcher> waiting_;
};

/// So many are listed at once.
inline constexpr std::size_t kListedMost = 200;
/// {"approvals":[…],"change":N}: those that have changed after `after`, `most` of them.
base::Result<json::Value> changedApprovals(mailbox::Mailbox& mailbox, std::int64_t after,
                                           std::size_t most);

}  // namespace belay::service
