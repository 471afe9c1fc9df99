#include "agent/jobs/SyscallFilter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <asm/ioctls.h>

namespace belay::jobs {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the numbers of this architecture's system calls are not known here"
#endif

// Numbers that are the same on all architectures since 5.1, and that older headers do not name.
constexpr std::uint32_t kProcessMadvise = 440;
constexpr std::uint32_t kMountSetattr = 442;
constexpr std::uint32_t kOpenTreeAttr = 467;

constexpr std::uint32_t kRefused[] = {
    // Other processes.
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_pidfd_getfd,
    kProcessMadvise,
    // Parts of the kernel with a history.
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_fanotify_init,
    SYS_lookup_dcookie,
    SYS_vhangup,
    // Mounts and namespaces. clone() is looked at below.
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_move_mount,
    SYS_open_tree,
    kOpenTreeAttr,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    kMountSetattr,
    SYS_unshare,
    SYS_setns,
    SYS_chroot,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    // The machine.
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_syslog,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_nfsservctl,
    SYS_move_pages,
    SYS_migrate_pages,
#if defined(__x86_64__)
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_uselib,
    SYS_ustat,
    SYS_sysfs,
    SYS__sysctl,
    SYS_create_module,
#endif
};

constexpr std::uint32_t kNamespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                                      CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
constexpr std::uint32_t kFailed = SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA);
// What glibc takes for "this kernel is too old", and then does it the old way.
constexpr std::uint32_t kMissing = SECCOMP_RET_ERRNO | (ENOSYS & SECCOMP_RET_DATA);

constexpr sock_filter load(std::size_t offset) {
  return {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)};
}
/// The low half of an argument; both architectures are little-endian.
constexpr sock_filter loadArgument(std::size_t index) {
  return load(offsetof(seccomp_data, args) + index * sizeof(std::uint64_t));
}
constexpr sock_filter skipUnless(std::uint32_t value, std::uint8_t skipped) {
  return {BPF_JMP | BPF_JEQ | BPF_K, 0, skipped, value};
}
constexpr sock_filter skipUnlessAny(std::uint32_t bits, std::uint8_t skipped) {
  return {BPF_JMP | BPF_JSET | BPF_K, 0, skipped, bits};
}
constexpr sock_filter answer(std::uint32_t value) { return {BPF_RET | BPF_K, 0, 0, value}; }

/// `number` with argument `index` equal to `value`: refused. Leaves the number loaded.
struct ArgumentRow {
  std::uint32_t number;
  std::size_t index;
  std::uint32_t value;
};
constexpr ArgumentRow kRefusedArguments[] = {
    {SYS_ioctl, 1, TIOCSTI},          {SYS_ioctl, 1, 0x541C /* TIOCLINUX */},
    {SYS_socket, 0, AF_ALG},          {SYS_socket, 0, 40 /* AF_VSOCK */},
    {SYS_socket, 0, 44 /* AF_XDP */},
};

constexpr std::size_t kHead = 8;
constexpr std::size_t kLength =
    kHead + 2 * std::size(kRefused) + 5 * std::size(kRefusedArguments) + 8;

struct Program {
  std::array<sock_filter, kLength> code{};
  std::size_t size = 0;
  constexpr void add(sock_filter instruction) { code[size++] = instruction; }
};

constexpr void addHead(Program& program) {
  program.add(load(offsetof(seccomp_data, arch)));
  program.add({BPF_JMP | BPF_JEQ | BPF_K, 1, 0, kArchitecture});
  program.add(answer(kMissing));
  program.add(load(offsetof(seccomp_data, nr)));
#if defined(__x86_64__)
  // The x32 calls, which have the architecture of the others.
  program.add({BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000});
  program.add(answer(kMissing));
#endif
}

constexpr Program makeProgram() {
  Program program;
  addHead(program);
  for (const std::uint32_t number : kRefused) {
    program.add(skipUnless(number, 1));
    program.add(answer(kFailed));
  }
  // Its flags are in memory, where a filter cannot look.
  program.add(skipUnless(SYS_clone3, 1));
  program.add(answer(kMissing));
  for (const ArgumentRow& row : kRefusedArguments) {
    program.add(skipUnless(row.number, 4));
    program.add(loadArgument(row.index));
    program.add(skipUnless(row.value, 1));
    program.add(answer(kFailed));
    program.add(load(offsetof(seccomp_data, nr)));
  }
  program.add(skipUnless(SYS_clone, 3));
  program.add(loadArgument(0));
  program.add(skipUnlessAny(kNamespaces, 1));
  program.add(answer(kFailed));
  program.add(answer(SECCOMP_RET_ALLOW));
  return program;
}

constexpr Program kProgram = makeProgram();

}  // namespace

std::span<const sock_filter> syscallFilter() { return {kProgram.code.data(), kProgram.size}; }

bool forbidExecution() {
  constexpr std::array<sock_filter, 9> kNoExecution = {{
      load(offsetof(seccomp_data, arch)),
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 5, kArchitecture},
      load(offsetof(seccomp_data, nr)),
#if defined(__x86_64__)
      {BPF_JMP | BPF_JGE | BPF_K, 3, 0, 0x40000000},
#else
      {BPF_JMP | BPF_JA, 0, 0, 0},
#endif
      {BPF_JMP | BPF_JEQ | BPF_K, 2, 0, SYS_execve},
      {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYS_execveat},
      answer(SECCOMP_RET_ALLOW),
      answer(kFailed),
      answer(kFailed),
  }};
  const sock_fprog program{static_cast<unsigned short>(kNoExecution.size()),
                           const_cast<sock_filter*>(kNoExecution.data())};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

}  // namespace belay::jobs
