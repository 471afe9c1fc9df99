#include "agent/jobs/Supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

#include "agent/jobs/BootClock.h"
#include "agent/jobs/Confinement.h"
#include "agent/jobs/JobCalls.h"
#include "agent/jobs/JobCgroup.h"
#include "agent/jobs/JobFiles.h"
#include "agent/jobs/JobFolder.h"
#include "agent/jobs/JobLauncher.h"
#include "agent/jobs/JobLog.h"
#include "agent/jobs/JobOutcome.h"
#include "agent/jobs/JobRecord.h"
#include "agent/jobs/JobRequest.h"
#include "agent/jobs/KeptFiles.h"
#include "agent/jobs/MaskedFile.h"
#include "agent/jobs/ProcessTree.h"
#include "common/base/Check.h"
#include "common/base/Files.h"
#include "common/base/Pipe.h"
#include "common/base/Text.h"
#include "common/base/UniqueFd.h"

namespace belay::jobs {

using base::UniqueFd;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kPolled = 6;

/// A job of the same user can lower the limits of this process below what poll() asks for
/// (prlimit): what there is, is then looked for now and then, which must not take a processor.
/// Signals and timer, which do not block, come first.
void lookInTurns(std::array<pollfd, kPolled>& polled) {
  constexpr timespec kTurn{0, 20'000'000};
  ::nanosleep(&kTurn, nullptr);
  for (std::size_t i = 0; i < polled.size(); ++i) {
    int waiting = 0;
    const bool ready = i < 2 || (::ioctl(polled[i].fd, FIONREAD, &waiting) == 0 && waiting > 0);
    polled[i].revents = ready ? POLLIN : 0;
  }
}

constexpr milliseconds kKillBound{10'000};
constexpr std::size_t kDrainMax =
    1u << 20;  // The largest pipe that a process without privilege can have.
constexpr std::int64_t kRecordRetryMs = 10 * 60 * 1000;
constexpr std::uint64_t kProgressBytesMax = 1u << 20;
constexpr std::int64_t kHoldMs = 100;  // Until output goes to files, where others can read it.

std::string printable(const char* text) {
  std::string out = std::string(text).substr(0, 1024);
  return base::isUtf8(out) ? out : base::visible(out);
}

class Supervisor {
 public:
  Supervisor(const SupervisorTask& task, const JobRequest& request)
      : task_(task),
        request_(request),
        redactor_(makeRedactor(request)),
        stdout_(task.jobsFd, jobFile(request.id, kStdoutSuffix), request.logBytesMax, redactor_),
        stderr_(task.jobsFd, jobFile(request.id, kStderrSuffix), request.logBytesMax, redactor_),
        result_(task.jobsFd, jobFile(request.id, kResultSuffix), request.resultBytesMax, redactor_),
        progress_(task.jobsFd, jobFile(request.id, kProgressSuffix), kProgressBytesMax),
        kept_(task.jobsFd, request.id, request.filesBytesMax, redactor_),
        order_(task.jobsFd, jobFile(request.id, kOrderSuffix)) {}

  void run();

 private:
  bool claimJob();
  bool launch();
  int createFile(std::string_view suffix, mode_t mode) const;
  bool writeScript();
  void superviseMain();
  void armTimer(std::int64_t atBootMs);
  void takeSignals();
  void beginEnd(JobKiller killer, std::int64_t graceMs);
  void onTimer();
  int waitMs() const;
  void spillWhenDue();
  void spill();
  void takeCall();
  CallAnswer perform(JobCalls::Call& call);
  CallAnswer takeProgress(std::string line);
  CallAnswer takeResult(int memory);
  void takeResultFile(int file);
  void takeLeftFiles();
  void copy(std::size_t stream);
  void noteLog(LogStream stream, std::size_t kept);
  void releaseWhenDue();
  void drain();
  void writeRecord();
  bool storeExit(const std::string& line) const;
  void failSpawn(const char* stage, const char* what, int error);

  const SupervisorTask& task_;
  const JobRequest& request_;
  UniqueFd recordFd_;
  off_t claimBytes_ = 0;
  const std::shared_ptr<const redaction::Redactor> redactor_;  // Null: nothing is to be masked.
  MaskedFile stdout_;
  MaskedFile stderr_;
  MaskedFile result_;
  BoundedFile progress_;
  KeptFiles kept_;
  JobCalls calls_;
  Confinement confinement_;
  bool resultGiven_ = false;  // By a call, or as a file.
  OrderFile order_;
  // stdout, stderr, result. The write ends are kept too, so that a job that ends wakes this once,
  // by SIGCHLD, and not before by the end of each pipe.
  std::array<base::Pipe, 3> pipes_;
  UniqueFd signals_;
  UniqueFd timer_;
  std::optional<ProcessTree> tree_;
  std::int64_t killAtMs_ = -1;   // When the grace is over.
  std::int64_t spillAtMs_ = -1;  // When output shall not be held any more.
  bool holding_ = true;
  ExitRecord record_;
  std::array<char, 64 * 1024>
      copyBuffer_;  // Not initialised, so that it costs no page before it is used.
};

void Supervisor::run() {
  record_.bootId = task_.bootId;
  record_.startedWallMs = wallMs();
  record_.startedBootMs = bootMs();
  if (!claimJob()) return;
  if (launch()) {
    superviseMain();
    tree_->killAll(kKillBound);
    if (request_.ownsUser) killUser(static_cast<uid_t>(request_.user), kKillBound);
    record_.leftoverKilled = tree_->killedAfterMain();
    record_.unkillable = tree_->survivors();
    drain();
    takeLeftFiles();
  } else {
    // Its folder can be there already.
    openLeftFiles(request_, confinement_.ruleset.get(), [](const std::string&, UniqueFd, int) {});
  }
  writeRecord();
}

/// False when the claim cannot be written whole: then nothing runs, and its reader knows it.
bool Supervisor::claimJob() {
  ClaimRecord claim;
  const auto self = readProcessStat("self");
  if (!self) return false;
  claim.bootId = task_.bootId;
  claim.pid = ::getpid();
  claim.startTime = self->startTime;
  claim.cgroup = request_.cgroup;
  claim.user = request_.ownsUser ? request_.user : -1;
  claim.supervisor = kRequestLayout;
  recordFd_.reset(createFile(kRecordSuffix, 0600));
  const std::string line = printClaimRecord(claim);
  claimBytes_ = static_cast<off_t>(line.size());
  if (!recordFd_.valid() || !base::writeAll(recordFd_.get(), line, "claim").ok()) return false;
  ::close(task_.lockFd);
  return true;
}

int Supervisor::createFile(std::string_view suffix, mode_t mode) const {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  return ::openat(task_.jobsFd, jobFile(request_.id, suffix).c_str(), kFlags, mode);
}

void Supervisor::failSpawn(const char* stage, const char* what, int error) {
  record_.end = JobEnd::kSpawnFailed;
  record_.spawnStage = stage;
  record_.spawnWhat = printable(*what != '\0' ? what : request_.arguments[0]);
  record_.spawnErrno = error;
}

bool Supervisor::writeScript() {
  if (request_.script.empty() || request_.profile != JobProfile::kBare) return true;
  const UniqueFd fd(createFile(kScriptSuffix, 0500));
  if (!fd.valid() || !base::writeAll(fd.get(), request_.script, "script").ok()) return false;
  if (request_.user < 0) return true;
  return ::fchown(fd.get(), static_cast<uid_t>(request_.user), static_cast<gid_t>(-1)) == 0;
}

bool Supervisor::launch() {
  if (!writeScript()) return failSpawn("script", "", errno), false;
  if (const char* stage = confinement_.prepare(request_); stage != nullptr)
    return failSpawn(stage, request_.folder, errno), false;
  for (base::Pipe& pipe : pipes_) {
    if (!pipe.make()) return failSpawn("pipe", "", errno), false;
  }
  if (!calls_.open(request_.cgroup)) return failSpawn("socket", "", errno), false;
  sigset_t wanted;
  ::sigemptyset(&wanted);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT}) ::sigaddset(&wanted, signal);
  signals_.reset(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return failSpawn("signals", "", errno), false;
  if (request_.deadlineBootMs >= 0) armTimer(request_.deadlineBootMs);
  if (request_.cgroup[0] != '\0') {
    const int error =
        makeCgroup(request_.cgroup, {request_.treeMemoryBytes, request_.treeProcesses});
    if (error != 0) return failSpawn("cgroup", request_.cgroup, error), false;
  }

  JobDescriptors descriptors;
  descriptors.stdinFd = task_.stdinFd >= 0 ? task_.stdinFd : task_.devNullFd;
  descriptors.stdoutFd = pipes_[0].writeEnd.get();
  descriptors.stderrFd = pipes_[1].writeEnd.get();
  descriptors.resultFd = pipes_[2].writeEnd.get();
  descriptors.callFd = calls_.jobEnd();
  const Launched launched = launchJob(request_, descriptors, confinement_);
  if (launched.pid < 0) {
    failSpawn(launched.failedStage, launched.failedWhat, launched.failedErrno);
    if (request_.cgroup[0] != '\0') removeCgroup(request_.cgroup);
    return false;
  }
  if (task_.stdinFd >= 0) ::close(task_.stdinFd);
  const bool wrapped = request_.profile == JobProfile::kStrong;
  tree_.emplace(launched.pid, request_.cgroup, wrapped);
  return true;
}

void Supervisor::superviseMain() {
  while (!tree_->mainEnded()) {
    std::array<pollfd, kPolled> polled{{{signals_.get(), POLLIN, 0},
                                        {timer_.get(), POLLIN, 0},
                                        {pipes_[0].readEnd.get(), POLLIN, 0},
                                        {pipes_[1].readEnd.get(), POLLIN, 0},
                                        {pipes_[2].readEnd.get(), POLLIN, 0},
                                        {calls_.fd(), POLLIN, 0}}};
    if (::poll(polled.data(), polled.size(), waitMs()) < 0) {
      if (errno == EINTR) continue;
      lookInTurns(polled);
    }
    for (std::size_t i = 0; i < pipes_.size(); ++i) {
      if (polled[i + 2].revents != 0) copy(i);
    }
    if (polled[kPolled - 1].revents != 0) takeCall();
    if (polled[0].revents != 0) takeSignals();
    if (polled[1].revents != 0) onTimer();
    releaseWhenDue();
    spillWhenDue();
  }
}

int Supervisor::waitMs() const {
  std::int64_t next = -1;
  for (const std::int64_t at : {spillAtMs_, stdout_.releaseAtMs(), stderr_.releaseAtMs()}) {
    if (at >= 0) next = next < 0 ? at : std::min(next, at);
  }
  if (next < 0) return -1;
  return static_cast<int>(std::clamp<std::int64_t>(next - bootMs(), 0, MaskedFile::kQuietMs));
}

void Supervisor::spillWhenDue() {
  if (spillAtMs_ >= 0 && bootMs() >= spillAtMs_) spill();
}

void Supervisor::spill() {
  for (BoundedFile* file : {&stdout_.file(), &stderr_.file(), &result_.file(), &progress_})
    file->spill();
  order_.spill();
  spillAtMs_ = -1;
  holding_ = false;
}

void Supervisor::takeSignals() {
  std::array<signalfd_siginfo, 8> infos;
  while (true) {
    const ssize_t got = ::read(signals_.get(), infos.data(), sizeof infos);
    if (got <= 0) return;
    // First what has ended: a job that ended by itself was not cancelled.
    tree_->reap();
    for (std::size_t i = 0; i < static_cast<std::size_t>(got) / sizeof infos[0]; ++i) {
      if (infos[i].ssi_signo == SIGCHLD) continue;
      const bool withGrace = infos[i].ssi_code == SI_QUEUE && infos[i].ssi_int >= 0;
      beginEnd(JobKiller::kCancel, withGrace ? infos[i].ssi_int : request_.graceMs);
    }
  }
}

void Supervisor::beginEnd(JobKiller killer, std::int64_t graceMs) {
  if (tree_->mainEnded()) return;
  if (record_.killedBy == JobKiller::kNobody) {
    record_.killedBy = killer;
    tree_->signalGroup(SIGTERM);
  }
  const std::int64_t at = bootMs() + graceMs;
  killAtMs_ = killAtMs_ < 0 ? at : std::min(killAtMs_, at);
  armTimer(killAtMs_);
}

void Supervisor::armTimer(std::int64_t atBootMs) {
  if (!timer_.valid()) timer_.reset(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  // A time of zero would disarm it.
  const std::int64_t at = std::max<std::int64_t>(atBootMs, 1);
  itimerspec time{};
  time.it_value.tv_sec = at / 1000;
  time.it_value.tv_nsec = at % 1000 * 1'000'000;
  BELAY_CHECK(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &time, nullptr) == 0);
}

void Supervisor::onTimer() {
  std::uint64_t times = 0;
  if (::read(timer_.get(), &times, sizeof times) < 0) return;
  tree_->reap();
  if (tree_->mainEnded()) return;
  if (killAtMs_ < 0) return beginEnd(JobKiller::kDeadline, request_.graceMs);
  // When the kernel cannot end it within the bound, the next second tries again: without main's
  // status no record is true.
  tree_->killAll(kKillBound);
  if (!tree_->mainEnded()) armTimer(bootMs() + 1000);
}

void Supervisor::copy(std::size_t stream) {
  const ssize_t got = ::read(pipes_[stream].readEnd.get(), copyBuffer_.data(), copyBuffer_.size());
  if (got <= 0) return;
  const auto count = static_cast<std::size_t>(got);
  const std::int64_t now = bootMs();
  if (holding_ && spillAtMs_ < 0) spillAtMs_ = now + kHoldMs;
  if (stream == 2) {
    record_.resultTwice = record_.resultTwice || resultGiven_;
    if (!resultGiven_) result_.append(copyBuffer_.data(), count, now);
    return;
  }
  MaskedFile& log = stream == 0 ? stdout_ : stderr_;
  noteLog(stream == 0 ? LogStream::kStdout : LogStream::kStderr,
          log.append(copyBuffer_.data(), count, now));
}

void Supervisor::noteLog(LogStream stream, std::size_t kept) {
  order_.add(stream, static_cast<std::uint64_t>(bootMs()), kept);
}

void Supervisor::releaseWhenDue() {
  const std::int64_t now = bootMs();
  noteLog(LogStream::kStdout, stdout_.releaseWhenDue(now));
  noteLog(LogStream::kStderr, stderr_.releaseWhenDue(now));
}

/// Takes what the dead tree left in the pipes. Their ends can still be held by a process outside of
/// it, to which a descriptor was passed, so this waits for no end of file.
void Supervisor::drain() {
  for (std::size_t i = 0; i < pipes_.size(); ++i) {
    for (std::size_t read = 0; read < kDrainMax; read += copyBuffer_.size()) {
      pollfd polled{pipes_[i].readEnd.get(), POLLIN, 0};
      if (::poll(&polled, 1, 0) <= 0) break;
      copy(i);
    }
  }
}

void Supervisor::takeCall() {
  auto call = calls_.next();
  if (call) JobCalls::answer(*call, perform(*call));
}

CallAnswer Supervisor::perform(JobCalls::Call& call) {
  switch (call.kind) {
    case CallKind::kProgress:
      return takeProgress(std::move(call.text));
    case CallKind::kAttach:
      if (redactor_) call.text = redactor_->redact(call.text);
      return kept_.attach(std::move(call.text), std::move(call.file));
    case CallKind::kResult:
      return takeResult(call.file.get());
  }
  return CallAnswer::kNoSuch;
}

/// It is there for readers at once: a job says it for them.
CallAnswer Supervisor::takeProgress(std::string line) {
  if (line.empty() || !base::isUtf8(line) || base::visible(line) != line)
    return CallAnswer::kNoSuch;
  if (redactor_) line = redactor_->redact(line);
  line += '\n';
  if (progress_.kept() + line.size() > kProgressBytesMax) return CallAnswer::kTooLarge;
  spill();
  const std::size_t kept = progress_.append(line.data(), line.size());
  order_.add(LogStream::kProgress, static_cast<std::uint64_t>(bootMs()), kept);
  return CallAnswer::kDone;
}

CallAnswer Supervisor::takeResult(int memory) {
  // What nobody can change any more is memory, which never lets its reader wait.
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
  struct stat info {};
  const int seals = memory < 0 ? -1 : ::fcntl(memory, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals || ::fstat(memory, &info) != 0 || info.st_size <= 0)
    return CallAnswer::kNoSuch;
  if (static_cast<std::uint64_t>(info.st_size) > request_.resultBytesMax)
    return CallAnswer::kTooLarge;
  int waiting = 0;
  if (::ioctl(pipes_[2].readEnd.get(), FIONREAD, &waiting) == 0 && waiting > 0) copy(2);
  if (resultGiven_ || result_.given()) {
    record_.resultTwice = true;
    return CallAnswer::kTwice;
  }
  takeResultFile(memory);
  return CallAnswer::kDone;
}

/// Of a file, as much as its bound lets it, and a byte more where there is one.
void Supervisor::takeResultFile(int file) {
  resultGiven_ = true;
  for (std::uint64_t done = 0; done <= request_.resultBytesMax;) {
    const ssize_t got =
        ::pread(file, copyBuffer_.data(), copyBuffer_.size(), static_cast<off_t>(done));
    if (got <= 0) return;
    result_.append(copyBuffer_.data(), static_cast<std::size_t>(got), 0);
    done += static_cast<std::uint64_t>(got);
  }
}

void Supervisor::takeLeftFiles() {
  openLeftFiles(request_, confinement_.ruleset.get(),
                [this](const std::string& name, UniqueFd file, int error) {
                  struct stat info {};
                  if (name != kResultName) return kept_.collect(name, std::move(file), error);
                  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return;
                  const bool before = resultGiven_ || result_.given();
                  record_.resultTwice = record_.resultTwice || before;
                  if (!before) takeResultFile(file.get());
                });
  record_.files = kept_.store();
}

/// Can be repeated: it writes the same line at the same place.
bool Supervisor::storeExit(const std::string& line) const {
  std::size_t done = 0;
  while (done < line.size()) {
    const ssize_t wrote = ::pwrite(recordFd_.get(), line.data() + done, line.size() - done,
                                   claimBytes_ + static_cast<off_t>(done));
    if (wrote < 0 && errno != EINTR) return false;
    if (wrote > 0) done += static_cast<std::size_t>(wrote);
  }
  return ::fsync(recordFd_.get()) == 0;
}

/// A full disk is waited for: the record is all that the job leaves to say, and until it is there
/// the job counts as running.
void Supervisor::writeRecord() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto ms = [](const timeval& time) { return time.tv_sec * 1000 + time.tv_usec / 1000; };
  record_.cpuMs = ms(usage.ru_utime) + ms(usage.ru_stime);
  record_.residentBytesMax = usage.ru_maxrss * 1024;
  if (tree_) {
    const int status = tree_->mainStatus();
    record_.end = WIFSIGNALED(status) ? JobEnd::kSignalled : JobEnd::kExited;
    record_.exitCode = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    record_.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    record_.coreDumped = WIFSIGNALED(status) && WCOREDUMP(status);
    if (request_.cgroup[0] != '\0') removeCgroup(request_.cgroup);
  }
  record_.endedWallMs = wallMs();
  record_.endedBootMs = bootMs();
  noteLog(LogStream::kStdout, stdout_.finish());
  noteLog(LogStream::kStderr, stderr_.finish());
  result_.finish();
  order_.finish(static_cast<std::uint64_t>(record_.endedBootMs));
  const BoundedFile& out = stdout_.file();
  const BoundedFile& err = stderr_.file();
  const BoundedFile& result = result_.file();
  for (BoundedFile* file : {&stdout_.file(), &stderr_.file(), &result_.file(), &progress_}) {
    file->sync();
    if (record_.logErrno == 0) record_.logErrno = file->error();
  }
  record_.stdoutBytes = out.kept();
  record_.stdoutDropped = out.dropped();
  record_.stderrBytes = err.kept();
  record_.stderrDropped = err.dropped();
  record_.resultBytes = result.kept();
  record_.stdoutHeld = out.held();
  record_.stderrHeld = err.held();
  record_.resultHeld = result.held();
  record_.resultTooLarge = result.dropped() > 0;
  const std::string text = printExitRecord(record_);
  const std::int64_t until = bootMs() + kRecordRetryMs;
  while (!storeExit(text) && bootMs() < until) {
    const timespec pause{0, 500'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace

void superviseJob(const SupervisorTask& task) {
  // Its spawner has left every terminal behind. A session of its own would cost a scheduling group.
  ::setpgid(0, 0);
  // The spawner lets the kernel reap its supervisors; a supervisor needs the status of its own
  // children.
  ::signal(SIGCHLD, SIG_DFL);
  ::prctl(PR_SET_NAME, kSupervisorName);
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0) {
    const auto request = parseRequest(task.payload);
    if (request.ok()) Supervisor(task, *request).run();
  }
  ::_exit(0);
}

}  // namespace belay::jobs
