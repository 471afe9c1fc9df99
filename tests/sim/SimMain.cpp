// Runs simulations by seed: `simulate COUNT [FIRST]`, `simulate --seed N` for one, twice, with its
// trace; `simulate --twins COUNT [FIRST]`, the same run with and without crashes. Prints the seed
// of each that broke a promise; the last line is "N passed, N failed".

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/sim/Simulation.h"
#include "tests/sim/Twins.h"

// Last: it redefines new.
#include <CppUTest/TestHarness.h>

#include <CppUTest/MemoryLeakWarningPlugin.h>

namespace {

bool runOne(std::uint64_t seed, bool twice) {
  const belay::sim::Outcome outcome = belay::sim::Simulation(seed).run();
  if (!outcome.violation.empty()) {
    std::printf("seed=%llu FAILED: %s\n", static_cast<unsigned long long>(seed),
                outcome.violation.c_str());
    return false;
  }
  if (!twice) return true;
  const belay::sim::Outcome again = belay::sim::Simulation(seed).run();
  std::printf("seed=%llu runs=%llu events=%llu kills=%llu cuts=%llu trace=%s\n",
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(outcome.runs),
              static_cast<unsigned long long>(outcome.events),
              static_cast<unsigned long long>(outcome.crashes),
              static_cast<unsigned long long>(outcome.cuts), outcome.trace.c_str());
  if (outcome.trace == again.trace) return true;
  std::printf("seed=%llu FAILED: another trace the second time: %s\n",
              static_cast<unsigned long long>(seed), again.trace.c_str());
  return false;
}

bool runTwins(std::uint64_t seed) {
  belay::sim::Twins twins(seed);
  const std::string difference = twins.compare();
  if (!difference.empty())
    std::printf("twins=%llu FAILED: %s\n", static_cast<unsigned long long>(seed),
                difference.c_str());
  else if (seed % 50 == 0)
    std::printf("twins=%llu kills=%llu lines=%zu\n", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(twins.kills()), twins.lines());
  return difference.empty();
}

}  // namespace

int main(int argc, char** argv) {
  // Counting leaks cost a fifth of the time; the asan build counts them.
  MemoryLeakWarningPlugin::turnOffNewDeleteOverloads();
  if (argc == 3 && std::strcmp(argv[1], "--seed") == 0)
    return runOne(std::strtoull(argv[2], nullptr, 10), true) ? 0 : 1;
  const bool twins = argc > 1 && std::strcmp(argv[1], "--twins") == 0;
  if (twins) ++argv, --argc;
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100;
  const std::uint64_t first = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  std::uint64_t failed = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    // Every 50th is run twice: the same seed must give the same trace.
    if (!(twins ? runTwins(seed) : runOne(seed, seed % 50 == 0))) ++failed;
  }
  std::printf("%llu passed, %llu failed\n", static_cast<unsigned long long>(count - failed),
              static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}
