#pragma once

#include "common/base/UniqueFd.h"

namespace belay::base {

/// Both ends of a pipe(7), closed on exec.
///
/// Threads: owner.
struct Pipe {
  UniqueFd readEnd;
  UniqueFd writeEnd;

  /// False, with errno, when there is none to be had.
  bool make();
};

}  // namespace belay::base
