#include "agent/cli/Commands.h"
#include "agent/cli/RelayCalls.h"
#include "agent/cli/RunPages.h"
#include "agent/cli/Signing.h"
#include "common/json/Json.h"

// decision request and decision apply: approvals without a network, as files. approvals list: what
// a relay has.

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr Flag kRequestFlags[] = {{"out", 0, "FILE", "where to write it (required)"}};
constexpr Flag kListFlags[] = {
    kRelayFlag, kTokenFileFlag, kCaFileFlag, {"all", 'a', "", "closed ones too"}};

Result<api::Envelope> exportRequest(Invocation& invocation) {
  if (!invocation.has("out")) return Error{ErrorCode::kUsage, "--out FILE is missing"};
  BELAY_ASSIGN(api::Envelope answer,
               invocation.get(pathOf("/v1/waits", invocation.argument(0), "/request")));
  if (answer.error) return answer;
  BELAY_TRY(writeNew(invocation.flag("out"), json::print(answer.data) + "\n"));
  answer.data.set("file", invocation.flag("out"));
  return answer;
}

std::string printRequest(const Invocation&, const Value& data) {
  return "wrote request " + data.text("request") + " to " + shown(data.text("file")) + "\n";
}

Result<api::Envelope> applyDecision(Invocation& invocation) {
  BELAY_ASSIGN(const auto statement, readStatement(invocation, invocation.argument(0)));
  Value body;
  body.set("statement", statement.lines());
  return invocation.post("/v1/decisions", body);
}

std::string printApplied(const Invocation& invocation, const Value& data) {
  return runLine(invocation.style(),
                 "the decision counts; the approval is " + data.text("gate") + "; run", data);
}

Result<api::Envelope> listApprovals(Invocation& invocation) {
  if (!invocation.has("relay")) {
    return Error{ErrorCode::kUsage, "--relay URL is missing", {"belay wait list"}};
  }
  BELAY_ASSIGN(const RelayCalls relay, RelayCalls::open(invocation));
  json::Array list;
  for (std::int64_t after = 0;;) {
    Target target("/v1/approvals");
    target.add("after", std::to_string(after));
    BELAY_ASSIGN(Value page, relay.get(target.str()));
    Value* const found = page.find("approvals");
    if (!found || !found->isArray() || found->asArray().empty()) break;
    for (Value& each : found->asArray()) {
      if (invocation.has("all") || !each.flag("closed")) list.push_back(std::move(each));
    }
    const std::int64_t next = page.integer("change");
    if (next <= after) break;
    after = next;
  }
  api::Envelope out;
  out.data.set("approvals", std::move(list));
  return out;
}

std::string printList(const Invocation& invocation, const Value& data) {
  Table table({"REQUEST", "HOST", "EXPIRES", "SUMMARY"});
  for (const Value& each : data.find("approvals")->asArray()) {
    table.row({each.text("request"), each.text("label"),
               each.flag("closed") ? "closed" : relative(each.text("expires"), invocation.nowMs()),
               each.text("summary").empty() ? "(sealed)" : each.text("summary")});
  }
  return table.empty() ? "nothing is asked\n" : table.print(Style(invocation.style().color(), 0));
}

}  // namespace

const Command kDecisionRequestCommand{
    "decision request",
    "WAIT",
    "write what an approval asks to a file, signed by this host",
    "For approvers who have no relay: `belay approve --request FILE --key KEYFILE --out FILE` "
    "verifies and answers it anywhere. Give them the artifacts too: `belay resource cat`.",
    kRequestFlags,
    &exportRequest,
    &printRequest,
    Completes::kWait};

const Command kDecisionApplyCommand{
    "decision apply",
    "FILE",
    "give a signed decision to this host: it verifies it, and answers the approval",
    "By the roster in force at this moment. Where several persons must approve, each hands in a "
    "decision.",
    {},
    &applyDecision,
    &printApplied,
    Completes::kFile};

const Command kApprovalsListCommand{
    "approvals list",
    "",
    "list what hosts ask over a relay",
    "Needs no daemon. What a relay says is hearsay: `belay approve REQUEST --relay URL` verifies "
    "it. Summaries are sealed unless the host's policy lets them be read.",
    kListFlags,
    &listApprovals,
    &printList};

}  // namespace belay::cli
