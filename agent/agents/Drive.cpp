#include "agent/agents/Drive.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include "agent/agents/Classify.h"
#include "agent/agents/OwnMemory.h"
#include "agent/agents/ProgramDigest.h"
#include "common/base/Files.h"
#include "common/base/Text.h"

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Status;
using base::UniqueFd;

namespace {

constexpr std::size_t kLineBytesMax = 16u << 20;
constexpr std::size_t kErrorLineBytesMax = 64u << 10;
constexpr std::size_t kErrorTailBytes = 16u << 10;
constexpr std::int64_t kErrorLinesShown = 500;
constexpr std::uint64_t kRawBytesMax = 256u << 20;
constexpr std::size_t kDrainBytesMax = 64u << 20;
constexpr std::int64_t kMemoryEveryMs = 500;
constexpr std::int64_t kLeaveMs = 30'000;  // After its last word.

/// No agent replaces itself while it is watched: for all of them at once, an agent may start
/// another.
constexpr std::pair<const char*, const char*> kNoUpdates[] = {
    {"DISABLE_AUTOUPDATER", "1"},
    {"OPENCODE_DISABLE_AUTOUPDATE", "1"},
    {"NO_UPDATE_NOTIFIER", "1"},
};

UniqueFd rawFile(const std::string& folder, const std::string& name) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
  return UniqueFd(::open((folder + "/" + name).c_str(), kFlags, 0600));
}

Outcome outcomeOf(const Error& error) {
  if (error.code == ErrorCode::kAgentNotFound) return Outcome::kNotFound;
  if (error.code == ErrorCode::kAgentDrifted) return Outcome::kDrifted;
  return Outcome::kFailed;
}

}  // namespace

Drive::Drive(const DriveSpec& spec, const base::Clock& clock,
             std::map<std::string, std::string> environment, Narrator& narrator)
    : spec_(spec),
      clock_(clock),
      environment_(std::move(environment)),
      narrator_(narrator),
      adapter_(makeAdapter(spec)),
      tally_(spec),
      outLines_(kLineBytesMax),
      errLines_(kErrorLineBytesMax) {}

DriveResult Drive::run() {
  LaunchPlan plan;
  Status ready = prepare(plan);
  if (ready.ok()) ready = start(plan);
  if (!ready.ok()) {
    DriveResult result = tally_.result();
    result.outcome = outcomeOf(ready.error());
    result.detail = std::string(base::errorText(ready.error().code)) + ": " + ready.error().message;
    return result;
  }
  loop();
  drain();
  return finish();
}

Status Drive::prepare(LaunchPlan& plan) {
  sigset_t wanted;
  ::sigemptyset(&wanted);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) ::sigaddset(&wanted, number);
  ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  signals_.reset(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return base::errnoError(errno, "signalfd");
  makeRedactor();
  rawOut_.file = rawFile(spec_.rawFolder, "stdout.log");
  rawErr_.file = rawFile(spec_.rawFolder, "stderr.log");
  if (!rawOut_.file.valid() || !rawErr_.file.valid()) {
    return base::errnoError(errno, "open stdout.log and stderr.log in " + spec_.rawFolder);
  }
  BELAY_TRY(checkProgram());
  const auto launched = adapter_->launch([this](const std::string& name) {
    const auto found = environment_.find(name);
    return found == environment_.end() ? std::nullopt : std::optional<std::string>(found->second);
  });
  if (!launched) return launched.error();
  plan = *launched;
  for (const auto& [name, content] : plan.files) {
    const UniqueFd file = rawFile(spec_.rawFolder, name);
    if (!file.valid()) return base::errnoError(errno, "open " + name + " in " + spec_.rawFolder);
    BELAY_TRY(base::writeAll(file.get(), content, name));
  }
  return {};
}

void Drive::makeRedactor() {
  auto out = std::make_shared<redaction::Redactor>();
  for (const std::string& name : spec_.secretVariables) {
    const auto found = environment_.find(name);
    if (found != environment_.end())
      static_cast<void>(out->add(name, redaction::SecretValue(found->second)));
  }
  if (out->empty()) return;
  redactor_ = std::move(out);
  for (RawFile* raw : {&rawOut_, &rawErr_}) raw->masked.emplace(redactor_);
}

