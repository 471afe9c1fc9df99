#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/ReleaseCheck.h"
#include "common/base/Text.h"

namespace belay::cli {

using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"note", 'm', "TEXT", "what is new, for those who promote it"},
    {"if-draft", 0, "DIGEST", "only when this is the draft: a digest, or its beginning"},
    {"force", 0, "", "also when the newest release has the same content"},
    {"check", 0, "", "make none: say where the draft would take another way than recorded runs"},
    {"runs", 0, "N", "with --check: how many of the newest runs (20)"},
};

base::Result<std::size_t> runsOf(const Invocation& invocation) {
  constexpr std::size_t kRuns = 20, kRunsMax = 500;
  if (!invocation.has("runs")) return kRuns;
  const auto number = base::parseUnsigned(invocation.flag("runs"));
  if (number && *number > 0 && *number <= kRunsMax) return static_cast<std::size_t>(*number);
  return base::Error{base::ErrorCode::kUsage, "--runs is a number from 1 to 500"};
}

base::Result<api::Envelope> release(Invocation& invocation) {
  if (invocation.has("check")) {
    BELAY_ASSIGN(const std::size_t runs, runsOf(invocation));
    return checkRelease(invocation, invocation.argument(0), runs);
  }
  Value body{json::Object{}};
  if (invocation.has("note")) body.set("note", invocation.flag("note"));
  if (invocation.has("if-draft")) body.set("if_draft", invocation.flag("if-draft"));
  if (invocation.has("force")) body.set("force", true);
  return invocation.post(pathOf("/v1/flows", invocation.argument(0), "/releases"), body);
}

std::string print(const Invocation& invocation, const Value& data) {
  if (invocation.has("check")) return releaseCheckPage(invocation.style(), data);
  const Value* made = data.find("release");
  if (!made) return "";
  const std::string number = std::to_string(made->integer("number"));
  if (invocation.quiet()) return number + "\n";
  invocation.note("make it live: belay flow promote " + data.text("flow") + " " + number);
  return "release " + invocation.style().bold(number) + " of " + data.text("flow") + ": " +
         made->text("digest") + "\n";
}

}  // namespace

const Command kFlowReleaseCommand{
    "flow release",
    "SLUG",
    "make the draft of a flow an immutable release",
    "A release has a number of this host and the SHA-256 of its "
    "content, which is the same on every "
    "host. It is not live before `flow promote`. With --check the draft "
    "is rehearsed with what recorded runs got: nothing is made, and "
    "nothing leaves the process.",
    kFlags,
    &release,
    &print,
    Completes::kFlow};

}  // namespace belay::cli
