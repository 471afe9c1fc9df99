#include "common/base/Check.h"

#include <cstdio>
#include <cstdlib>

namespace belay::base {

void failCheck(std::string_view condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "check.failed code=BLY-INTERNAL at=%s:%d condition=\"%.*s\"\n", file, line,
               static_cast<int>(condition.size()), condition.data());
  std::abort();
}

}  // namespace belay::base
