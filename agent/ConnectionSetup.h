#pragma once

#include <functional>

#include "agent/steps/ConnectionTests.h"
#include "agent/steps/HttpConnectionTests.h"
#include "agent/steps/ToolTrials.h"

namespace belay {

/// The tests of connections of all types: what speaks HTTP is tried in the pool, all else by jobs,
/// whose performers take `tools.sink()` and are added when they are there.
struct ConnectionSetup {
  /// Borrows what it is given.
  ConnectionSetup(steps::WorkerPool& pool, const steps::HttpTestWorld& http,
                  std::function<void(std::function<void()>)> onLoop);

  steps::ConnectionTests tests;
  steps::ToolTrials tools;
};

}  // namespace belay
