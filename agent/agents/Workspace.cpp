#include "agent/agents/Workspace.h"

#include <array>

#include "common/json/Json.h"

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::array<std::string_view, 3> kKinds{"scratch", "dir", "git"};
constexpr std::size_t kSpecBytesMax = 1u << 20;

}  // namespace

Result<WorkspaceSpec> parseWorkspaceSpec(std::string_view text) {
  BELAY_ASSIGN(const Value value, json::parse(text, {.bytesMax = kSpecBytesMax, .depthMax = 8}));
  WorkspaceSpec spec;
  const std::string kind = value.text("kind");
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i] == kind) spec.kind = static_cast<WorkspaceKind>(i);
  }
  spec.folder = value.text("folder");
  spec.place = value.text("place");
  spec.ref = value.text("ref");
  spec.branch = value.text("branch");
  spec.title = value.text("title");
  spec.diff = value.flag("diff");
  spec.made = value.flag("made");
  const Value* files = value.find("files");
  for (std::size_t i = 0; files && files->isArray() && i < files->asArray().size(); ++i) {
    const Value& file = files->asArray()[i];
    spec.files.emplace_back(file.text("from"), file.text("to"));
  }
  if (spec.folder.starts_with('/') && !(spec.kind != WorkspaceKind::kScratch && spec.place.empty()))
    return spec;
  return Error{ErrorCode::kInvalidArgument, "the specification of a workspace is not whole"};
}

std::string printWorkspaceSpec(const WorkspaceSpec& spec) {
  Value files{json::Array{}};
  for (const auto& [from, to] : spec.files) {
    Value file;
    file.set("from", from).set("to", to);
    files.push(std::move(file));
  }
  Value out;
  out.set("kind", kKinds[static_cast<std::size_t>(spec.kind)]).set("folder", spec.folder);
  out.set("place", spec.place).set("ref", spec.ref).set("branch", spec.branch);
  out.set("title", spec.title).set("diff", spec.diff).set("made", spec.made);
  out.set("files", std::move(files));
  return json::print(out);
}

}  // namespace belay::agents
