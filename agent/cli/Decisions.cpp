#include <algorithm>

#include "agent/cli/Commands.h"
#include "agent/cli/HostBelief.h"
#include "agent/cli/RelayCalls.h"
#include "agent/cli/RemoteDecision.h"
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

constexpr std::int64_t kListedMost = 100;
constexpr std::int64_t kPerPage = 200;
constexpr int kPagesMost = 100;

constexpr Flag kRequestFlags[] = {{"out", 0, "FILE", "where to write it (required)"}};
constexpr Flag kListFlags[] = {
    kRelayFlag,
    kTokenFileFlag,
    kCaFileFlag,
    {"all", 'a', "", "closed ones too"},
    {"limit", 0, "N", "so many at most (100)"},
    {"after", 0, "N", "those behind this one, as an earlier list ended"}};
constexpr Flag kShowFlags[] = {
    kRelayFlag,
    kTokenFileFlag,
    kCaFileFlag,
    {"request", 0, "FILE", "without a relay: the request, from `belay decision request`"},
    kKeyFlag,
    kPassphraseFlag,
    kHostFlag,
    {"card", 0, "FILE", "its card; with --root, --root-digest and --roster"},
    kFleetRootFlag,
    kFleetDigestFlag,
    kFleetRosterFlag,
};

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
  BELAY_ASSIGN(const RelayCalls relay, RelayCalls::open(invocation, "approver"));
  BELAY_ASSIGN(const std::int64_t most, numberFlag(invocation, "limit", kListedMost));
  BELAY_ASSIGN(std::int64_t after, numberFlag(invocation, "after", 0));
  json::Array list;
  bool more = true;
  // A relay may go on for ever: the pages are bounded too, those of closed ones among them.
  for (int pages = 0; more && pages < kPagesMost; ++pages) {
    const std::int64_t room = most - static_cast<std::int64_t>(list.size());
    if (room == 0) break;
    Target target("/v1/approvals");
    target.add("after", std::to_string(after));
    target.add("limit", std::to_string(std::min<std::int64_t>(room, kPerPage)));
    BELAY_ASSIGN(Value page, relay.get(target.str()));
    Value* const found = page.find("approvals");
    const std::int64_t next = page.integer("change");
    more = found && found->isArray() && !found->asArray().empty() && next > after;
    if (!more) break;
    for (Value& each : found->asArray()) {
      const bool fits = static_cast<std::int64_t>(list.size()) < most;
      if (fits && (invocation.has("all") || !each.flag("closed"))) list.push_back(std::move(each));
    }
    after = next;
  }
  api::Envelope out;
  out.data.set("approvals", std::move(list)).set("after", after).set("more", more);
  return out;
}

std::string printShown(const Invocation&, const Value& data) { return data.text("page"); }

std::string printList(const Invocation& invocation, const Value& data) {
  Table table({"REQUEST", "HOST", "EXPIRES", "SUMMARY"});
  for (const Value& each : data.find("approvals")->asArray()) {
    table.row({each.text("request"), each.text("label"),
               each.flag("closed") ? "closed" : relative(each.text("expires"), invocation.nowMs()),
               each.text("summary").empty() ? "(sealed)" : each.text("summary")});
  }
  if (table.empty()) return "nothing is asked\n";
  const bool full = data.flag("more");
  return table.print(Style(invocation.style().color(), 0)) +
         (full ? "there is more: --after " + std::to_string(data.integer("after")) + "\n" : "");
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

const Command kApprovalsShowCommand{
    "approvals show",
    "[REQUEST]",
    "verify what a host asks, and show it; nothing is signed",
    "Needs no daemon. The request is opened with the key of --key, and verified as `belay approve` "
    "does. With --json the answer has the request as its host has signed it, and the page; whoever "
    "decides with --json or --quiet names it: `belay approve REQUEST --digest HEX`.",
    kShowFlags,
    &showRemotely,
    &printShown};

}  // namespace belay::cli
