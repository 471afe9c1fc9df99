#include "agent/cli/Commands.h"
#include "agent/cli/RelayCalls.h"
#include "agent/cli/Signing.h"
#include "common/base/Text.h"

// fleet: what a relay says about the hosts that it serves.

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::int64_t kListedMost = 1'000;
constexpr int kPagesMost = 100;
constexpr std::size_t kDigitsShown = 12;

constexpr Flag kHostFlags[] = {
    kRelayFlag, kTokenFileFlag, kCaFileFlag, {"limit", 0, "N", "so many at most (1000)"}};
constexpr Flag kFlowFlags[] = {kRelayFlag,
                               kTokenFileFlag,
                               kCaFileFlag,
                               {"flow", 0, "SLUG", "only this flow"},
                               {"limit", 0, "N", "so many at most (1000)"}};

/// All pages of {NAME: […], "next"?}.
Result<api::Envelope> list(const Invocation& invocation, const std::string& path,
                           const std::string& name) {
  BELAY_ASSIGN(const RelayCalls relay, RelayCalls::open(invocation, "operator"));
  BELAY_ASSIGN(const std::int64_t most, numberFlag(invocation, "limit", kListedMost));
  json::Array all;
  std::string after;
  bool more = true, cut = false;
  for (int page = 0; page < kPagesMost && more; ++page) {
    Target target(path);
    if (!after.empty()) target.add("after", after);
    if (invocation.has("flow")) target.add("flow", invocation.flag("flow"));
    BELAY_ASSIGN(Value data, relay.get(target.str()));
    Value* const found = data.find(name);
    for (Value& each : found && found->isArray() ? found->asArray() : json::Array()) {
      cut = static_cast<std::int64_t>(all.size()) == most;
      if (cut) break;
      all.push_back(std::move(each));
    }
    const std::string next = data.text("next");
    more = next > after && !cut;
    after = next;
  }
  api::Envelope out;
  out.data.set(name, std::move(all)).set("more", more || cut);
  return out;
}

Result<api::Envelope> listHosts(Invocation& invocation) {
  return list(invocation, "/v1/hosts", "hosts");
}
Result<api::Envelope> listFlows(Invocation& invocation) {
  return list(invocation, "/v1/flows", "flows");
}

/// How long ago the relay has heard of the host.
std::string seen(const Invocation& invocation, const Value& each) {
  if (each.flag("connected")) return "connected";
  const std::string at = each.text("seen_at");
  return at.empty() ? "never" : relative(at, invocation.nowMs());
}

std::string since(const Invocation& invocation, const std::string& at) {
  return at.empty() ? "never" : relative(at, invocation.nowMs());
}

std::string tableOf(const Invocation& invocation, const Table& table, const Value& data) {
  return table.print(Style(invocation.style().color(), 0)) +
         (data.flag("more") ? "there is more: --limit N\n" : "");
}

std::string printHosts(const Invocation& invocation, const Value& data) {
  Table table({"HOST", "LABEL", "SEEN", "FLOWS", "OFFERED"});
  for (const Value& each : data.find("hosts")->asArray()) {
    table.row({each.text("host"), each.text("label"), seen(invocation, each),
               std::to_string(each.integer("flows")), since(invocation, each.text("offered_at"))});
  }
  return table.empty() ? "the relay has no host\n" : tableOf(invocation, table, data);
}

std::string printFlows(const Invocation& invocation, const Value& data) {
  Table table({"FLOW", "RELEASE", "PIN", "STARTERS", "HOST", "SEEN", "AS OF"});
  for (const Value& each : data.find("flows")->asArray()) {
    const std::string label = each.text("label");
    table.row({each.text("flow"), each.text("release").substr(0, kDigitsShown),
               std::to_string(each.integer("pin")), each.flag("startable") ? "yes" : "no",
               label.empty() ? each.text("host") : label, seen(invocation, each),
               since(invocation, each.text("as_of"))});
  }
  return table.empty() ? "no host of the relay offers a flow\n" : tableOf(invocation, table, data);
}

}  // namespace

const Command kFleetHostsCommand{
    "fleet hosts",
    "",
    "list the hosts of a relay, and when it has heard of each last",
    "Needs no daemon, and a token of role operator or starter. What a relay says is hearsay: "
    "`belay start` verifies the host that it means.",
    kHostFlags,
    &listHosts,
    &printHosts};

const Command kFleetFlowsCommand{
    "fleet flows",
    "",
    "list which host of a relay offers which flow and release",
    "As the hosts have said themselves (AS OF), where their policy lets the relay be told "
    "(starts.discovery). SEEN is when the relay has heard of the host last. PIN is the counter of "
    "the pin that names the release; STARTERS says whether starters may have it started.",
    kFlowFlags,
    &listFlows,
    &printFlows};

}  // namespace belay::cli
