#include "agent/api/Checking.h"
#include "agent/authoring/Dagu.h"
#include "agent/cli/Commands.h"
#include "agent/cli/FlowFiles.h"
#include "agent/cli/Inputs.h"
#include "common/base/Files.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"output", 'o', "FILE", "write the flow to a file instead of standard output"},
    {"force", 0, "", "write over a file that is there"},
};

json::Array notesToJson(const std::vector<authoring::ImportNote>& notes) {
  json::Array out;
  for (const authoring::ImportNote& note : notes) {
    Value one;
    one.set("kind", note.kind == authoring::ImportNote::Kind::kDropped ? "dropped" : "changed");
    one.set("line", note.place.line).set("column", note.place.column);
    one.set("pointer", note.pointer).set("message", note.message);
    out.push_back(std::move(one));
  }
  return out;
}

Result<api::Envelope> importDagu(Invocation& invocation) {
  const std::string& path = invocation.argument(0);
  const std::string file = invocation.flag("output");
  if (!file.empty()) BELAY_TRY(invocation.mayWrite(file));
  BELAY_ASSIGN(const std::string text, readText(invocation, path, flow::kFlowBytesMax));
  auto imported = authoring::importDagu(text, path);
  if (!imported) return std::move(imported).error().in(path);
  const std::string name = file.empty() ? "flow.yaml" : file;
  const flow::Checked checked =
      api::checkFlowText({imported->flow, name, flow::Format::kYaml}, makeSyntaxCheck());
  api::Envelope out;
  if (!file.empty()) {
    BELAY_TRY(base::writeFileDurably(file, imported->flow, 0644));
    out.data.set("file", file);
  }
  out.data.set("source", path).set("valid", checked.flow.has_value());
  out.data.set("content", imported->flow).set("notes", notesToJson(imported->notes));
  const Value diagnostics = api::diagnosticsToJson(checked);
  out.data.set("diagnostics", *diagnostics.find("diagnostics"));
  if (!checked.flow) out.error = api::firstError(checked);
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  const Style& style = invocation.style();
  std::string notes;
  for (const Value& note : data.find("notes")->asArray()) {
    notes += shown(data.text("source")) + ":" + std::to_string(note.integer("line")) + ":" +
             std::to_string(note.integer("column")) + ": " +
             style.paint(note.text("kind") == "dropped" ? Style::Tone::kBad : Style::Tone::kWarn,
                         note.text("kind")) +
             ": " + shown(note.text("message")) + "\n";
  }
  invocation.world().console.err(notes + diagnosticsPage(style, data));
  const std::string file = data.text("file");
  return file.empty() ? data.text("content") : "wrote " + shown(file) + "\n";
}

}  // namespace

const Command kFlowImportDaguCommand{
    "flow import dagu",
    "FILE",
    "translate a DAG of Dagu into a flow",
    "Prints the flow, and on standard error with line numbers all that the flow does not have "
    "(dropped), or has in another way (changed). A step that has no counterpart becomes one that "
    "fails and says so. Nothing is sent to the daemon.",
    kFlags,
    &importDagu,
    &print,
    Completes::kFile};

}  // namespace belay::cli
