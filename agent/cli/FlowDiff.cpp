#include "agent/api/Checking.h"
#include "agent/api/Reads.h"
#include "agent/cli/Commands.h"
#include "agent/cli/FlowFiles.h"
#include "agent/flow/Bundle.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"from", 0, "WHICH", "live, draft, the number or digest of a release, or a FILE (live)"},
    {"to", 0, "WHICH", "the same (draft)"},
};

struct Side {
  Value name;
  std::string text;
};

/// One side when the other one is a file, or is one itself.
Result<Side> sideOf(Invocation& invocation, const std::string& which,
                    std::optional<api::Envelope>& failed) {
  Side side;
  if (isFlowFile(which)) {
    BELAY_ASSIGN(const Value body, readFlowFile(invocation, which));
    BELAY_ASSIGN(const api::FlowText content, api::readFlowText(body));
    side.text = flow::readableText(content.text, content.format);
    side.name.set("name", which);
    side.name.set("digest", "sha256:" + crypto::sha256(content.text).hex());
    return side;
  }
  Target target(pathOf("/v1/flows", invocation.argument(0), "/content"));
  target.add("of", which);
  BELAY_ASSIGN(api::Envelope answer, invocation.get(target.str()));
  if (answer.error) {
    failed = std::move(answer);
    return side;
  }
  BELAY_ASSIGN(const api::FlowText content, api::readFlowText(answer.data));
  side.text = flow::readableText(content.text, content.format);
  side.name.set("name", answer.data.text("name")).set("digest", answer.data.text("digest"));
  return side;
}

Result<api::Envelope> diff(Invocation& invocation) {
  const std::string from = invocation.has("from") ? invocation.flag("from") : "live";
  const std::string to = invocation.has("to") ? invocation.flag("to") : "draft";
  if (!isFlowFile(from) && !isFlowFile(to)) {
    Target target(pathOf("/v1/flows", invocation.argument(0), "/diff"));
    return invocation.get(target.add("from", from).add("to", to).str());
  }
  std::optional<api::Envelope> failed;
  BELAY_ASSIGN(Side before, sideOf(invocation, from, failed));
  if (failed) return std::move(*failed);
  BELAY_ASSIGN(Side after, sideOf(invocation, to, failed));
  if (failed) return std::move(*failed);
  api::Envelope out;
  out.data =
      api::diffToJson(std::move(before.name), before.text, std::move(after.name), after.text);
  out.data.set("flow", invocation.argument(0));
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  if (data.flag("same")) {
    invocation.note("no difference: both are " + data.find("from")->text("digest"));
    return "";
  }
  const std::string text = data.text("text");
  const bool safe = invocation.world().console.outIsTerminal();
  std::string out;
  for (const std::string_view line : base::split(text, '\n')) {
    if (out.size() + line.size() >= text.size() && line.empty()) break;
    const std::string visible = safe ? base::visible(line) : std::string(line);
    const auto tone = line.starts_with('+')   ? Style::Tone::kGood
                      : line.starts_with('-') ? Style::Tone::kBad
                      : line.starts_with('@') ? Style::Tone::kDim
                                              : Style::Tone::kPlain;
    out += invocation.style().paint(tone, visible) + "\n";
  }
  return out;
}

}  // namespace

const Command kFlowDiffCommand{
    "flow diff",
    "SLUG",
    "show what changed between two contents of a flow",
    "Prints a unified diff, which patch reads; nothing when there is no difference. Without flags: "
    "what a release of the draft would change in what is live.",
    kFlags,
    &diff,
    &print,
    Completes::kFlow};

}  // namespace belay::cli
