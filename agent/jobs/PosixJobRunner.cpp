#include "agent/jobs/PosixJobRunner.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "agent/jobs/JobCgroup.h"
#include "agent/jobs/JobFiles.h"
#include "agent/jobs/JobRecord.h"
#include "agent/jobs/JobRequest.h"
#include "agent/jobs/Pidfd.h"
#include "agent/jobs/ProcessTree.h"
#include "agent/jobs/SpawnerLink.h"
#include "agent/jobs/SpawnerNursery.h"
#include "common/base/Files.h"
#include "common/base/FreeWith.h"
#include "common/base/UniqueFd.h"

namespace belay::jobs {

using base::Error;
using base::ErrorCode;
using base::JobId;
using base::Result;
using base::Status;
using base::UniqueFd;
using std::chrono::milliseconds;

namespace {

using Folder = std::unique_ptr<DIR, base::FreeWith<&::closedir>>;

constexpr std::uint64_t kLinkTicket = 0;

/// A job whose supervisor lives, or is being forked.
struct Running {
  JobId id;
  UniqueFd pidfd;                      // None until the spawner has answered.
  std::optional<milliseconds> cancel;  // A cancel() that came before the answer.
};

Adoption lost(std::string reason) {
  Adoption adoption;
  adoption.state = Adoption::State::kLost;
  adoption.reason = std::move(reason);
  return adoption;
}

Adoption became(Adoption::State state) {
  Adoption adoption;
  adoption.state = state;
  return adoption;
}

bool hasEnded(int pidfd) {
  pollfd polled{pidfd, POLLIN, 0};
  return ::poll(&polled, 1, 0) > 0;
}

/// The pidfd of the process that made this claim, if it still lives.
UniqueFd openSupervisor(const ClaimRecord& claim) {
  UniqueFd pidfd = openPidfd(claim.pid);
  if (!pidfd.valid()) return {};
  // The pid can have been given to another process; after the descriptor is open it cannot change
  // any more.
  const auto stat = readProcessStat(std::to_string(claim.pid).c_str());
  if (!stat || stat->startTime != claim.startTime || hasEnded(pidfd.get())) return {};
  return pidfd;
}

void askToEnd(const UniqueFd& pidfd, milliseconds grace) {
  siginfo_t info{};
  info.si_signo = SIGTERM;
  info.si_code = SI_QUEUE;
  info.si_pid = ::getpid();
  info.si_uid = ::getuid();
  info.si_value.sival_int =
      static_cast<int>(std::clamp<std::int64_t>(grace.count(), 0, 86'400'000));
  // ESRCH: it has just ended, which is what was wanted.
  static_cast<void>(signalPidfd(pidfd, SIGTERM, &info));
}

Error noCgroup() {
  return {ErrorCode::kJobProfile,
          "jobs.tree_memory_max and jobs.tree_processes_max need a cgroup v2 that is delegated to "
          "Belay",
          {"enable belay-spawner.socket, or set both to 0"}};
}

/// The folder of jobs with its lock: no request of an earlier spawner is under way any more.
Result<UniqueFd> lockFolder(const std::string& path, milliseconds wait) {
  UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.valid()) return base::errnoError(errno, "open the folder of jobs " + path);
  for (std::int64_t tries = 0; ::flock(folder.get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (errno != EWOULDBLOCK) return base::errnoError(errno, "lock the folder of jobs " + path);
    if (tries >= wait.count()) {
      return Error{ErrorCode::kAlreadyRunning,
                   "another spawner uses the folder of jobs " + path,
                   {"end the other daemon, or the process \"belay spawner\" that it left"}};
    }
    const timespec pause{0, 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
  return folder;
}

Result<UniqueFd> openStdin(const JobSpec& spec) {
  if (!spec.stdinText.empty()) return sealedMemory(spec.stdinText);
  if (spec.stdinPath.empty()) return UniqueFd();
  UniqueFd fd(::open(spec.stdinPath.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0) {
    return base::errnoError(errno, "open the standard input " + spec.stdinPath);
  }
  if (!S_ISREG(info.st_mode)) {
    return Error{ErrorCode::kInvalidArgument, spec.stdinPath + " is not a regular file"};
  }
  // O_NONBLOCK was only for the open: a FIFO would have waited for its writer.
  if (::fcntl(fd.get(), F_SETFL, 0) != 0) return base::errnoError(errno, "open " + spec.stdinPath);
  return fd;
}

}  // namespace

struct PosixJobRunner::State {
  State(JobRunnerSettings givenSettings, const base::Clock& givenClock)
      : settings(std::move(givenSettings)), clock(givenClock) {}

  Status startSpawner();
  Result<std::unique_ptr<SpawnerLink>> reachSpawner(int lockedFolder);
  Status watch(const JobId& id, UniqueFd pidfd);
  void takeReplies();
  void answer(ReceivedReply received);
  void takeUnanswered();
  void settle(Running job);
  Result<Adoption> decide(const JobId& id, std::string_view intentBootId);
  Result<Adoption> decideByClaim(const JobId& id, const ClaimRecord& claim);
  std::uint32_t endOrphans(const JobId& id, const ClaimRecord& claim);
  void askToSweep(const std::string& payload);
  bool isRunning(const JobId& id) const { return tickets.contains(id); }
  bool hasUnwatched() const;

  const JobRunnerSettings settings;
  const base::Clock& clock;
  UniqueFd folder;
  UniqueFd epoll;
  std::unique_ptr<SpawnerNursery> nursery;
  std::unique_ptr<SpawnerLink> link;
  JobMechanisms mechanisms;
  std::vector<std::string> sweeps;  // Not yet asked for: there was no spawner.
  std::uint64_t lastTicket = kLinkTicket;
  std::unordered_map<std::uint64_t, Running> running;
  std::unordered_map<JobId, std::uint64_t> tickets;
  std::vector<JobId> ended;  // Not yet named by takeEnded().
  Folder sweep;              // Where removeEnded() goes on.
};

/// Makes a spawner if there is none. Before that it waits until the former one has let go of
/// everything, and only then decides on the jobs that it did not answer for.
Status PosixJobRunner::State::startSpawner() {
  if (link && !link->broken()) return {};
  link.reset();
  BELAY_ASSIGN(const UniqueFd locked, lockFolder(settings.folder, settings.lockWait));
  takeUnanswered();
  BELAY_ASSIGN(link, reachSpawner(locked.get()));
  mechanisms = {link->mayBecomeOthers(),
                link->cgroupFolder().empty() ? settings.cgroupFolder : link->cgroupFolder()};
  for (const std::string& owed : std::exchange(sweeps, {})) askToSweep(owed);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kLinkTicket}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, link->fd(), &event) != 0) {
    return base::errnoError(errno, "watch the spawner");
  }
  return {};
}

Result<std::unique_ptr<SpawnerLink>> PosixJobRunner::State::reachSpawner(int lockedFolder) {
  if (!settings.spawnerSocket.empty())
    return SpawnerLink::connect(settings.spawnerSocket, lockedFolder);
  if (settings.nurseryCommand.empty())
    return SpawnerLink::start(settings.spawnerCommand, lockedFolder);
  if (!nursery) {
    BELAY_ASSIGN(nursery, SpawnerNursery::start(settings.nurseryCommand));
  }
  BELAY_ASSIGN(UniqueFd socket, nursery->makeSpawner(lockedFolder));
  return SpawnerLink::adopt(std::move(socket));
}

Status PosixJobRunner::State::watch(const JobId& id, UniqueFd pidfd) {
  const std::uint64_t ticket = ++lastTicket;
  epoll_event event{.events = EPOLLIN, .data = {.u64 = ticket}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, pidfd.get(), &event) != 0) {
    return base::errnoError(errno, "watch the supervisor of job " + id.str());
  }
  running[ticket] = Running{id, std::move(pidfd), {}};
  tickets[id] = ticket;
  return {};
}

