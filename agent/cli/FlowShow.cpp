#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/RunPages.h"

namespace belay::cli {

using json::Value;

namespace {

constexpr Flag kFlags[] = {{"content", 0, "", "print the file itself, byte by byte"}};

base::Result<api::Envelope> showFlow(Invocation& invocation) {
  Target target(pathOf("/v1/flows", invocation.argument(0)));
  if (invocation.has("content")) target.add("content", "true");
  return invocation.get(target.str());
}

std::string print(const Invocation& invocation, const Value& data) {
  const Value* flow = data.find("flow");
  if (!flow) return "";
  if (invocation.has("content")) return flow->text("content");
  const Style& style = invocation.style();
  std::string out = style.bold(flow->text("slug")) + "  " + shown(flow->text("name")) + "\n";
  if (!flow->text("description").empty()) out += "  " + shown(flow->text("description")) + "\n";
  out += style.dim("draft     ") + flow->text("draft_digest") + "\n";
  out += style.dim("updated   ") + relative(flow->text("updated_at"), invocation.nowMs()) + "\n";
  if (const Value* input = flow->find("input")) out += style.dim("input     ") + brief(*input, 200) + "\n";
  Table steps({"STEP", "FAMILY", "EFFECT", "WHEN", "NEXT", "TITLE"});
  for (const Value& step : flow->find("steps")->asArray()) {
    steps.row({step.text("id"), step.text("family"), step.text("effect"), step.text("when"), step.text("next"),
               {step.text("title"), Style::Tone::kDim}});
  }
  out += "\n" + steps.print(style);
  Table needs({"REQUIRES", "TYPE", "CONNECTION"});
  for (const Value& need : flow->find("requires")->asArray()) {
    const std::string connection = need.text("connection");
    needs.row({need.text("name"), need.text("type"),
               connection.empty() ? Table::Cell("not bound", Style::Tone::kWarn) : Table::Cell(connection)});
    if (connection.empty()) {
      invocation.note("bind it: belay flow configure " + flow->text("slug") + " " + shown(need.text("name")) + "=CONNECTION");
    }
  }
  return needs.empty() ? out : out + "\n" + needs.print(style);
}

}  // namespace

const Command kFlowShowCommand{
    "flow show", "SLUG", "show a flow: its input, steps, and what it requires",
    "Reads the journal itself when no daemon runs.", kFlags, &showFlow, &print, Completes::kFlow};

}  // namespace belay::cli
