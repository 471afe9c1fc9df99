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

/// "3 of stable, signed by ada, bob, 2 h ago"
std::string pinLine(const Invocation& invocation, const char* name, const Value& pin) {
  std::string persons;
  for (const Value& signer : pin.find("signers")->asArray()) {
    persons += (persons.empty() ? "" : ", ") + shown(signer.asString());
  }
  if (!pin.text("void").empty()) {
    invocation.note("the pin does not count any more: " + shown(pin.text("void")));
  }
  return invocation.style().dim(name) + std::to_string(pin.integer("counter")) + " of " +
         pin.text("channel") + ", " + pin.text("release") + ", signed by " + persons + ", " +
         relative(pin.text("created_at"), invocation.nowMs()) + "\n";
}

/// Where it is on its way from draft to live.
std::string stateLines(const Invocation& invocation, const Value& flow) {
  const Style& style = invocation.style();
  const auto since = [&](const Value& from, const char* at, const char* by) {
    return ", " + relative(from.text(at), invocation.nowMs()) +
           (from.text(by).empty() ? "" : " by " + shown(from.text(by)));
  };
  std::string out;
  if (flow.flag("archived"))
    out += style.dim("archived") + since(flow, "archived_at", "archived_by") + "\n";
  out += style.dim("draft     ") + flow.text("draft_digest") +
         since(flow, "updated_at", "draft_by") + "\n";
  if (const Value* newest = flow.find("newest_release")) {
    out += style.dim("release   ") + std::to_string(newest->integer("number")) + ", " +
           newest->text("digest") + since(*newest, "released_at", "released_by") + "\n";
    if (!newest->text("note").empty())
      out += style.dim("note      ") + shown(newest->text("note")) + "\n";
  }
  if (const Value* live = flow.find("live")) {
    out += style.dim("live      ") + std::to_string(live->integer("release")) + ", " +
           live->text("digest") + since(*live, "promoted_at", "promoted_by") + "\n";
  }
  if (const Value* pin = flow.find("pin")) out += pinLine(invocation, "pin       ", *pin);
  if (const Value* pin = flow.find("pin_waiting")) {
    out += pinLine(invocation, "waits     ", *pin);
    invocation.note("a pin waits for its release: belay flow import FILE");
  }
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  const Value* flow = data.find("flow");
  if (!flow) return "";
  if (invocation.has("content")) return flow->text("content");
  const Style& style = invocation.style();
  std::string out = style.bold(flow->text("slug")) + "  " + shown(flow->text("name")) + "\n";
  if (!flow->text("description").empty()) out += "  " + shown(flow->text("description")) + "\n";
  out += stateLines(invocation, *flow);
  if (const Value* input = flow->find("input"))
    out += style.dim("input     ") + brief(*input, 200) + "\n";
  Table steps({"STEP", "FAMILY", "EFFECT", "WHEN", "NEXT", "TITLE"});
  for (const Value& step : flow->find("steps")->asArray()) {
    steps.row({step.text("id"),
               step.text("family"),
               step.text("effect"),
               step.text("when"),
               step.text("next"),
               {step.text("title"), Style::Tone::kDim}});
  }
  out += flow->flag("code") ? style.dim("code      ") + std::string("belay flow show ") +
                                  flow->text("slug") + " --content\n"
                            : "\n" + steps.print(style);
  Table needs({"REQUIRES", "TYPE", "CONNECTION"});
  for (const Value& need : flow->find("requires")->asArray()) {
    const std::string connection = need.text("connection");
    needs.row({need.text("name"), need.text("type"),
               connection.empty() ? Table::Cell("not bound", Style::Tone::kWarn)
                                  : Table::Cell(connection)});
    if (connection.empty()) {
      invocation.note("bind it: belay flow configure " + flow->text("slug") + " " +
                      shown(need.text("name")) + "=CONNECTION");
    }
  }
  return needs.empty() ? out : out + "\n" + needs.print(style);
}

}  // namespace

const Command kFlowShowCommand{"flow show",
                               "SLUG",
                               "show a flow: its input, steps, and what it requires",
                               "Reads the journal itself when no daemon runs.",
                               kFlags,
                               &showFlow,
                               &print,
                               Completes::kFlow};

}  // namespace belay::cli
