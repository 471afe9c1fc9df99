#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

Result<api::Envelope> showTrust(Invocation& invocation) { return invocation.get("/v1/trust"); }

std::string head(const Invocation& invocation, const char* name, const Value& document) {
  return invocation.style().dim(name) + std::to_string(document.integer("version")) + ", " +
         document.text("digest") + ", accepted " +
         relative(document.text("accepted_at"), invocation.nowMs()) + " by " +
         shown(document.text("accepted_by")) + "\n";
}

std::string keysPage(const Invocation& invocation, const Value& trust) {
  Table table({"PERSON", "ROLE", "CLASS", "KEY", ""});
  if (const Value* root = trust.find("root")) {
    for (const Value& key : root->find("keys")->asArray()) {
      table.row({key.text("person"), "root", "", key.text("key"), ""});
    }
  }
  if (const Value* roster = trust.find("roster")) {
    for (const Value& key : roster->find("keys")->asArray()) {
      const std::string keyClass = key.text("class");
      table.row({key.text("person"),
                 key.text("role"),
                 keyClass == "none" ? "" : keyClass,
                 key.text("key"),
                 {key.flag("revoked") ? "revoked" : "", Style::Tone::kWarn}});
    }
  }
  return table.empty() ? "" : "\n" + table.print(invocation.style());
}

std::string rosterLines(const Invocation& invocation, const Value& roster) {
  std::string out = head(invocation, "roster    ", roster);
  if (roster.flag("stale")) {
    invocation.note("the roster is older than it may be: ask for a newer one");
  }
  out += invocation.style().dim("pins      ") + std::to_string(roster.integer("pin_threshold")) +
         " must sign\n";
  for (const Value& floor : roster.find("pin_floors")->asArray()) {
    out += invocation.style().dim("floor     ") + floor.text("flow") + "/" + floor.text("channel") +
           " " + std::to_string(floor.integer("counter")) + "\n";
  }
  for (const Value& each : roster.find("revocations")->asArray()) {
    out += invocation.style().dim("revoked   ") + each.text("key") + " " + each.text("mode") +
           (each.text("reason").empty() ? "" : ": " + shown(each.text("reason"))) + "\n";
  }
  return out;
}

std::string cardLine(const Style& style, const Value& card) {
  if (!card.text("void").empty()) {
    return style.dim("card      ") + "does not count: " + shown(card.text("void")) + "\n";
  }
  std::string groups;
  for (const Value& each : card.find("groups")->asArray()) groups += " " + shown(each.asString());
  return style.dim("card      ") + std::to_string(card.integer("counter")) + ", " +
         shown(card.text("label")) + (groups.empty() ? "" : ", groups" + groups) + "\n";
}

std::string print(const Invocation& invocation, const Value& data) {
  const Value* trust = data.find("trust");
  if (!trust) return "";
  for (const Value& fork : trust->find("forks")->asArray()) {
    invocation.note("FORK: a " + fork.text("kind") + " " + fork.text("chain") + " with counter " +
                    std::to_string(fork.integer("counter")) + ", " + fork.text("digest") +
                    ", was refused " + relative(fork.text("at"), invocation.nowMs()) +
                    ": belay explain BLY-STATEMENT-FORK");
  }
  const Value* root = trust->find("root");
  if (!root) {
    invocation.note("this host believes nobody's signatures yet; belay trust install --help");
    return "";
  }
  const Style& style = invocation.style();
  std::string out = style.dim("fleet     ") + trust->text("fleet") + "  " +
                    shown(trust->text("name")) + "\n" + head(invocation, "root      ", *root);
  out += style.dim("rosters   ") + std::to_string(root->integer("threshold")) + " must sign\n";
  if (const Value* roster = trust->find("roster")) out += rosterLines(invocation, *roster);
  if (const Value* card = trust->find("card")) out += cardLine(style, *card);
  return out + keysPage(invocation, *trust);
}

}  // namespace

const Command kTrustShowCommand{
    "trust show",
    "",
    "show whom this host believes: root document, roster, keys, and forks that it has refused",
    "Reads the journal itself when no daemon runs.",
    {},
    &showTrust,
    &print};

}  // namespace belay::cli
