#include "agent/cli/Commands.h"
#include "agent/cli/HostBelief.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/RelayCalls.h"
#include "agent/cli/RemoteArtifacts.h"
#include "agent/cli/RemoteDecision.h"
#include "agent/cli/RunPages.h"
#include "agent/cli/Signing.h"
#include "agent/cli/WaitPages.h"

// approve and reject: one decision, two answers.

namespace belay::cli {

using base::Result;

namespace {

constexpr Flag kFlags[] = {
    {"comment", 'm', "TEXT", "why; it is signed and journaled"},
    {"form", 0, "NAME=TEXT", "a value of the request's form; NAME:=JSON for other types than text",
     true},
    {"digest", 0, "HEX", "decide only about this very request (see `belay wait show`)"},
    kRelayFlag,
    kTokenFileFlag,
    kCaFileFlag,
    {"request", 0, "FILE", "without a relay: the request, from `belay decision request`"},
    {"out", 0, "FILE", "without a relay: where to write the decision, for `belay decision apply`"},
    kKeyFlag,
    kPassphraseFlag,
    kHostFlag,
    kHostCardFlag,
    kFleetRootFlag,
    kFleetDigestFlag,
    kFleetRosterFlag,
    kArtifactsFlag,
    {"artifact", 0, "FILE", "an artifact of the request that was looked at", true},
    {"unseen", 0, "", "approve although artifacts were not looked at; the decision says so"},
    {"yes", 0, "", "sign without being asked"},
    {"browser", 0, "", "show the request in a browser of this machine, and be asked there"},
};

/// Decides about exactly the request that was read here: if it has changed, the decision is
/// refused.
Result<api::Envelope> decide(Invocation& invocation, std::string_view answer) {
  if (invocation.has("relay") || invocation.has("request"))
    return decideRemotely(invocation, answer == "approve");
  if (invocation.has("browser")) {
    return base::Error{base::ErrorCode::kUsage, "--browser goes with --relay, or with --request"};
  }
  if (!invocation.positional(0)) {
    return base::Error{base::ErrorCode::kUsage, "WAIT is missing", {"belay wait list"}};
  }
  std::string wait = invocation.argument(0);
  std::string digest = invocation.flag("digest");
  if (invocation.has("digest") && !crypto::Digest::fromHex(digest)) {
    return base::Error{base::ErrorCode::kUsage,
                       "--digest takes all 64 hex digits that `belay wait show` says"};
  }
  if (digest.empty()) {
    BELAY_ASSIGN(const api::Envelope asked, invocation.get(pathOf("/v1/waits", wait)));
    if (asked.error) return asked;
    const json::Value* found = asked.data.find("wait");
    if (found) {
      wait = found->text("id");
      digest = found->text("request_digest");
      const std::string summary = found->text("summary");
      if (!summary.empty()) invocation.note(shown(found->text("flow")) + ": " + shown(summary));
      const json::Value* request = found->find("request");
      const std::string effect = request ? effectPage(invocation.style(), *request) : "";
      if (!effect.empty()) invocation.note(effect.substr(0, effect.size() - 1));
    }
  }
  json::Value body{json::Object{}};
  if (!digest.empty()) body.set("request_digest", digest);
  if (invocation.has("comment")) body.set("comment", invocation.flag("comment"));
  json::Value form;
  for (const std::string& pair : invocation.flags("form")) BELAY_TRY(addPair(form, pair, "form"));
  if (!form.isNull()) body.set("form", std::move(form));
  return invocation.post(pathOf("/v1/waits", wait, "/" + std::string(answer)), body);
}

Result<api::Envelope> approve(Invocation& invocation) { return decide(invocation, "approve"); }
Result<api::Envelope> reject(Invocation& invocation) { return decide(invocation, "reject"); }

std::string print(const Invocation& invocation, const json::Value& data) {
  if (!data.text("file").empty()) return "wrote the decision to " + shown(data.text("file")) + "\n";
  if (data.flag("handed_in")) {
    const std::string gate = data.text("gate");
    return gate.empty()
               ? "handed in; the host has not answered yet\n"
               : "the host has " + data.text("receipt") + " it; the approval is " + gate + "\n";
  }
  return runLine(invocation.style(), data.flag("approved") ? "approved; run" : "rejected; run",
                 data);
}

}  // namespace

const Command kApproveCommand{
    "approve",
    "[WAIT|REQUEST]",
    "approve what a run asks",
    "WAIT is the id of a wait or the beginning of one, or of a run that has one open wait. The "
    "decision is signed with this host's key, in your name, about exactly the request that was "
    "read "
    "at this moment.\n"
    "With --relay, or with --request and --out, no daemon is needed: the REQUEST of a host is "
    "verified, shown, and answered with the key of --key, whose person the roster of the host "
    "names. With --relay the answer is the host's own receipt; --timeout says how long to wait for "
    "it (30s).",
    kFlags,
    &approve,
    &print,
    Completes::kWait};

const Command kRejectCommand{"reject",
                             "[WAIT|REQUEST]",
                             "reject what a run asks",
                             "The same as `belay approve` with the other answer.",
                             kFlags,
                             &reject,
                             &print,
                             Completes::kWait};

}  // namespace belay::cli
