#pragma once

#include <span>

#include "common/base/UniqueFd.h"

namespace belay::jobs {

// Landlock: what a process may do with files is what a ruleset names; all else is refused, whoever
// owns it. The system calls themselves, because headers are older than kernels.
//
// Threads: any; no global state.

/// Which version the kernel has, 0 when it has none or it is switched off.
int landlockVersion();

/// Makes a ruleset, as a descriptor for enterLandlock(): files below `readable` can be read and
/// executed, those below `writable` changed in every way. A path that is not there is passed over.
/// From version 6 on, processes outside can be sent no signal, and their abstract sockets not be
/// reached. Invalid, with errno.
base::UniqueFd makeLandlock(std::span<const char* const> readable,
                            std::span<const char* const> writable);

/// Puts the calling thread under it, for good; no_new_privs must be set. Only a system call: for
/// the child between fork and exec. False with errno.
bool enterLandlock(int ruleset);

}  // namespace belay::jobs
