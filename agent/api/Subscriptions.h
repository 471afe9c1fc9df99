#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "common/base/Ids.h"

namespace belay::api {

/// Who wants to know when a run changes.
///
/// Threads: the loop.
class Subscriptions {
 public:
  using Id = std::uint64_t;

  /// `changed` is called after each commit that changed the run, `closing` when the daemon ends;
  /// both in the loop's thread. They may remove subscriptions.
  Id add(const base::RunId& run, std::function<void()> changed, std::function<void()> closing);
  /// Does nothing when it is not there any more.
  void remove(Id id);
  /// For runtime::Loop::onCommit().
  void tell(const std::vector<base::RunId>& runs);
  /// The daemon ends: everybody lets go.
  void close();
  std::size_t size() const { return all_.size(); }

 private:
  struct Subscription {
    base::RunId run;
    std::function<void()> changed;
    std::function<void()> closing;
  };
  Id next_ = 1;
  std::map<Id, Subscription> all_;
  std::multimap<base::RunId, Id> byRun_;
};

}  // namespace belay::api
