#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/RunPages.h"
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
};

/// Decides about exactly the request that was read here: if it has changed, the decision is
/// refused.
Result<api::Envelope> decide(Invocation& invocation, std::string_view answer) {
  std::string wait = invocation.argument(0);
  std::string digest = invocation.flag("digest");
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
  return runLine(invocation.style(), data.flag("approved") ? "approved; run" : "rejected; run",
                 data);
}

}  // namespace

const Command kApproveCommand{
    "approve",
    "WAIT",
    "approve what a run asks",
    "WAIT is the id of a wait or the beginning of one, or of a run that has one open wait. The "
    "decision is signed with this host's key, in your name, about exactly the request that was "
    "read "
    "at this moment.",
    kFlags,
    &approve,
    &print,
    Completes::kWait};

const Command kRejectCommand{"reject",
                             "WAIT",
                             "reject what a run asks",
                             "The same as `belay approve` with the other answer.",
                             kFlags,
                             &reject,
                             &print,
                             Completes::kWait};

}  // namespace belay::cli
