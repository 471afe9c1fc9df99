#include "agent/api/Checking.h"
#include "agent/cli/Commands.h"
#include "agent/cli/FlowFiles.h"
#include "agent/cli/RecordedGraph.h"
#include "common/base/Files.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"run", 0, "RUN", "the flow of a run, with the path that it took"},
    {"format", 0, "FORMAT", "mermaid (default) or svg"},
    {"output", 'o', "FILE", "write it to a file instead of standard output"},
    {"release", 0, "N", "of SLUG: a release, or \"live\", instead of the draft"},
};

/// The content of a flow as the host has it, as a body that can be checked.
Result<Value> storedFlow(Invocation& invocation, const std::string& slug, const std::string& of) {
  Target target(pathOf("/v1/flows", slug, "/content"));
  BELAY_ASSIGN(api::Envelope answer, invocation.get(target.add("of", of).str()));
  if (answer.error) return std::move(*answer.error);
  Value body;
  body.set("content", answer.data.text("content"));
  body.set("file", slug + ".flow." + answer.data.text("format", "yaml"));
  if (const Value* files = answer.data.find("files")) body.set("files", *files);
  return body;
}

Result<Value> givenFlow(Invocation& invocation, const Value& shown) {
  if (const Value* run = shown.find("run"))
    return storedFlow(invocation, run->text("flow"), run->text("digest"));
  const std::string& word = invocation.argument(0);
  if (isFlowFile(word)) return readFlowFile(invocation, word);
  return storedFlow(invocation, word,
                    invocation.has("release") ? invocation.flag("release") : "draft");
}

Result<Value> shownRun(Invocation& invocation) {
  if (!invocation.has("run")) return Value();
  BELAY_ASSIGN(api::Envelope answer, invocation.get(pathOf("/v1/runs", invocation.flag("run"))));
  if (answer.error) return std::move(*answer.error);
  return std::move(answer.data);
}

base::Status checkWords(const Invocation& invocation) {
  if (invocation.has("run") == invocation.positional(0).has_value())
    return Error{ErrorCode::kUsage, "name a flow, a file, or a run with --run, and one of them"};
  const std::string format = invocation.flag("format");
  if (format.empty() || format == "mermaid" || format == "svg") return {};
  return Error{ErrorCode::kUsage, "--format takes mermaid or svg, not \"" + shown(format) + "\""};
}

Result<api::Envelope> graph(Invocation& invocation) {
  BELAY_TRY(checkWords(invocation));
  BELAY_ASSIGN(const Value run, shownRun(invocation));
  BELAY_ASSIGN(const Value body, givenFlow(invocation, run));
  BELAY_ASSIGN(const api::FlowText content, api::readFlowText(body));
  const flow::Checked checked = api::checkFlowText(content, {});
  api::Envelope out;
  if (!checked.flow) {
    out.error = api::firstError(checked);
    out.data = api::diagnosticsToJson(checked);
    return out;
  }
  if (checked.flow->code && run.isNull()) {
    return Error{
        ErrorCode::kUnsupported,
        "flow " + checked.flow->slug.str() + " is code, whose ways are not known before it runs",
        {"belay flow graph --run RUN draws what a run did"}};
  }
  RecordedSteps recorded;
  if (checked.flow->code) recorded = recordedSteps(*checked.flow, run);
  authoring::FlowGraph drawn =
      checked.flow->code ? graphOf(recorded, run) : authoring::graphOf(*checked.flow);
  if (!checked.flow->code && !run.isNull()) authoring::addRun(drawn, run);
  const bool svg = invocation.flag("format") == "svg";
  const std::string text = svg ? authoring::svgOf(drawn, &lasting) : authoring::mermaidOf(drawn);
  out.data.set("flow", checked.flow->slug.str()).set("digest", checked.flow->digest);
  if (!drawn.run.empty()) out.data.set("run", drawn.run).set("status", drawn.runStatus);
  out.data.set("format", svg ? "svg" : "mermaid").set("graph", authoring::graphToJson(drawn));
  const std::string file = invocation.flag("output");
  if (!file.empty()) {
    BELAY_TRY(base::writeFileDurably(file, text, 0644));
    out.data.set("file", file);
  } else {
    out.data.set("text", text);
  }
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  if (data.find("diagnostics")) {
    invocation.world().console.err(diagnosticsPage(invocation.style(), data));
    return "";
  }
  const std::string file = data.text("file");
  return file.empty() ? data.text("text") : "wrote " + shown(file) + "\n";
}

}  // namespace

const Command kFlowGraphCommand{
    "flow graph",
    "[SLUG|FILE]",
    "draw a flow, or what a run did in it",
    "Mermaid for pages that render it, SVG for everything else. With --run the SVG shows the path "
    "taken, what became of each step, and how long it took. Reads the journal itself when no "
    "daemon runs.",
    kFlags,
    &graph,
    &print,
    Completes::kFlow};

}  // namespace belay::cli
