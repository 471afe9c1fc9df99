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

  /// `changed` is called after each commit that changed the run, in the loop's thread; it may add
  /// and remove subscriptions.
  Id add(const base::RunId& run, std::function<void()> changed);
  /// Does nothing when it is not there any more.
  void remove(Id id);
  /// For runtime::Loop::onCommit().
  void tell(const std::vector<base::RunId>& runs);
  std::size_t size() const { return runs_.size(); }

 private:
  Id next_ = 1;
  std::map<Id, base::RunId> runs_;
  std::map<base::RunId, std::map<Id, std::function<void()>>> byRun_;
};

}  // namespace belay::api
