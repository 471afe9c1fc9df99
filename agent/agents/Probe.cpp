#include "agent/agents/Probe.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>

#include "agent/agents/Adapter.h"
#include "agent/agents/ChildProcess.h"
#include "agent/agents/Classify.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::size_t kAnswerBytesMax = 64 * 1024;

/// Reads what is there; false at its end.
bool readSome(int fd, std::string& out) {
  std::array<char, 4096> buffer;
  const ssize_t count = ::read(fd, buffer.data(), buffer.size());
  if (count <= 0) return count < 0;
  if (out.size() < kAnswerBytesMax) out.append(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

/// A question is shorter than a pipe; who does not listen to it must not end us.
void ask(const ChildProcess& child, const std::string& question) {
  if (child.inFd() < 0) return;
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  static_cast<void>(!::write(child.inFd(), question.data(), question.size()));
  ::signal(SIGPIPE, before);
}

}  // namespace

Result<std::string> askProgram(const Question& question, const base::Clock& clock) {
  ChildProcess child;
  BELAY_TRY(child.start({question.program, question.arguments, question.environment,
                         question.folder, !question.input.empty()}));
  ask(child, question.input);
  const auto until = clock.sinceBoot() + question.bound;
  std::string out, err;
  bool ended = false;
  while (!(ended = child.reap()) && clock.sinceBoot() < until) {
    if (question.untilLine && out.find('\n') != std::string::npos) return out;
    std::array<pollfd, 2> polled{{{child.outFd(), POLLIN, 0}, {child.errFd(), POLLIN, 0}}};
    ::poll(polled.data(), polled.size(), 20);
    if (polled[0].revents != 0 && !readSome(child.outFd(), out)) child.closeOut();
    if (polled[1].revents != 0 && !readSome(child.errFd(), err)) child.closeErr();
  }
  if (!ended) return Error{ErrorCode::kAgentNoOutput, question.program + " gave no answer in time"};
  while (child.outFd() >= 0 && out.size() < kAnswerBytesMax && readSome(child.outFd(), out)) {
    pollfd more{child.outFd(), POLLIN, 0};
    if (::poll(&more, 1, 0) <= 0) break;
  }
  if (WIFEXITED(child.status()) && WEXITSTATUS(child.status()) == 0) return out;
  while (child.errFd() >= 0 && err.size() < kAnswerBytesMax && readSome(child.errFd(), err)) {
    pollfd more{child.errFd(), POLLIN, 0};
    if (::poll(&more, 1, 0) <= 0) break;
  }
  Ending ending;
  if (WIFEXITED(child.status())) ending.exitCode = WEXITSTATUS(child.status());
  if (WIFSIGNALED(child.status())) ending.signal = WTERMSIG(child.status());
  const std::string said = lastLine(err.empty() ? out : err);
  return Error{ErrorCode::kAgentFailed, question.program + " ended with " + howItEnded(ending) +
                                            (said.empty() ? "" : ": " + said)};
}

Result<std::string> askVersion(const Question& question, const base::Clock& clock) {
  Question asked = question;
  asked.arguments = {"--version"};
  BELAY_ASSIGN(const std::string answer, askProgram(asked, clock));
  const std::string_view line = std::string_view(answer).substr(0, answer.find('\n'));
  return cutText(base::visible(base::trim(line)), 200);
}

Result<std::string> askAcp(const Question& question, const base::Clock& clock) {
  DriveSpec spec;
  spec.adapter = "acp";
  const auto adapter = makeAcp(spec);
  BELAY_TRY([&]() -> base::Status {
    const auto plan =
        adapter->launch([](const std::string&) { return std::optional<std::string>(); });
    return plan ? base::Status() : base::Status(plan.error());
  }());
  Question asked = question;
  asked.input = adapter->takeInput();
  asked.untilLine = true;
  BELAY_ASSIGN(const std::string answer, askProgram(asked, clock));
  std::vector<Event> events;
  for (const std::string_view line : base::split(answer, '\n')) adapter->parse(line, events);
  for (const Event& event : events) {
    if (event.kind == Event::Kind::kFinal)
      return Error{ErrorCode::kAgentProtocol, question.program + ": " + event.text};
  }
  if (adapter->takeInput().empty()) {
    return Error{ErrorCode::kAgentProtocol,
                 question.program + " does not answer as an ACP agent does: " + lastLine(answer)};
  }
  if (events.empty()) return std::string("an agent without a name");
  return cutText(base::visible(base::trim(events[0].tool + " " + events[0].text)), 200);
}

}  // namespace belay::agents
