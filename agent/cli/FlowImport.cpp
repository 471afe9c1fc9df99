#include "agent/cli/Commands.h"
#include "agent/cli/FlowFiles.h"
#include "agent/cli/Inputs.h"
#include "common/json/Json.h"

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"draft", 0, "", "as the draft, instead of a release"},
    {"if-draft", 0, "DIGEST", "with --draft: only when this is the draft, or \"none\""},
    {"force", 0, "", "with --draft: whatever the draft is"},
};

Result<api::Envelope> importFlow(Invocation& invocation) {
  const std::string& path = invocation.argument(0);
  BELAY_ASSIGN(const std::string text, readText(invocation, path, kInputBytesMax));
  auto exported = json::parse(text);
  if (!exported) return std::move(exported).error().in(path);
  Value body;
  body.set("export", std::move(*exported));
  addOrigin(invocation, path, body);
  if (invocation.has("draft")) body.set("draft", true);
  if (invocation.has("if-draft")) body.set("if_draft", invocation.flag("if-draft"));
  if (invocation.has("force")) body.set("force", true);
  return invocation.post("/v1/imports", body);
}

std::string print(const Invocation& invocation, const Value& data) {
  if (data.find("diagnostics")) {
    invocation.world().console.err(diagnosticsPage(invocation.style(), data));
    return "";
  }
  const std::string slug = data.text("flow");
  noteReplaced(invocation, slug, data);
  const Value* release = data.find("release");
  if (!release)
    return "draft of " + invocation.style().bold(slug) + " is now " + data.text("digest") + "\n";
  const std::string number = std::to_string(release->integer("number"));
  if (invocation.quiet()) return number + "\n";
  invocation.note("make it live: belay flow promote " + slug + " " + number);
  return "release " + invocation.style().bold(number) + " of " + slug +
         (data.flag("existing") ? " has this content already: " : ": ") + data.text("digest") +
         "\n";
}

}  // namespace

const Command kFlowImportCommand{
    "flow import",
    "FILE",
    "take in a release that another host exported",
    "The content is checked against the digest in the file, and as any flow is. It becomes a "
    "release "
    "of this host, with a number of this host, and is not live before `flow promote`.",
    kFlags,
    &importFlow,
    &print,
    Completes::kFile};

}  // namespace belay::cli
