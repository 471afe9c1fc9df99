#include "agent/ConnectionSetup.h"

#include <utility>

#include "agent/steps/LlmStep.h"

namespace belay {

ConnectionSetup::ConnectionSetup(steps::WorkerPool& pool, const steps::HttpTestWorld& http,
                                 std::function<void(std::function<void()>)> onLoop)
    : tests(pool), tools({http.policy, http.clock, std::move(onLoop)}) {
  steps::addHttpTests(tests, http);
  steps::addLlmTest(tests, http);
}

}  // namespace belay
