#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

namespace {

constexpr Flag kFlags[] = {
    {"digest", 0, "DIGEST", "another content that the flow had, by its digest"},
    {"file", 0, "NAME", "one of the files that it includes"},
};

base::Result<api::Envelope> draft(Invocation& invocation) {
  Target target(pathOf("/v1/flows", invocation.argument(0), "/content"));
  target.add("of", invocation.has("digest") ? invocation.flag("digest") : "draft");
  BELAY_ASSIGN(api::Envelope answer, invocation.get(target.str()));
  if (answer.error || !invocation.has("file")) return answer;
  const json::Value* files = answer.data.find("files");
  const json::Value* file = files ? files->find(invocation.flag("file")) : nullptr;
  if (file) return answer;
  return base::Error{base::ErrorCode::kNotFound,
                     "the flow includes no file " + shown(invocation.flag("file"))};
}

std::string print(const Invocation& invocation, const json::Value& data) {
  const json::Value* files = data.find("files");
  if (files && invocation.has("file")) return files->text(invocation.flag("file"));
  std::string names;
  for (std::size_t i = 0; files && i < files->asObject().size(); ++i)
    names += (i == 0 ? "" : ", ") + files->asObject()[i].first;
  if (!names.empty()) invocation.note("it includes " + names + " (--file NAME)");
  return data.text("content");
}

}  // namespace

const Command kFlowDraftCommand{
    "flow draft",
    "SLUG",
    "print the draft of a flow, byte by byte",
    "With --json the digest stands beside it, for `flow push --if-draft`. Reads the journal itself "
    "when no daemon runs.",
    kFlags,
    &draft,
    &print,
    Completes::kFlow};

}  // namespace belay::cli
