#include "agent/cli/Commands.h"
#include "agent/cli/FlowFiles.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/RunFollower.h"
#include "agent/cli/RunPages.h"
#include "common/json/Json.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using std::chrono::milliseconds;

namespace {

constexpr Flag kFlags[] = {
    {"input", 'i', "NAME=TEXT", "a member of the input; NAME:=JSON for other types than text",
     true},
    {"input-file", 0, "FILE", "the input as a JSON object; \"-\" is standard input"},
    {"wait", 'w', "", "show how it goes on until it ends; --timeout bounds it"},
    {"draft", 0, "", "with SLUG: run the draft instead of what is live"},
    {"release", 0, "N|DIGEST", "with SLUG: run this release instead of what is live"},
    {"key", 0, "TEXT",
     "the same key again gives the same run; with another flow, file or input it is refused"},
};

Result<api::Envelope> start(Invocation& invocation) {
  const std::string& what = invocation.argument(0);
  Value body;
  if (isFlowFile(what)) {
    if (invocation.has("draft") || invocation.has("release")) {
      return Error{ErrorCode::kUsage,
                   "--draft and --release say what of a SLUG runs; " + shown(what) + " is a file"};
    }
    BELAY_ASSIGN(body, readFlowFile(invocation, what));
    addOrigin(invocation, what, body);
  } else {
    body.set("flow", what);
    if (invocation.has("draft")) body.set("draft", true);
    if (invocation.has("release")) body.set("release", invocation.flag("release"));
  }
  BELAY_ASSIGN(Value input, readInput(invocation));
  body.set("input", std::move(input));
  ApiRequest request;
  request.method = "POST";
  request.target = "/v1/runs";
  request.body = json::print(body);
  if (invocation.has("key"))
    request.headers.emplace_back("Idempotency-Key", invocation.flag("key"));
  return invocation.send(request);
}

/// Progress goes to standard error: the data is the run at its end.
std::unique_ptr<RunView> progressView(const Invocation& invocation) {
  Console& console = invocation.world().console;
  const auto write = [&console](std::string_view text) { console.err(text); };
  if (invocation.json() || invocation.quiet()) return makeRawView([](std::string_view) {});
  if (!console.errIsTerminal())
    return makeLineView(Style(false, 0), invocation.arguments().place, write);
  return makeLiveView(invocation.style().color(), write, console, invocation.world().clock);
}

Result<api::Envelope> run(Invocation& invocation) {
  BELAY_ASSIGN(const milliseconds most, invocation.duration("timeout", milliseconds{0}));
  BELAY_ASSIGN(api::Envelope started, start(invocation));
  if (started.error || !invocation.has("wait") || started.data.flag("skipped")) return started;
  const Value* row = started.data.find("run");
  const std::string id = row ? row->text("id") : "";
  const std::unique_ptr<RunView> view = progressView(invocation);
  RunFollower follower(invocation, id, *view);
  BELAY_ASSIGN(const bool ended, follower.follow(most));
  return endOfRun(invocation, id, ended);
}

std::string print(const Invocation& invocation, const Value& data) {
  if (data.find("diagnostics")) {
    invocation.world().console.err(diagnosticsPage(invocation.style(), data));
    return "";
  }
  if (data.flag("skipped")) {
    invocation.note(skippedText(data));
    return "";
  }
  const Value* row = data.find("run");
  if (!row) return "";
  const std::string id = row->text("id");
  noteReplaced(invocation, row->text("flow"), data);
  if (invocation.quiet()) return id + "\n";
  if (invocation.has("wait")) return runPage(invocation.style(), data, invocation.nowMs());
  invocation.note("watch it: belay run watch " + id);
  const std::string verb = data.flag("existing") ? "was started before:"
                           : data.flag("queued") ? "queued"
                                                 : "started";
  return runLine(invocation.style(), verb, data);
}

}  // namespace

const Command kFlowRunCommand{
    "flow run",
    "FILE|SLUG",
    "start a run of a flow file, or of a flow that is on the host",
    "A file is stored as the draft of its slug, and that draft runs. SLUG runs the release that is "
    "live. The run keeps its content, whatever is released or promoted meanwhile. With --wait the "
    "exit code is 6 when the run does not succeed; when --timeout is over first, the "
    "run goes on, and the exit code is 0 with meta.timed_out. Where the flow says on_conflict: "
    "skip and others are active, there is no run, the data says skipped, and the exit code is 0.",
    kFlags,
    &run,
    &print,
    Completes::kFile};

}  // namespace belay::cli
