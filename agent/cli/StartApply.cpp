#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/RunPages.h"
#include "agent/cli/Signing.h"
#include "common/base/Text.h"
#include "common/json/Json.h"
#include "common/statement/Offer.h"

// What a host has to do with starts where there is no relay: it says what it offers, and takes a
// start that came as a file.

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

constexpr std::size_t kStartBytesMax = 1u << 20;
constexpr Flag kOfferFlags[] = {
    {"out", 0, "FILE", "write it for starters: `belay start --offer FILE`"}};

Result<api::Envelope> apply(Invocation& invocation) {
  BELAY_ASSIGN(const std::string text,
               readText(invocation, invocation.argument(0), kStartBytesMax));
  Value body;
  body.set(base::trim(text).starts_with('{') ? "sealed" : "statement", base::trim(text));
  return invocation.post("/v1/starts", body);
}

std::string printApplied(const Invocation& invocation, const Value& data) {
  const std::string what =
      data.text("person") + (data.flag("existing") ? " had started run" : " has started run");
  return runLine(invocation.style(), what, data);
}

Result<api::Envelope> offer(Invocation& invocation) {
  BELAY_ASSIGN(api::Envelope answer, invocation.get("/v1/host/offer"));
  if (answer.error) return answer;
  BELAY_ASSIGN(const auto statement, statement::SignedStatement::parse(answer.data.text("offer")));
  BELAY_ASSIGN(Value said, json::parse(statement.unverifiedPayload()));
  if (invocation.has("out")) {
    BELAY_TRY(writeNew(invocation.flag("out"), json::print(answer.data) + "\n"));
    answer.data.set("file", invocation.flag("out"));
  }
  answer.data.set("offered", std::move(said));
  return answer;
}

std::string printOffer(const Invocation& invocation, const Value& data) {
  Table table({"FLOW", "STARTERS", "PIN", "RELEASE"});
  const Value* const offered = data.find("offered");
  const Value* const flows = offered ? offered->find("flows") : nullptr;
  for (const Value& each : flows ? flows->asArray() : json::Array()) {
    table.row({each.text("flow"), each.flag("startable") ? "yes" : "no", each.text("pin"),
               each.text("release")});
  }
  const std::string file = data.text("file");
  const std::string wrote = file.empty() ? "" : "wrote it to " + shown(file) + "\n";
  if (table.empty()) return "this host offers nothing to starters\n" + wrote;
  return table.print(Style(invocation.style().color(), 0)) + wrote;
}

}  // namespace

const Command kStartApplyCommand{
    "start apply",
    "FILE",
    "give a start that a starter has signed to this host: it verifies it, and starts the run",
    "FILE comes from `belay start FLOW --on HOST --offer FILE --out FILE`. By the policy and the "
    "roster in force at this moment; what it came to is final.",
    {},
    &apply,
    &printApplied,
    Completes::kFile};

const Command kHostOfferCommand{
    "host offer",
    "",
    "show which flows this host offers to starters, signed by its key",
    "Those that starts.allow of the policy names, and whose live release a signed pin names; with "
    "starts.discovery: all also the others. Over a link the relay is told the same.",
    kOfferFlags,
    &offer,
    &printOffer};

}  // namespace belay::cli
