#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <span>

namespace belay::jobs {

/// Sends one message over a Unix socket, with at most two descriptors, which the receiver gets as
/// its own. Again where a signal came in between; allocates nothing. Returns what sendmsg() returns,
/// and leaves errno. Threads: any.
ssize_t sendWithDescriptors(int socket, std::span<iovec> parts, std::span<const int> descriptors,
                            int flags = 0);

}  // namespace belay::jobs
