#pragma once

#include <linux/filter.h>

#include <span>

namespace belay::jobs {

/// The seccomp program of jobs that run as a user of their own: a list of what is refused (EPERM),
/// because it opens parts of the kernel that such a job has no business with – tracing and reading
/// other processes, bpf, keyrings, userfaultfd, io_uring, mounts, namespaces, modules, kexec,
/// clocks, sockets of odd families, and input pushed into a terminal. All else is allowed. Programs
/// of another architecture than the host's own (32 bits) are refused whole.
///
/// Threads: any. The program is made once per process and stays.
std::span<const sock_filter> syscallFilter();

/// Installs a program that lets this process, with all its threads, execute nothing any more
/// (EPERM). For the part that reads what comes from the network. False, with errno, when the kernel
/// has no seccomp; no_new_privs is set as well.
bool forbidExecution();

}  // namespace belay::jobs
