#include "agent/cli/Commands.h"
#include "agent/cli/RunFollower.h"
#include "agent/cli/RunPages.h"

namespace belay::cli {

using base::Result;

namespace {

Result<api::Envelope> watch(Invocation& invocation) {
  BELAY_ASSIGN(const std::chrono::milliseconds most,
               invocation.duration("timeout", std::chrono::milliseconds{0}));
  Console& console = invocation.world().console;
  const auto write = [&console](std::string_view text) { console.out(text); };
  std::unique_ptr<RunView> view;
  if (invocation.json())
    view = makeRawView(write);
  else if (console.outIsTerminal())
    view = makeLiveView(invocation.style().color(), write, console, invocation.world().clock);
  else
    view = makeLineView(invocation.style(), invocation.arguments().place, write);
  invocation.setStreamed();
  RunFollower follower(invocation, invocation.argument(0), *view);
  BELAY_ASSIGN(const bool ended, follower.follow(most));
  api::Envelope end;
  if (ended) {
    BELAY_ASSIGN(end, endOfRun(invocation, invocation.argument(0), true));
    end.data = {};  // Its events have been shown.
    return end;
  }
  invocation.note("still " + std::string(engine::runStatusName(follower.state().status())) +
                  "; belay run watch " + invocation.argument(0));
  end.meta.set("timed_out", true);
  if (invocation.json()) console.out(api::printEnvelope(end) + "\n");
  return end;
}

}  // namespace

const Command kRunWatchCommand{
    "run watch",
    "RUN",
    "watch a run until it ends",
    "On a terminal the view is drawn in place, elsewhere each event is a line, and with --json "
    "each "
    "event is a JSON object on a line of its own. The watch goes on when the daemon is restarted. "
    "Ctrl-C ends the watch and leaves the run alone. The exit code is 6 when the run did not "
    "succeed, and 0 when --timeout is over first; with --json an envelope with the error, or with "
    "meta.timed_out, is the last line then.",
    {},
    &watch,
    nullptr,
    Completes::kRun};

}  // namespace belay::cli
