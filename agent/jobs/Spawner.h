#pragma once

namespace belay::jobs {

/// The body of `belay spawner`: forks a supervisor for each request that comes through `socketFd`,
/// until the other end is closed. The supervisors live on. `socketFd` + 1 is the folder of jobs,
/// which the daemon locked (flock): the lock is given back when the spawner and all supervisors
/// that have not claimed their job yet are gone, and so the next daemon knows that no request is
/// still under way.
///
/// main() calls it before anything else is set up: the process must have one thread. All other
/// descriptors are closed.
///
/// `accepted`: the socket is one that the service manager accepted for us, and the folder comes in
/// its first message.
///
/// Returns the exit code of the process. In a supervisor it does not return.
int runSpawner(int socketFd, bool accepted = false);

/// The number under which PosixJobRunner passes the socket to `belay spawner`.
inline constexpr int kSpawnerSocketFd = 3;

}  // namespace belay::jobs