void PosixJobRunner::State::answer(ReceivedReply received) {
  const auto found = running.find(received.reply.ticket);
  if (found == running.end()) return;
  Running& job = found->second;
  epoll_event event{.events = EPOLLIN, .data = {.u64 = received.reply.ticket}};
  if (received.pidfd.valid() &&
      ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, received.pidfd.get(), &event) == 0) {
    job.pidfd = std::move(received.pidfd);
    if (job.cancel) askToEnd(job.pidfd, *job.cancel);
    return;
  }
  // It could not be forked, or has ended already; its folder tells which.
  Running settled = std::move(job);
  tickets.erase(settled.id);
  running.erase(found);
  settle(std::move(settled));
}

/// For a job of which the spawner told nothing: its record decides.
void PosixJobRunner::State::settle(Running job) {
  const auto adoption = decide(job.id, clock.bootId());
  if (adoption.ok() && adoption->state == Adoption::State::kRunning) {
    if (job.cancel) askToEnd(running[tickets[job.id]].pidfd, *job.cancel);
    return;
  }
  ended.push_back(std::move(job.id));
}

void PosixJobRunner::State::takeReplies() {
  if (!link) return;
  while (auto received = link->receive()) answer(std::move(*received));
  if (!link->broken()) return;
  link.reset();
  // Once the lock is free, all that it forked have claimed their jobs or are gone. The next start()
  // makes a new spawner.
  if (lockFolder(settings.folder, settings.lockWait).ok()) takeUnanswered();
}

