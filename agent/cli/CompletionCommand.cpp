#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"words", 0, "KIND", "print what exists: run, wait, flow or schedule; the scripts call this"}};

/// Ids or slugs, one a line. Without a daemon and journal there are none, which is no error here.
Result<api::Envelope> words(Invocation& invocation, const std::string& kind) {
  struct Source {
    std::string_view kind, target, list, member;
  };
  constexpr Source kSources[] = {{"run", "/v1/runs?limit=50", "runs", "id"},
                                 {"wait", "/v1/waits?limit=50", "waits", "id"},
                                 {"flow", "/v1/flows", "flows", "slug"},
                                 {"schedule", "/v1/schedules", "schedules", "name"}};
  api::Envelope out;
  for (const Source& source : kSources) {
    if (source.kind != kind) continue;
    std::string text;
    const auto answer = invocation.get(std::string(source.target));
    const Value* list = answer && !answer->error ? answer->data.find(source.list) : nullptr;
    if (list && list->isArray()) {
      for (const Value& item : list->asArray()) text += item.text(source.member) + "\n";
    }
    out.data.set("script", text);
    return out;
  }
  return Error{ErrorCode::kUsage, "--words takes run, wait, flow or schedule"};
}

Result<api::Envelope> complete(Invocation& invocation) {
  if (invocation.has("words")) return words(invocation, invocation.flag("words"));
  const auto shell = invocation.positional(0);
  if (!shell)
    return Error{ErrorCode::kUsage, "name a shell: bash, zsh or fish", {"belay completion bash"}};
  BELAY_ASSIGN(std::string script, completionScript(*shell, allCommands()));
  api::Envelope out;
  out.data.set("script", std::move(script));
  return out;
}

std::string print(const Invocation&, const Value& data) { return data.text("script"); }

}  // namespace

const Command kCompletionCommand{"completion",
                                 "[SHELL]",
                                 "print a completion script for bash, zsh or fish",
                                 "`source <(belay completion bash)` tries it; the first line of "
                                 "the script says where it belongs.",
                                 kFlags,
                                 &complete,
                                 &print};

}  // namespace belay::cli