Status Drive::checkProgram() {
  if (spec_.digest.empty()) return {};
  BELAY_ASSIGN(const std::string found, programDigest(spec_.binary));
  tally_.result().digest = found;
  if (found == spec_.digest) return {};
  return Error{ErrorCode::kAgentDrifted,
               spec_.binary + " has the digest " + found + ", locked is " + spec_.digest};
}

Status Drive::start(const LaunchPlan& plan) {
  for (const auto& [name, value] : kNoUpdates) environment_.emplace(name, value);
  for (const auto& [name, value] : plan.environment) environment_[name] = value;
  ChildPlan child;
  child.program = spec_.binary;
  child.arguments = plan.arguments;
  for (const auto& [name, value] : environment_) child.environment.push_back(name + "=" + value);
  child.folder = spec_.cwd;
  child.wantsInput = plan.keepInput || !plan.input.empty();
  input_ = plan.input;
  keepInput_ = plan.keepInput;
  BELAY_TRY(child_.start(child));
  startedMs_ = nowMs();
  watchdog_.emplace(spec_.budgets, startedMs_);
  if (spec_.budgets.memoryBytes > 0) nextMemoryMs_ = startedMs_ + kMemoryEveryMs;
  narrator_.show("start", spec_.adapter + " " + spec_.binary);
  return {};
}

void Drive::loop() {
  while (!child_.reap()) {
    input_ += adapter_->takeInput();
    if (input_.empty() && child_.inFd() >= 0 && (!keepInput_ || adapter_->inputDone()))
      child_.closeIn();
    std::array<pollfd, 4> polled{{{signals_.get(), POLLIN, 0},
                                  {child_.outFd(), POLLIN, 0},
                                  {child_.errFd(), POLLIN, 0},
                                  {input_.empty() ? -1 : child_.inFd(), POLLOUT, 0}}};
    if (::poll(polled.data(), polled.size(), waitMs()) < 0 && errno != EINTR) {
      // An agent can lower the limits of its driver (prlimit) below what is looked at here.
      end(Outcome::kFailed, base::errnoError(errno, "wait for the agent").message, {});
      child_.signal(SIGKILL);
      continue;
    }
    if (polled[0].revents != 0) takeSignals();
    if (polled[1].revents != 0) takeOutput();
    if (polled[2].revents != 0) takeErrors();
    if (polled[3].revents != 0) giveInput();
    takeTime();
    checkBudgets();
  }
}

int Drive::waitMs() const {
  std::int64_t next = nextPhaseMs_;
  if (phase_ == Phase::kRunning && !tally_.finished()) {
    const std::int64_t budget = watchdog_->nextMs();
    if (budget >= 0) next = next < 0 ? budget : std::min(next, budget);
    if (nextMemoryMs_ >= 0) next = next < 0 ? nextMemoryMs_ : std::min(next, nextMemoryMs_);
  }
  if (next < 0) return -1;
  return static_cast<int>(std::clamp<std::int64_t>(next - nowMs(), 0, 60'000));
}

void Drive::takeSignals() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) continue;
    end(Outcome::kKilled, "it was ended from outside, by signal " + std::to_string(info.ssi_signo),
        {});
  }
}

void Drive::end(Outcome outcome, std::string detail, std::string budget) {
  if (!forced_) {
    narrator_.show("ending", detail);
    forced_ = Verdict{outcome, std::move(detail), std::move(budget)};
  }
  if (phase_ != Phase::kRunning) return;
  const bool asked = adapter_->cancel();
  phase_ = asked ? Phase::kAsked : Phase::kSignalled;
  if (!asked) child_.signal(SIGTERM);
  nextPhaseMs_ = nowMs() + (asked ? spec_.graceMs / 2 : spec_.graceMs);
}

