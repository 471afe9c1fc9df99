#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr Flag kFlags[] = {
    {"step", 0, "STEP", "only the jobs of this step"},
    {"follow", 'f', "", "go on until the run has ended"},
    {"raw", 0, "", "bytes as the job wrote them, also on a terminal"},
};

/// Writes the lines of a log stream: data to standard output, what jobs wrote to standard error to
/// standard error.
class LogPrinter {
 public:
  explicit LogPrinter(Invocation& invocation)
      : invocation_(invocation),
        safe_(invocation.world().console.outIsTerminal() && !invocation.has("raw")) {}

  Status take(std::string_view piece) {
    unfinished_ += piece;
    std::size_t from = 0;
    for (std::size_t end = unfinished_.find('\n'); end != std::string::npos;
         end = unfinished_.find('\n', from)) {
      if (end > from) BELAY_TRY(print(unfinished_.substr(from, end - from)));
      from = end + 1;
    }
    unfinished_.erase(0, from);
    return {};
  }

 private:
  Status print(const std::string& line) {
    Console& console = invocation_.world().console;
    if (invocation_.json()) {
      console.out(line + "\n");
      return {};
    }
    BELAY_ASSIGN(const json::Value row, json::parse(line));
    std::string text = row.text("text");
    if (const json::Value* encoded = row.find("base64"); encoded && encoded->isString()) {
      const auto bytes = base::fromBase64(encoded->asString());
      if (!bytes)
        return Error{ErrorCode::kHttpProtocol, "the daemon sent a log line that is not base64"};
      text = *bytes;
    }
    // What a job prints must not drive the terminal of whoever looks.
    if (safe_) text = base::visible(text, true);
    const std::string job =
        row.text("step") +
        (row.integer("visit", 1) > 1 ? " #" + std::to_string(row.integer("visit")) : "") +
        (row.integer("attempt", 1) > 1 ? ", attempt " + std::to_string(row.integer("attempt"))
                                       : "");
    if (job != job_) invocation_.note(invocation_.style().dim("— " + shown(job) + " —"));
    job_ = job;
    if (row.text("stream") == "progress")
      console.err(base::visible(text, true));
    else if (row.text("stream") == "stderr")
      console.err(text);
    else
      console.out(text);
    return {};
  }

  Invocation& invocation_;
  const bool safe_;
  std::string unfinished_;
  std::string job_;
};

Result<api::Envelope> logs(Invocation& invocation) {
  constexpr std::chrono::milliseconds kForEver{std::chrono::hours{24 * 365}};
  Target target(pathOf("/v1/runs", invocation.argument(0), "/logs"));
  if (invocation.has("step")) target.add("step", invocation.flag("step"));
  if (invocation.has("follow")) target.add("follow", "true");
  ApiRequest request;
  request.target = target.str();
  BELAY_ASSIGN(request.timeout, invocation.duration("timeout", kForEver));
  invocation.setStreamed();
  LogPrinter printer(invocation);
  const Status streamed = invocation.stream(
      request, [&printer](std::string_view piece) { return printer.take(piece); });
  if (streamed) return api::Envelope{};
  // Time that was asked for and is up is no failure.
  if (streamed.error().code == ErrorCode::kTimeout && invocation.has("timeout"))
    return api::Envelope{};
  return streamed.error();
}

}  // namespace

const Command kRunLogsCommand{
    "run logs",
    "RUN",
    "print what the jobs of a run wrote",
    "What a job wrote to standard error goes to standard error, and so does what it said by `belay "
    "job progress`. Values of secrets are masked. On a "
    "terminal, control characters are made visible.",
    kFlags,
    &logs,
    nullptr,
    Completes::kRun};

}  // namespace belay::cli
