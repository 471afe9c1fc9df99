#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace belay::script {

/// Bounds of one call of an evaluator. Each is an error of its own when it is passed.
struct Limits {
  /// Calls, loop rounds, allocations and units of work inside built-in functions. 3 to 100 ns each.
  std::uint64_t ticks = 10'000'000;
  /// Processor time, for what the ticks do not weigh well.
  std::chrono::milliseconds cpu{500};
  /// Memory that the call may have at one time, above what the evaluator holds for itself.
  std::size_t memoryBytes = 16u << 20;
  /// Machine stack; the calling thread must have this and 64 KiB more.
  std::size_t stackBytes = 512u << 10;
  /// JSON or text that the call returns.
  std::size_t outputBytes = 4u << 20;
  /// Text of one expression or function.
  std::size_t sourceBytes = 64u << 10;
  /// Compiled releases kept by one evaluator, and the memory they may hold together; the least
  /// recently used goes first.
  std::size_t modulesMax = 64;
  std::size_t compiledBytes = 4u << 20;
};

}  // namespace belay::script
