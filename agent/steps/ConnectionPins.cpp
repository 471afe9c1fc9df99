#include "agent/steps/ConnectionPins.h"

#include "common/base/Text.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;

Error unpinned(const runtime::Attempt& attempt) {
  return Error{ErrorCode::kReviewChanged,
               "step " + attempt.key.path +
                   ": too much was allowed at once to know still which connection this step was"};
}

base::Result<vault::ConnectionPtr> connectionOf(const vault::ConnectionStore& store,
                                                const runtime::Attempt& attempt,
                                                const std::string& name,
                                                vault::ConnectionPtr pinned) {
  if (pinned) return pinned;
  const auto bound = attempt.bindings.find(name);
  if (bound != attempt.bindings.end()) return store.find(bound->second);
  auto found = store.find(name);
  if (found) return found;
  return Error{ErrorCode::kConnectionUnbound,
               "step " + attempt.key.path + " needs connection " + base::visible(name) +
                   " of flow " + attempt.slug + ", which is not bound on this host: belay flow " +
                   "configure " + attempt.slug + " " + base::visible(name) + "=CONNECTION"};
}

}  // namespace belay::steps
