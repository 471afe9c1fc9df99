#pragma once

#include <string_view>

namespace belay::base {

/// Writes the broken invariant to stderr and aborts. A restart is safe because the journal is.
[[noreturn]] void failCheck(std::string_view condition, const char* file, int line) noexcept;

}  // namespace belay::base

/// An invariant of the program: always on, aborts. Never for input from disk, peer or user.
#define BELAY_CHECK(condition)                                                  \
  do {                                                                          \
    if (!(condition)) ::belay::base::failCheck(#condition, __FILE__, __LINE__); \
  } while (false)
