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
  spec.foreign = value.flag("foreign");
  if (spec.folder.starts_with('/') && !(spec.kind != WorkspaceKind::kScratch && spec.place.empty()))
    return spec;
  return Error{ErrorCode::kInvalidArgument, "the specification of a workspace is not whole"};
}

std::string printWorkspaceSpec(const WorkspaceSpec& spec) {
  Value out;
  out.set("kind", kKinds[static_cast<std::size_t>(spec.kind)]).set("folder", spec.folder);
  out.set("place", spec.place).set("ref", spec.ref).set("branch", spec.branch);
  out.set("title", spec.title).set("diff", spec.diff).set("made", spec.made);
  out.set("foreign", spec.foreign);
  return json::print(out);
}

std::string printWorkOrder(const WorkOrder& order) {
  Value files{json::Array{}};
  for (const auto& [bytes, to] : order.files) {
    Value file;
    files.push(std::move(file.set("bytes", static_cast<std::int64_t>(bytes)).set("to", to)));
  }
  Value out;
  out.set("folder", order.folder).set("workspace", printWorkspaceSpec(order.workspace));
  out.set("drive", order.drive).set("files", std::move(files));
  return json::print(out) + "\n";
}

Result<WorkOrder> parseWorkOrder(std::string_view line) {
  BELAY_ASSIGN(const Value value,
               json::parse(line, {.bytesMax = kWorkOrderBytesMax, .depthMax = 8}));
  WorkOrder order;
  order.folder = value.text("folder");
  order.drive = value.text("drive");
  BELAY_ASSIGN(order.workspace, parseWorkspaceSpec(value.text("workspace")));
  const Value* files = value.find("files");
  for (std::size_t i = 0; files && files->isArray() && i < files->asArray().size(); ++i) {
    const Value& file = files->asArray()[i];
    order.files.emplace_back(static_cast<std::uint64_t>(file.integer("bytes")), file.text("to"));
  }
  if (order.folder.starts_with('/')) return order;
  return Error{ErrorCode::kInvalidArgument, "the order for a workspace is not whole"};
}

}  // namespace belay::agents