void Drive::takeTime() {
  const std::int64_t now = nowMs();
  if (phase_ == Phase::kRunning && !tally_.finished()) {
    const std::string budget = watchdog_->expired(now);
    if (budget.empty()) return;
    Outcome outcome = outcomeOfBudget(budget);
    std::string detail = spentText(budget);
    // An agent that tries in silence for ever: what it tries against is the better answer.
    if (const Outcome reason = tally_.retryReason(); reason != Outcome::kFailed) outcome = reason;
    if (!tally_.ending().lastError.empty())
      detail += "; its last word: " + tally_.ending().lastError;
    return end(outcome, std::move(detail), budget);
  }
  if (nextPhaseMs_ < 0 || now < nextPhaseMs_) return;
  if (phase_ == Phase::kRunning) {
    if (!keepInput_) return end(Outcome::kStalled, "it did not end after its last word", {});
    // Its last word was the end; that it does not leave is no failure of its work.
    phase_ = Phase::kSignalled;
    child_.signal(SIGTERM);
    nextPhaseMs_ = now + spec_.graceMs;
  } else if (phase_ == Phase::kAsked) {
    phase_ = Phase::kSignalled;
    child_.signal(SIGTERM);
    nextPhaseMs_ = now + spec_.graceMs - spec_.graceMs / 2;
  } else {
    phase_ = Phase::kKilled;
    child_.signal(SIGKILL);
    nextPhaseMs_ = now + 1000;
  }
}

void Drive::checkBudgets() {
  if (phase_ != Phase::kRunning) return;
  const std::int64_t outputMax = spec_.budgets.outputBytes;
  if (outputMax > 0 && outputBytes_ > static_cast<std::uint64_t>(outputMax)) {
    return end(Outcome::kOverBudget, spentText("output_bytes"), "output_bytes");
  }
  if (tally_.finished()) return;
  if (spec_.permissions.failOnDenied && tally_.denied()) {
    return end(Outcome::kDenied, "it was denied " + tally_.result().denials[0].tool, {});
  }
  checkMemory();
  const std::string budget = tally_.overBudget();
  if (!budget.empty()) end(Outcome::kOverBudget, spentText(budget), budget);
}

void Drive::checkMemory() {
  const std::int64_t now = nowMs();
  if (nextMemoryMs_ < 0 || now < nextMemoryMs_) return;
  nextMemoryMs_ = now + kMemoryEveryMs;
  if (ownMemory() <= static_cast<std::uint64_t>(spec_.budgets.memoryBytes)) return;
  end(Outcome::kOverBudget, spentText("memory_bytes"), "memory_bytes");
  // Its grace would be time to take more.
  child_.signal(SIGKILL);
}

void Drive::keepRaw(RawFile& raw, std::string_view bytes) {
  const std::int64_t given = spec_.budgets.outputBytes;
  const std::uint64_t most =
      given > 0 ? std::min(kRawBytesMax, static_cast<std::uint64_t>(given)) : kRawBytesMax;
  const std::size_t part =
      static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), most - raw.kept));
  if (part == 0 || !raw.file.valid()) return;
  raw.kept += part;
  // A full disk must not end the agent: its stream is read all the same.
  if (!base::writeAll(raw.file.get(), bytes.substr(0, part), "raw output").ok()) raw.file.reset();
}

void Drive::takeRaw(RawFile& raw, std::string_view bytes) {
  outputBytes_ += bytes.size();
  if (raw.masked)
    keepRaw(raw, raw.masked->push(bytes));
  else
    keepRaw(raw, bytes);
}

