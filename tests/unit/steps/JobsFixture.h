#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/steps/RunStep.h"
#include "tests/support/MemoryLog.h"
#include "tests/unit/steps/FakeJobs.h"
#include "tests/unit/steps/StepsFixture.h"

namespace belay::test {

/// What steps that are jobs are made over: a runner that only remembers, and no isolation.
struct JobsFixture : StepsFixture {
  MemoryLog log;
  FakeJobs jobs{folder.path()};
  belay::jobs::Isolation isolation{
      {}, *belay::jobs::UserPool::open(folder.at("job-users"), {}), {}, [] { return false; }};
  belay::settings::JobSettings settings;

  static void callNow(std::function<void()> work) { work(); }

  /// A callback's token is "token-of-" and its wait.
  std::unique_ptr<steps::RunStep> makeRuns(
      std::function<void(std::function<void()>)> onLoop = callNow) {
    return std::make_unique<steps::RunStep>(
        steps::RunStep::World{jobs, isolation, *outputs, *vault, pool, clock,
                              [](const std::string&) { return std::optional<std::string>(); },
                              [](const std::string& wait) { return "token-of-" + wait; }, log,
                              folder.path(), std::move(onLoop)},
        settings, sink());
  }
};

}  // namespace belay::test