void PosixJobRunner::State::takeUnanswered() {
  std::vector<Running> unanswered;
  for (auto at = running.begin(); at != running.end();) {
    if (at->second.pidfd.valid()) {
      ++at;
      continue;
    }
    tickets.erase(at->second.id);
    unanswered.push_back(std::move(at->second));
    at = running.erase(at);
  }
  for (Running& job : unanswered) settle(std::move(job));
}

Result<Adoption> PosixJobRunner::State::decide(const JobId& id, std::string_view intentBootId) {
  if (isRunning(id)) return became(Adoption::State::kRunning);
  BELAY_ASSIGN(const auto record, readRecord(folder.get(), id));
  if (record && record->exit) return became(Adoption::State::kEnded);
  if (!record || !record->claim) {
    // No claim, and the lock says that no supervisor is on its way: nothing ran. But a reboot can
    // have taken the claim away.
    if (intentBootId != clock.bootId())
      return lost("the host was restarted, and the job left no record");
    BELAY_TRY(removeFiles(folder.get(), id));
    return became(Adoption::State::kNotStarted);
  }
  return decideByClaim(id, *record->claim);
}

Result<Adoption> PosixJobRunner::State::decideByClaim(const JobId& id, const ClaimRecord& claim) {
  if (claim.bootId != clock.bootId()) return lost("the host was restarted while the job ran");
  UniqueFd pidfd = openSupervisor(claim);
  if (pidfd.valid()) {
    BELAY_TRY(watch(id, std::move(pidfd)));
    return became(Adoption::State::kRunning);
  }
  // It can have ended between the first look and this one.
  BELAY_ASSIGN(const auto record, readRecord(folder.get(), id));
  if (record && record->exit) return became(Adoption::State::kEnded);
  Adoption adoption = lost("its supervisor ended without an exit record");
  if (record && !record->damage.empty()) adoption.reason += " (" + record->damage + ")";
  adoption.orphansKilled = endOrphans(id, claim);
  if (!claim.cgroup.empty() && isPopulated(claim.cgroup))
    adoption.reason += "; something in its cgroup does not die";
  return adoption;
}

/// By itself, and by the spawner where they are somebody else's.
std::uint32_t PosixJobRunner::State::endOrphans(const JobId& id, const ClaimRecord& claim) {
  const std::uint32_t killed = killOrphans({id.str(), claim.cgroup, claim.user}, kOrphanBound);
  if (claim.user >= 0 && ::geteuid() != 0) askToSweep(id.str() + "\n" + printClaimRecord(claim));
  return killed;
}

/// Its end is not waited for: what it kills can do nothing to the daemon.
void PosixJobRunner::State::askToSweep(const std::string& payload) {
  const bool asked = link && link->send(++lastTicket, payload, -1, RequestKind::kSweep).ok();
  if (!asked) sweeps.push_back(payload);
}

PosixJobRunner::PosixJobRunner(std::unique_ptr<State> state) : state_(std::move(state)) {}

PosixJobRunner::~PosixJobRunner() = default;

Result<std::unique_ptr<PosixJobRunner>> PosixJobRunner::open(JobRunnerSettings settings,
                                                             const base::Clock& clock) {
  auto state = std::make_unique<State>(std::move(settings), clock);
  const std::string& path = state->settings.folder;
  BELAY_TRY(base::makeFolders(path));
  state->folder.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!state->folder.valid() || ::fstat(state->folder.get(), &info) != 0) {
    return base::errnoError(errno, "open the folder of jobs " + path);
  }
  if (info.st_uid != ::geteuid() || (info.st_mode & 022) != 0) {
    return Error{ErrorCode::kStateFolderUnsafe,
                 "the folder of jobs " + path + " can be written by somebody else",
                 {"chown it to the daemon's user and chmod it to 0700"}};
  }
  state->epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!state->epoll.valid()) return base::errnoError(errno, "watch jobs");
  BELAY_TRY(state->startSpawner());
  return std::unique_ptr<PosixJobRunner>(new PosixJobRunner(std::move(state)));
}

