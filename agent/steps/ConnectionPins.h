#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/runtime/Performer.h"
#include "agent/vault/ConnectionStore.h"

namespace belay::steps {

/// The connections that attempts were described with, for their start: what was permitted and
/// approved is what is used, although somebody changes the connection in between.
///
/// Threads: the loop.
class ConnectionPins {
 public:
  /// Of describe(). Replaces what was kept for the attempt.
  void keep(const runtime::Attempt& attempt, vault::ConnectionPtr connection);
  /// Of start(): what was kept, or null.
  vault::ConnectionPtr take(const runtime::Attempt& attempt);

 private:
  /// The start follows its description within a round of the loop; a description for an approval has
  /// no start. Older ones go.
  static constexpr std::size_t kKeptMax = 4096;

  std::vector<std::pair<std::string, vault::ConnectionPtr>> kept_;  ///< Oldest first.
};

/// The connection that an attempt names `name`: `pinned`, or what is bound to it now.
base::Result<vault::ConnectionPtr> connectionOf(const vault::ConnectionStore& store,
                                                const runtime::Attempt& attempt,
                                                const std::string& name,
                                                vault::ConnectionPtr pinned);

}  // namespace belay::steps
