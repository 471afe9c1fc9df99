#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/Resources.h"
#include "common/base/Units.h"

namespace belay::cli {

namespace {

base::Result<api::Envelope> showResource(Invocation& invocation) {
  BELAY_ASSIGN(const std::string digest, digestOf(invocation.argument(0)));
  return invocation.get(pathOf("/v1/resources", digest));
}

std::string kept(const std::string& keep) {
  if (keep == "retained") return "beyond its run";
  return keep == "ephemeral" ? "for a while after its run" : "as long as its run";
}

std::string print(const Invocation& invocation, const json::Value& data) {
  const json::Value* resource = data.find("resource");
  if (!resource) return "";
  const Style& style = invocation.style();
  const auto size = static_cast<std::uint64_t>(resource->integer("size"));
  return style.bold(shown(resource->text("name"))) + "  " + shown(resource->text("media_type")) +
         ", " + base::formatBytes(size) + "\n" + style.dim("ref       ") + resource->text("ref") +
         "\n" + style.dim("made by   ") + resource->text("run") + ", step " +
         shown(resource->text("step")) + ", " +
         relative(resource->text("created_at"), invocation.nowMs()) + "\n" + style.dim("kept      ") +
         kept(resource->text("keep")) + (resource->flag("indexed") ? ", found by search" : "") +
         "\n";
}

}  // namespace

const Command kResourceShowCommand{"resource show",
                                   "REF",
                                   "show what is known of an artifact",
                                   "REF is res://sha256/… or the 64 digits alone.",
                                   {},
                                   &showResource,
                                   &print};

}  // namespace belay::cli