/// Whether a supervisor lives that this runner does not watch; it may be another daemon's.
bool PosixJobRunner::State::hasUnwatched() const {
  std::unordered_set<pid_t> watched;
  for (const auto& [ticket, job] : running) {
    if (const auto pid = pidOf(job.pidfd)) watched.insert(*pid);
  }
  const std::vector<SeenProcess> all = listProcesses();
  return std::any_of(all.begin(), all.end(), [&](const SeenProcess& process) {
    return process.namedSupervisor && !watched.contains(process.pid);
  });
}

Result<std::vector<JobId>> PosixJobRunner::strays() {
  State& state = *state_;
  std::vector<JobId> found;
  // Records are kept for long, and mostly nobody stands behind any of them.
  if (!state.hasUnwatched()) return found;
  BELAY_ASSIGN(const std::vector<std::string> names, base::listFolder(state.settings.folder));
  for (std::string_view name : names) {
    if (!name.ends_with(kRecordSuffix)) continue;
    name.remove_suffix(kRecordSuffix.size());
    const auto id = JobId::parse(name);
    if (!id.ok() || state.isRunning(*id)) continue;
    BELAY_ASSIGN(const auto record, readRecord(state.folder.get(), *id));
    const bool open = record && record->claim && !record->exit;
    if (open && record->claim->bootId == state.clock.bootId() &&
        openSupervisor(*record->claim).valid()) {
      found.push_back(*id);
    }
  }
  return found;
}

JobMechanisms PosixJobRunner::mechanisms() const { return state_->mechanisms; }

Status PosixJobRunner::start(const JobSpec& spec) {
  BELAY_TRY(checkJobSpec(spec));
  State& state = *state_;
  if (state.running.size() >= state.settings.runningMax) {
    return Error{
        ErrorCode::kBusy,
        "jobs.running_max (" + std::to_string(state.settings.runningMax) + ") jobs are running"};
  }
  BELAY_TRY(state.startSpawner());
  BELAY_ASSIGN(const UniqueFd stdinFd, openStdin(spec));
  const std::string record = jobFile(spec.id.str(), kRecordSuffix);
  if (state.isRunning(spec.id) || ::faccessat(state.folder.get(), record.c_str(), F_OK, 0) == 0) {
    return Error{ErrorCode::kConflict, "job " + spec.id.str() + " has been started before"};
  }
  std::string cgroup;
  if (!state.mechanisms.cgroupFolder.empty())
    cgroup = state.mechanisms.cgroupFolder + "/job-" + spec.id.str();
  else if (spec.limits.treeMemoryBytes || spec.limits.treeProcesses)
    return noCgroup();
  const std::uint64_t ticket = ++state.lastTicket;
  const std::string payload = encodeRequest(spec, state.settings.folder, cgroup);
  Status sent = state.link->send(ticket, payload, stdinFd.get());
  if (!sent && state.link->broken()) {
    // It died since it was looked at; what was not sent can go to the next one.
    BELAY_TRY(state.startSpawner());
    sent = state.link->send(ticket, payload, stdinFd.get());
  }
  BELAY_TRY(sent);
  state.running[ticket] = Running{spec.id, {}, {}};
  state.tickets[spec.id] = ticket;
  return {};
}

Result<Adoption> PosixJobRunner::adopt(const JobId& id, std::string_view intentBootId) {
  return state_->decide(id, intentBootId);
}

Status PosixJobRunner::cancel(const JobId& id, milliseconds grace) {
  const auto ticket = state_->tickets.find(id);
  if (ticket == state_->tickets.end()) {
    return Error{ErrorCode::kNotFound, "job " + id.str() + " is not running"};
  }
  Running& job = state_->running[ticket->second];
  if (job.pidfd.valid()) {
    askToEnd(job.pidfd, grace);
  } else {
    job.cancel = job.cancel ? std::min(*job.cancel, grace) : grace;
  }
  return {};
}

int PosixJobRunner::wakeFd() const { return state_->epoll.get(); }

