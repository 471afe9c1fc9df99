#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"note", 'm', "TEXT", "what is new, for those who promote it"},
    {"if-draft", 0, "DIGEST", "only when this is the draft: a digest, or its beginning"},
    {"force", 0, "", "also when the newest release has the same content"},
};

base::Result<api::Envelope> release(Invocation& invocation) {
  Value body{json::Object{}};
  if (invocation.has("note")) body.set("note", invocation.flag("note"));
  if (invocation.has("if-draft")) body.set("if_draft", invocation.flag("if-draft"));
  if (invocation.has("force")) body.set("force", true);
  return invocation.post(pathOf("/v1/flows", invocation.argument(0), "/releases"), body);
}

std::string print(const Invocation& invocation, const Value& data) {
  const Value* made = data.find("release");
  if (!made) return "";
  const std::string number = std::to_string(made->integer("number"));
  if (invocation.quiet()) return number + "\n";
  invocation.note("make it live: belay flow promote " + data.text("flow") + " " + number);
  return "release " + invocation.style().bold(number) + " of " + data.text("flow") + ": " +
         made->text("digest") + "\n";
}

}  // namespace

const Command kFlowReleaseCommand{"flow release",
                                  "SLUG",
                                  "make the draft of a flow an immutable release",
                                  "A release has a number of this host and the SHA-256 of its "
                                  "content, which is the same on every "
                                  "host. It is not live before `flow promote`.",
                                  kFlags,
                                  &release,
                                  &print,
                                  Completes::kFlow};

}  // namespace belay::cli
