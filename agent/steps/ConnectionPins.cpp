#include "agent/steps/ConnectionPins.h"

#include <algorithm>

namespace belay::steps {

namespace {

std::string keyOf(const runtime::Attempt& attempt) {
  return attempt.run.str() + " " + attempt.idempotencyKey + " " + attempt.key.path;
}

}  // namespace

void ConnectionPins::keep(const runtime::Attempt& attempt, vault::ConnectionPtr connection) {
  if (!connection) return;
  std::string key = keyOf(attempt);
  std::erase_if(kept_, [&](const auto& one) { return one.first == key; });
  if (kept_.size() >= kKeptMax) kept_.erase(kept_.begin());
  kept_.emplace_back(std::move(key), std::move(connection));
}

vault::ConnectionPtr ConnectionPins::take(const runtime::Attempt& attempt) {
  const std::string key = keyOf(attempt);
  // From the end: most starts follow their description at once.
  const auto found = std::find_if(kept_.rbegin(), kept_.rend(),
                                  [&](const auto& one) { return one.first == key; });
  if (found == kept_.rend()) return nullptr;
  vault::ConnectionPtr connection = std::move(found->second);
  kept_.erase(std::next(found).base());
  return connection;
}

base::Result<vault::ConnectionPtr> connectionOf(const vault::ConnectionStore& store,
                                                const runtime::Attempt& attempt,
                                                const std::string& name,
                                                vault::ConnectionPtr pinned) {
  if (pinned) return pinned;
  const auto bound = attempt.bindings.find(name);
  return store.find(bound == attempt.bindings.end() ? name : bound->second);
}

}  // namespace belay::steps