std::vector<JobId> PosixJobRunner::takeEnded() {
  State& state = *state_;
  std::array<epoll_event, 64> events;
  while (true) {
    const int count = ::epoll_wait(state.epoll.get(), events.data(), events.size(), 0);
    for (int i = 0; i < count; ++i) {
      const std::uint64_t ticket = events[static_cast<std::size_t>(i)].data.u64;
      if (ticket == kLinkTicket) {
        state.takeReplies();
        continue;
      }
      const auto found = state.running.find(ticket);
      if (found == state.running.end()) continue;
      state.tickets.erase(found->second.id);
      state.ended.push_back(std::move(found->second.id));
      state.running.erase(found);
    }
    if (count < static_cast<int>(events.size())) break;
  }
  return std::exchange(state.ended, {});
}

Result<JobOutcome> PosixJobRunner::collect(const JobId& id) {
  State& state = *state_;
  const Error runs{ErrorCode::kConflict, "job " + id.str() + " is still running"};
  if (state.isRunning(id)) return runs;
  BELAY_ASSIGN(const auto record, readRecord(state.folder.get(), id));
  if (record && record->exit) return readOutcome(state.folder.get(), id, *record->exit);
  if (record && record->claim && record->claim->bootId != state.clock.bootId()) {
    return Error{ErrorCode::kJobLost, "job " + id.str() + " is lost: the host was restarted"};
  }
  BELAY_ASSIGN(const Adoption adoption, state.decide(id, state.clock.bootId()));
  switch (adoption.state) {
    case Adoption::State::kRunning:
      return runs;
    case Adoption::State::kEnded:
      return collect(id);
    case Adoption::State::kNotStarted:
      return Error{ErrorCode::kJobSpawn, "job " + id.str() + " could not be started; nothing ran"};
    case Adoption::State::kLost:
      break;
  }
  return Error{ErrorCode::kJobLost, "job " + id.str() + " is lost: " + adoption.reason};
}

Result<std::string> PosixJobRunner::readLog(const JobId& id, LogStream stream, std::uint64_t offset,
                                            std::size_t bytesMax) {
  return readLogPiece(state_->folder.get(), id, stream, offset, bytesMax);
}

std::string PosixJobRunner::lastProgress(const JobId& id) {
  return readLastProgress(state_->folder.get(), id);
}

Result<UniqueFd> PosixJobRunner::openLog(const JobId& id, LogStream stream) {
  return openLogFile(state_->folder.get(), id, stream);
}

Result<UniqueFd> PosixJobRunner::openFile(const JobId& id, std::size_t number) {
  return openKeptFile(state_->folder.get(), id, number);
}

Result<std::vector<LogSpan>> PosixJobRunner::readLogOrder(const JobId& id, std::size_t skip,
                                                          std::size_t spansMax) {
  return readOrder(state_->folder.get(), id, skip, spansMax);
}

Status PosixJobRunner::remove(const JobId& id) {
  State& state = *state_;
  BELAY_ASSIGN(const auto record, readRecord(state.folder.get(), id));
  const bool lives = state.isRunning(id) || (record && record->claim && !record->exit &&
                                             record->claim->bootId == state.clock.bootId() &&
                                             openSupervisor(*record->claim).valid());
  if (lives) return Error{ErrorCode::kConflict, "job " + id.str() + " is still running"};
  return removeFiles(state.folder.get(), id);
}

Result<std::size_t> PosixJobRunner::removeEnded(std::int64_t beforeWallMs, std::size_t filesMax) {
  State& state = *state_;
  if (!state.sweep) {
    state.sweep.reset(
        ::fdopendir(::openat(state.folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
    if (!state.sweep) return base::errnoError(errno, "read the folder of jobs");
  }
  std::size_t removed = 0;
  for (std::size_t looked = 0; looked < filesMax; ++looked) {
    const dirent* entry = ::readdir(state.sweep.get());
    if (entry == nullptr) {
      state.sweep.reset();
      break;
    }
    std::string_view name = entry->d_name;
    if (!name.ends_with(kRecordSuffix)) continue;
    struct stat info {};
    if (::fstatat(state.folder.get(), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    // The exit is what is written last.
    const std::int64_t writtenMs =
        std::int64_t{info.st_mtim.tv_sec} * 1000 + info.st_mtim.tv_nsec / 1'000'000;
    name.remove_suffix(kRecordSuffix.size());
    const auto id = JobId::parse(name);
    if (writtenMs >= beforeWallMs || !id.ok()) continue;
    const Status status = remove(*id);
    if (status.ok()) ++removed;
    if (!status.ok() && status.error().code != ErrorCode::kConflict) return status.error();
  }
  return removed;
}

}  // namespace belay::jobs
