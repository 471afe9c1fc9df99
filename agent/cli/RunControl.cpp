#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/RunPages.h"

// pause, resume, stop and cancel: the same request with another word.

namespace belay::cli {

namespace {

base::Result<api::Envelope> ask(Invocation& invocation, std::string_view what) {
  return invocation.post(pathOf("/v1/runs", invocation.argument(0), "/" + std::string(what)));
}

base::Result<api::Envelope> pause(Invocation& invocation) { return ask(invocation, "pause"); }
base::Result<api::Envelope> resume(Invocation& invocation) { return ask(invocation, "resume"); }
base::Result<api::Envelope> stop(Invocation& invocation) { return ask(invocation, "stop"); }
base::Result<api::Envelope> cancel(Invocation& invocation) { return ask(invocation, "cancel"); }

std::string showPause(const Invocation& invocation, const json::Value& data) {
  return runLine(invocation.style(), "paused", data);
}
std::string showResume(const Invocation& invocation, const json::Value& data) {
  return runLine(invocation.style(), "resumed", data);
}
std::string showStop(const Invocation& invocation, const json::Value& data) {
  return runLine(invocation.style(), "stop asked of", data);
}
std::string showCancel(const Invocation& invocation, const json::Value& data) {
  return runLine(invocation.style(), "cancelled", data);
}

}  // namespace

const Command kRunPauseCommand{
    "run pause",
    "RUN",
    "start no new step of a run",
    "What is in flight goes on, and its result is kept. `belay run resume` lets the run go on.",
    {},
    &pause,
    &showPause,
    Completes::kRun};

const Command kRunResumeCommand{"run resume", "RUN",       "let a paused run go on", "", {},
                                &resume,      &showResume, Completes::kRun};

const Command kRunStopCommand{
    "run stop",
    "RUN",
    "end a run in order",
    "No new step starts, open waits are closed, and what is in flight may end by itself; then "
    "what finalizes and undoes steps runs. `belay run cancel` does not wait.",
    {},
    &stop,
    &showStop,
    Completes::kRun};

const Command kRunCancelCommand{
    "run cancel",
    "RUN",
    "end a run at once",
    "Jobs are ended with all their processes, and open waits are closed.",
    {},
    &cancel,
    &showCancel,
    Completes::kRun};

}  // namespace belay::cli
