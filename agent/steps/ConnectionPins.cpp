#include "agent/steps/ConnectionPins.h"

namespace belay::steps {

base::Result<vault::ConnectionPtr> connectionOf(const vault::ConnectionStore& store,
                                                const runtime::Attempt& attempt,
                                                const std::string& name,
                                                vault::ConnectionPtr pinned) {
  if (pinned) return pinned;
  const auto bound = attempt.bindings.find(name);
  return store.find(bound == attempt.bindings.end() ? name : bound->second);
}

}  // namespace belay::steps
