#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

constexpr Flag kReleaseFlags[] = {
    {"runs", 0, "WORD",
     "what becomes of runs that have not ended: \"continue\", or \"cancel\" where another machine "
     "has gone on with them"},
};

Result<api::Envelope> show(Invocation& invocation) { return invocation.get("/v1/host"); }

Result<api::Envelope> release(Invocation& invocation) {
  Value body = json::Object();
  const std::string runs = invocation.flag("runs");
  if (!runs.empty()) body.set("runs", runs);
  return invocation.post("/v1/host/release", body);
}

Result<api::Envelope> rekey(Invocation& invocation) { return invocation.post("/v1/host/rekey"); }

std::string printShow(const Invocation& invocation, const Value& data) {
  const Value* const host = data.find("host");
  if (!host) return "";
  const Style& style = invocation.style();
  const std::string name = host->text("name");
  std::string out = style.dim("host       ") + (name.empty() ? "no link" : name) + "\n" +
                    style.dim("epoch      ") + host->text("epoch") + "\n" +
                    style.dim("sessions   ") + std::to_string(host->integer("sessions")) + "\n";
  for (const Value& fact : host->find("machine")->asArray()) {
    out += style.dim("machine    ") + shown(fact.text("file")) + "\n";
  }
  const Value* const quarantine = host->find("quarantine");
  if (!quarantine) return out;
  out += style.paint(Style::Tone::kBad, "quarantine") + " " + shown(quarantine->text("message")) +
         " (" + relative(quarantine->text("since"), invocation.nowMs()) + ")\n";
  return out + invocation.suggested(
                   "           nothing begins until: belay host release-quarantine\n");
}

std::string printRelease(const Invocation&, const Value& data) {
  const Value* const host = data.find("host");
  const std::int64_t runs = data.integer("open_runs");
  return "the quarantine has ended; epoch " + (host ? host->text("epoch") : "") +
         (runs == 0 ? "" : ", " + std::to_string(runs) +
                               (data.flag("cancelled") ? " runs cancelled" : " runs go on")) +
         "\n";
}

std::string printRekey(const Invocation& invocation, const Value&) {
  return invocation.suggested(
      "this host has a new key, and no link: belay link enrol URL --token TOKEN\n");
}

}  // namespace

const Command kHostShowCommand{
    "host show",
    "",
    "show what tells this host from a copy of it, and whether it is in quarantine",
    "Reads the journal itself when no daemon runs.",
    {},
    &show,
    &printShow};

const Command kHostReleaseCommand{
    "host release-quarantine",
    "",
    "let a host in quarantine work again (root, or whose daemon it is)",
    "A host is in quarantine when its machine is another one, or when the relay has a statement of "
    "its key that it has not signed: it was copied, or set back to an older state. Look for the "
    "other machine first. Signed decisions about what was asked before are refused.",
    kReleaseFlags,
    &release,
    &printRelease};

const Command kHostRekeyCommand{
    "host rekey",
    "",
    "give a copy of a host a key of its own (root, or whose daemon it is)",
    "The link ends, and the copy is enrolled as a host of its own. A quarantine goes on.",
    {},
    &rekey,
    &printRekey};

}  // namespace belay::cli
