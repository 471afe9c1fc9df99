#include "agent/agents/ChildProcess.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "common/base/Files.h"
#include "common/base/Pipe.h"

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Pipe;
using base::Status;
using base::UniqueFd;

namespace {

/// What the child says through a pipe that closes when it executes: where it failed, and why.
struct Failure {
  char stage = 0;  // 'f'older, 'e'xec, 's'etup
  int error = 0;
};

std::vector<char*> pointersTo(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

struct ChildEnds {
  int in;
  int out;
  int err;
  int failure;
};

[[noreturn]] void fail(int fd, char stage) {
  const Failure failure{stage, errno};
  static_cast<void>(!::write(fd, &failure, sizeof failure));
  ::_exit(127);
}

/// Between fork and exec: system calls only.
[[noreturn]] void becomeAgent(const ChildPlan& plan, const ChildEnds& ends, pid_t parent,
                              char* const* argv, char* const* envp) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  // Above those that are to be replaced, so that none of them is in the way of another.
  const int in = ::fcntl(ends.in, F_DUPFD_CLOEXEC, 10);
  const int out = ::fcntl(ends.out, F_DUPFD_CLOEXEC, 10);
  const int err = ::fcntl(ends.err, F_DUPFD_CLOEXEC, 10);
  const int failure = ::fcntl(ends.failure, F_DUPFD_CLOEXEC, 10);
  if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) fail(failure, 's');
  // Closed when it executes, whatever their owners forgot.
  if (::syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) != 0) fail(failure, 's');
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (::chdir(plan.folder.c_str()) != 0) fail(failure, 'f');
  ::execve(plan.program.c_str(), argv, envp);
  fail(failure, 'e');
}

void dontBlock(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

}  // namespace

ChildProcess::~ChildProcess() noexcept {
  if (pid_ < 0 || ended_) return;
  signal(SIGKILL);
  ::waitpid(pid_, &status_, 0);
}

Status ChildProcess::start(const ChildPlan& plan) {
  Pipe in, out, err, failure;
  const UniqueFd devNull(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!devNull.valid() || !in.make() || !out.make() || !err.make() || !failure.make()) {
    return base::errnoError(errno, "pipes for " + plan.program);
  }
  std::vector<std::string> words{plan.program};
  words.insert(words.end(), plan.arguments.begin(), plan.arguments.end());
  const std::vector<char*> argv = pointersTo(words);
  const std::vector<char*> envp = pointersTo(plan.environment);
  const ChildEnds ends{plan.wantsInput ? in.readEnd.get() : devNull.get(), out.writeEnd.get(),
                       err.writeEnd.get(), failure.writeEnd.get()};
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) return base::errnoError(errno, "fork for " + plan.program);
  if (pid_ == 0) becomeAgent(plan, ends, parent, argv.data(), envp.data());
  ::setpgid(pid_, pid_);  // Whoever of both is first: signals must find the group.
  failure.writeEnd.reset();
  Failure said;
  if (::read(failure.readEnd.get(), &said, sizeof said) == sizeof said) {
    ::waitpid(pid_, &status_, 0);
    ended_ = true;
    const std::string& what = said.stage == 'f' ? plan.folder : plan.program;
    Error error =
        base::errnoError(said.error, (said.stage == 'f' ? "working folder " : "start ") + what);
    if (said.error == ENOENT || said.error == EACCES || said.error == ENOTDIR ||
        said.error == ENOEXEC) {
      error.code = ErrorCode::kAgentNotFound;
    }
    return error;
  }
  if (plan.wantsInput) in_ = std::move(in.writeEnd);
  out_ = std::move(out.readEnd);
  err_ = std::move(err.readEnd);
  for (const int fd : {in_.get(), out_.get(), err_.get()}) {
    if (fd >= 0) dontBlock(fd);
  }
  return {};
}

void ChildProcess::signal(int number) const {
  if (pid_ > 0) ::kill(-pid_, number);
}

bool ChildProcess::reap() {
  if (ended_) return true;
  siginfo_t info{};
  // Its pid stays its own until the group is dead.
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid != pid_) {
    return false;
  }
  signal(SIGKILL);
  ::waitpid(pid_, &status_, 0);
  ended_ = true;
  return true;
}

}  // namespace belay::agents
