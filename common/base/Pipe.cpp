#include "common/base/Pipe.h"

#include <fcntl.h>
#include <unistd.h>

namespace belay::base {

bool Pipe::make() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  readEnd.reset(ends[0]);
  writeEnd.reset(ends[1]);
  return true;
}

}  // namespace belay::base
