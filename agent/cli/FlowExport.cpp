#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {{"force", 0, "", "write over a file that is there"}};

bool namesRelease(const std::string& word) {
  return base::parseUnsigned(word).has_value() || word.starts_with("sha256:") || word == "live";
}

Result<api::Envelope> exportFlow(Invocation& invocation) {
  Target target(pathOf("/v1/flows", invocation.argument(0), "/export"));
  std::optional<std::string> file = invocation.positional(1);
  if (file && namesRelease(*file)) {
    target.add("release", *file);
    file = invocation.positional(2);
  } else if (invocation.positional(2)) {
    return Error{ErrorCode::kUsage,
                 "a release is a number or sha256:…, not \"" + shown(*file) + "\"",
                 {"belay flow releases " + invocation.argument(0)}};
  }
  if (file) BELAY_TRY(invocation.mayWrite(*file));
  BELAY_ASSIGN(api::Envelope answer, invocation.get(target.str()));
  const Value* exported = answer.data.find("export");
  if (answer.error || !exported || !file) return answer;
  BELAY_TRY(base::writeFileDurably(*file, json::printPretty(*exported) + "\n", 0644));
  answer.data.set("file", *file);
  return answer;
}

std::string print(const Invocation&, const Value& data) {
  const Value* exported = data.find("export");
  if (!exported) return "";
  if (!data.find("file")) return json::printPretty(*exported) + "\n";
  return "wrote release " + std::to_string(exported->integer("release")) + " of " +
         exported->text("slug") + ", " + exported->text("digest") + ", to " +
         shown(data.text("file")) + "\n";
}

}  // namespace

const Command kFlowExportCommand{
    "flow export",
    "SLUG [N] [FILE]",
    "write a release of a flow as one file, for `flow import` on another host",
    "Without N what is live, without FILE to standard output. The file is JSON: the content as it "
    "is, "
    "its digest and its note.",
    kFlags,
    &exportFlow,
    &print,
    Completes::kFlow};

}  // namespace belay::cli
