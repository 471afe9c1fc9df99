#pragma once

namespace belay::jobs {

/// The body of `belay spawner`: forks a supervisor for each request that comes through `socketFd`,
/// until the other end is closed. The supervisors live on.
///
/// main() calls it before anything else is set up: the process must have one thread, and its only
/// descriptors are 0, 1, 2 (/dev/null or a log) and the socket, because every supervisor inherits
/// all that it has.
///
/// Returns the exit code of the process. In a supervisor it does not return.
int runSpawner(int socketFd);

/// The number under which PosixJobRunner passes the socket to `belay spawner`.
inline constexpr int kSpawnerSocketFd = 3;

}  // namespace belay::jobs
