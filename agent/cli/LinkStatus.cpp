#include "agent/cli/Commands.h"
#include "agent/cli/HostChecks.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

Result<api::Envelope> status(Invocation& invocation) {
  BELAY_ASSIGN(api::Envelope envelope, invocation.get("/v1/link"));
  if (envelope.error) return envelope;
  // Only a daemon that runs knows how it stands at this moment.
  const auto now = invocation.get("/v1/link/state");
  if (now && !now->error) {
    if (const Value* state = now->data.find("state")) envelope.data.set("state", *state);
  }
  return envelope;
}

std::string inboxPage(const Invocation& invocation, const Value& link) {
  Table table({"SEQ", "KIND", "AT", "OUTCOME"});
  for (const Value& row : link.find("inbox")->asArray()) {
    const std::string refused = row.text("refused");
    table.row({std::to_string(row.integer("seq")),
               shown(row.text("kind")),
               relative(row.text("at"), invocation.nowMs()),
               {refused.empty() ? "taken" : refused + ": " + shown(row.text("message")),
                refused.empty() ? Style::Tone::kPlain : Style::Tone::kWarn}});
  }
  return table.empty() ? "" : "\n" + table.print(invocation.style());
}

std::string print(const Invocation& invocation, const Value& data) {
  const Value* const link = data.find("link");
  if (!link) return "";
  const Style& style = invocation.style();
  if (!link->flag("linked"))
    return invocation.suggested("no link; belay link enrol URL --token TOKEN\n");
  std::string out = style.dim("relay      ") + shown(link->text("relay")) + "\n" +
                    style.dim("host       ") + link->text("host") + "  " +
                    shown(link->text("label")) + "\n";
  if (const Value* state = data.find("state")) {
    out += style.dim("now        ") + state->text("phase") + " " +
           relative(state->text("since"), invocation.nowMs()) + ", " +
           std::to_string(state->integer("sessions")) + " sessions\n";
    if (!state->text("alarm").empty()) {
      out += style.bold("ALARM      ") + shown(state->text("alarm")) +
             ": look at the clocks of host and relay, and renew it\n";
    }
    if (const Value* error = state->find("last_error")) {
      out += style.dim("last error ") + shown(error->text("message")) + " [" + error->text("code") +
             "] " + relative(error->text("at"), invocation.nowMs()) + "\n";
    }
  }
  if (const Value* held = link->find("held")) {
    out += style.dim("refused    ") + heldText(*held) + " " +
           relative(held->text("at"), invocation.nowMs()) + "\n";
  }
  out += style.dim("to relay   ") + std::to_string(link->integer("outbox")) + " waiting, " +
         std::to_string(link->integer("handed")) + " handed in\n" + style.dim("from relay ") +
         std::to_string(link->integer("processed")) + " processed\n" + style.dim("callbacks  ") +
         std::to_string(link->integer("callbacks")) + " open\n";
  return out + inboxPage(invocation, *link);
}

}  // namespace

std::string heldText(const Value& held) {
  return std::to_string(held.integer("requests")) + " requests and " +
         std::to_string(held.integer("callbacks")) + " callbacks: " + shown(held.text("message")) +
         " [" + held.text("code") + "]";
}

const Command kLinkStatusCommand{"link status",
                                 "",
                                 "show the link to the relay: how it stands, what waits, what came",
                                 "Reads the journal itself when no daemon runs.",
                                 {},
                                 &status,
                                 &print};

}  // namespace belay::cli