void Drive::takeOutput() {
  std::array<char, 64 * 1024> buffer;
  const ssize_t count = ::read(child_.outFd(), buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return child_.closeOut();
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
  takeRaw(rawOut_, bytes);
  outLines_.add(bytes);
  std::string_view line;
  while (outLines_.next(line)) takeLine(line);
}

void Drive::takeErrors() {
  std::array<char, 16 * 1024> buffer;
  const ssize_t count = ::read(child_.errFd(), buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return child_.closeErr();
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
  takeRaw(rawErr_, bytes);
  std::string& tail = tally_.ending().errors;
  tail.append(bytes);
  if (tail.size() > 2 * kErrorTailBytes) tail.erase(0, tail.size() - kErrorTailBytes);
  if (!adapter_->hasStream()) watchdog_->sawProgress(nowMs());
  errLines_.add(bytes);
  std::string_view line;
  while (errLines_.next(line)) {
    if (++errShown_ <= kErrorLinesShown) narrator_.show("stderr", line);
    std::string reason = adapter_->fatal(line);
    if (!reason.empty()) end(Outcome::kFailed, std::move(reason), {});
  }
}

void Drive::takeLine(std::string_view line) {
  std::vector<Event> events;
  if (!adapter_->parse(line, events)) {
    if (!base::trim(line).empty()) ++notEvents_;
    return;
  }
  const auto isRetry = [](const Event& event) { return event.kind == Event::Kind::kRetry; };
  if (events.empty() || !std::all_of(events.begin(), events.end(), isRetry))
    watchdog_->sawProgress(nowMs());
  for (const Event& event : events) takeEvent(event);
}

void Drive::takeEvent(const Event& event) {
  narrator_.show(event);
  tally_.take(event);
  if (event.kind == Event::Kind::kFinal && nextPhaseMs_ < 0) {
    nextPhaseMs_ = nowMs() + (keepInput_ ? std::min<std::int64_t>(spec_.graceMs, 3000) : kLeaveMs);
  }
}

void Drive::giveInput() {
  if (child_.inFd() < 0) return input_.clear();
  const ssize_t count = ::write(child_.inFd(), input_.data(), input_.size());
  if (count > 0) input_.erase(0, static_cast<std::size_t>(count));
  // It does not read: what it makes of that is its own business.
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    input_.clear();
    child_.closeIn();
  }
}

/// What was written before the end, and no more: a process that escaped may hold the pipes open.
void Drive::drain() {
  for (std::size_t reads = 0; reads < kDrainBytesMax / 4096; ++reads) {
    std::array<pollfd, 2> polled{{{child_.outFd(), POLLIN, 0}, {child_.errFd(), POLLIN, 0}}};
    if (::poll(polled.data(), polled.size(), 0) <= 0) break;
    if (polled[0].revents != 0) takeOutput();
    if (polled[1].revents != 0) takeErrors();
  }
  outLines_.finish();
  std::string_view line;
  while (outLines_.next(line)) takeLine(line);
  narrator_.flush();
}

DriveResult Drive::finish() {
  Ending& ending = tally_.ending();
  DriveResult& result = tally_.result();
  const int status = child_.status();
  if (WIFSIGNALED(status)) ending.signal = WTERMSIG(status);
  if (WIFEXITED(status)) ending.exitCode = WEXITSTATUS(status);
  result.exitCode = ending.exitCode;
  result.exitSignal = ending.signal;
  Verdict verdict = forced_ ? *forced_ : adapter_->classify(ending);
  if (verdict.outcome == Outcome::kOk && spec_.permissions.failOnDenied && tally_.denied()) {
    verdict = {Outcome::kDenied, "it was denied " + result.denials[0].tool, {}};
  }
  if (verdict.outcome != Outcome::kOk && outLines_.dropped() > 0 && !tally_.finished()) {
    verdict = {Outcome::kProtocol, "a line has more than 16 MiB", {}};
  }
  result.outcome = verdict.outcome;
  result.detail = cutText(std::move(verdict.detail), 2000);
  result.budget = std::move(verdict.budget);
  if (result.retryAfterMs == 0) result.retryAfterMs = retryAfterIn(result.detail);
  if (result.outcome != Outcome::kQuota && result.outcome != Outcome::kRateLimited)
    result.retryAfterMs = 0;
  result.durationMs = nowMs() - startedMs_;
  result.outputBytes = outputBytes_;
  result.linesSkipped = notEvents_ + outLines_.dropped();
  const UniqueFd text = rawFile(spec_.rawFolder, "text.txt");
  const std::string said = redactor_ ? redactor_->redact(tally_.text()) : std::string(tally_.text());
  if (text.valid()) static_cast<void>(base::writeAll(text.get(), said, "text.txt"));
  for (RawFile* raw : {&rawOut_, &rawErr_}) {
    if (raw->masked) keepRaw(*raw, raw->masked->finish());
  }
  return result;
}

}  // namespace belay::agents
