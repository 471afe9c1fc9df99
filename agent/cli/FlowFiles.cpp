#include "agent/cli/FlowFiles.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <vector>

#include "agent/cli/Inputs.h"
#include "agent/flow/Bundle.h"
#include "agent/script/Program.h"
#include "agent/script/SyntaxChecker.h"
#include "common/base/Clock.h"
#include "common/base/Files.h"
#include "common/calendar/TimeZones.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

bool isFlowFile(std::string_view argument) {
  return argument == "-" || argument.find('/') != std::string_view::npos ||
         argument.ends_with(".yaml") || argument.ends_with(".yml") || argument.ends_with(".json") ||
         argument.ends_with(".js");
}

namespace {

/// Whether an included file can include others.
bool isFragment(std::string_view name) {
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

/// The files that a flow file includes, by name. One that is not there is left out: whoever checks
/// the flow says so, with its place.
Result<Value> readIncluded(const std::string& path, const std::string& text) {
  const std::string folder =
      path.find('/') == std::string::npos ? std::string() : path.substr(0, path.rfind('/') + 1);
  Value files{json::Object{}};
  std::vector<std::string> names = flow::includedNames(text, flow::formatOf(path));
  for (std::size_t i = 0; i < names.size() && i < flow::kIncludedFilesMax; ++i) {
    auto content = base::readFile(folder + names[i], flow::kFlowBytesMax);
    if (!content && content.error().code == ErrorCode::kNotFound) continue;
    if (!content) return std::move(content).error();
    if (isFragment(names[i])) {
      for (std::string& further : flow::includedNames(*content, flow::formatOf(names[i]))) {
        if (std::find(names.begin(), names.end(), further) == names.end())
          names.push_back(std::move(further));
      }
    }
    files.set(names[i], std::move(*content));
  }
  return files;
}

}  // namespace

Result<Value> readFlowFile(const Invocation& invocation, const std::string& path) {
  auto text = readText(invocation, path, flow::kFlowBytesMax);
  if (!text && text.error().code == ErrorCode::kLimit) {
    return Error{ErrorCode::kFlowTooLarge, path + " is larger than 256 KiB"};
  }
  if (!text) return std::move(text).error();
  const std::string file = path == "-" ? "stdin.yaml" : path;
  BELAY_ASSIGN(Value files, readIncluded(file, *text));
  Value body;
  body.set("content", std::move(*text)).set("file", file);
  if (!files.asObject().empty()) body.set("files", std::move(files));
  return body;
}

void addOrigin(const Invocation& invocation, const std::string& path, Value& body) {
  const std::string& folder = invocation.world().folder;
  if (path == "-" || (folder.empty() && !path.starts_with('/'))) return;
  const auto whole =
      std::filesystem::path(folder) / path;  // an absolute `path` replaces the folder
  body.set("origin", whole.lexically_normal().string());
}

void noteReplaced(const Invocation& invocation, const std::string& slug, const Value& data) {
  const std::string by = data.text("replaced_draft_by");
  if (by.empty()) return;
  invocation.note("replaced the draft of " + shown(by) + "; it is kept: belay flow draft " + slug +
                  " --digest " + data.text("replaced_draft"));
}

std::string diagnosticsPage(const Style& style, const Value& data) {
  const Value* diagnostics = data.find("diagnostics");
  if (!diagnostics || !diagnostics->isArray()) return "";
  std::string out;
  for (const Value& d : diagnostics->asArray()) {
    out += shown(d.text("file"));
    if (d.integer("line") != 0)
      out += ":" + std::to_string(d.integer("line")) + ":" + std::to_string(d.integer("column"));
    out += ": " + style.status(d.text("severity")) + ": " + shown(d.text("message"));
    if (!d.text("hint").empty()) out += "; " + shown(d.text("hint"));
    out += " " + style.dim("[" + d.text("code") + "]") + "\n";
  }
  return out;
}

flow::SyntaxCheck makeSyntaxCheck() {
  // Shared by the first three functions below.
  auto checker = std::make_shared<script::SyntaxChecker>();
  return {[checker](std::string_view text) { return checker->checkExpression(text); },
          [checker](std::string_view text) { return checker->checkFunction(text); },
          [checker](std::string_view text) { return checker->checkCode(text); },
          calendar::checkZone,
          [](std::string_view text) { return script::checkProgram(text); },
          [] { return base::PosixClock().wallMs(); }};
}

}  // namespace belay::cli
