#include "agent/api/Checking.h"
#include "agent/cli/Commands.h"
#include "agent/cli/FlowFiles.h"

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

/// Checks each file here: no daemon is needed to write a flow.
Result<api::Envelope> validate(Invocation& invocation) {
  const flow::SyntaxCheck syntax = makeSyntaxCheck();
  api::Envelope out;
  json::Array files;
  json::Array diagnostics;
  for (const std::string& path : invocation.arguments().positionals) {
    BELAY_ASSIGN(const Value body, readFlowFile(invocation, path));
    BELAY_ASSIGN(const api::FlowText content, api::readFlowText(body));
    const flow::Checked checked = api::checkFlowText(content, syntax);
    Value file;
    file.set("file", path).set("valid", checked.flow.has_value());
    if (checked.flow) {
      file.set("flow", checked.flow->slug.str()).set("digest", checked.flow->digest);
      file.set("code", checked.flow->code.has_value());
      file.set("steps", static_cast<std::int64_t>(checked.flow->steps.size()));
    } else if (!out.error) {
      out.error = api::firstError(checked);
      out.error->actions.erase(out.error->actions.begin());  // That is what is done here.
    }
    files.push_back(std::move(file));
    Value found = api::diagnosticsToJson(checked);
    for (Value& d : found.find("diagnostics")->asArray()) diagnostics.push_back(std::move(d));
  }
  out.data.set("files", std::move(files)).set("diagnostics", std::move(diagnostics));
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  // What is wrong is what the reader wants: it goes where errors go.
  invocation.world().console.err(diagnosticsPage(invocation.style(), data));
  std::string out;
  for (const Value& file : data.find("files")->asArray()) {
    if (!file.flag("valid")) continue;
    out += shown(file.text("file")) + ": " + invocation.style().status("ok") + ", flow " +
           file.text("flow") + ", " +
           (file.flag("code") ? "code" : std::to_string(file.integer("steps")) + " steps") + ", " +
           file.text("digest").substr(0, 19) + "\n";
  }
  return out;
}

}  // namespace

const Command kFlowValidateCommand{
    "flow validate",
    "FILE…",
    "check flow files, without a daemon",
    "Prints every problem with file, line and column, as compilers do. Warnings do not make a file "
    "invalid.",
    {},
    &validate,
    &print,
    Completes::kFile};

}  // namespace belay::cli
