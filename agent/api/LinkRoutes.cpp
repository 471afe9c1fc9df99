#include <utility>

#include "agent/api/Reads.h"
#include "agent/api/Routes.h"
#include "agent/journal/LinkTable.h"
#include "agent/link/Link.h"
#include "agent/link/Standing.h"
#include "common/base/Units.h"
#include "common/wire/Protocol.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::size_t kInboxShown = 10;

Value stateToJson(const link::LinkState& state) {
  Value out;
  out.set("phase", link::phaseName(state.phase)).set("sessions", state.sessions);
  if (state.sinceMs != 0) out.set("since", base::formatInstant(state.sinceMs));
  if (!state.lastError) return out;
  Value error = errorToJson(*state.lastError);
  error.set("at", base::formatInstant(state.lastErrorMs));
  out.set("last_error", std::move(error));
  return out;
}

/// What the relay has no room for; null when it has all.
Result<Value> heldJson(journal::LinkTable& table, const link::Standing& standing) {
  if (standing.refusal.empty()) return Value();
  BELAY_ASSIGN(const std::int64_t requests, table.heldRequests());
  BELAY_ASSIGN(const std::int64_t callbacks, table.heldCallbacks());
  if (requests + callbacks == 0) return Value();
  Value out;
  out.set("requests", requests).set("callbacks", callbacks);
  out.set("code", standing.refusalCode).set("message", standing.refusal);
  out.set("at", base::formatInstant(standing.refusalMs));
  return out;
}

/// A name that people know the machine by.
Result<std::string> labelOf(const Value& body) {
  BELAY_ASSIGN(std::string label, textMember(body, "label", true));
  if (!label.empty() && label.size() <= wire::kLabelBytesMax) return label;
  return Error{ErrorCode::kInvalidArgument, "a label has 1 to 128 bytes"};
}

}  // namespace

Result<Value> readLink(ReadContext& context, const ReadArguments&) {
  BELAY_ASSIGN(const link::Standing standing, link::readStanding(context.journal));
  journal::LinkTable& table = context.journal.link();
  Value link;
  link.set("linked", standing.linked());
  if (standing.linked()) {
    link.set("relay", standing.identity.url).set("host", standing.identity.host);
    link.set("label", standing.identity.label);
    link.set("enrolled_at", base::formatInstant(standing.enrolledMs));
  }
  BELAY_ASSIGN(const std::int64_t waiting, table.outboxSize());
  BELAY_ASSIGN(const std::int64_t callbacks, table.announced());
  link.set("outbox", waiting).set("sent", standing.sent).set("handed", standing.handed);
  link.set("received", standing.received)
      .set("processed", standing.processed)
      .set("callbacks", callbacks);
  BELAY_ASSIGN(Value held, heldJson(table, standing));
  if (!held.isNull()) link.set("held", std::move(held));
  BELAY_ASSIGN(const std::vector<journal::InboxRow> rows, table.inbox(kInboxShown));
  json::Array inbox;
  for (const journal::InboxRow& row : rows) {
    Value each;
    each.set("seq", row.seq).set("kind", row.kind).set("at", base::formatInstant(row.atMs));
    if (!row.outcome.empty()) each.set("refused", row.outcome).set("message", row.note);
    inbox.push_back(std::move(each));
  }
  link.set("inbox", std::move(inbox));
  Value out;
  out.set("link", std::move(link));
  return out;
}

void describeLink(Backend& backend, const ExchangePtr& exchange) {
  Value state = backend.deps.link ? stateToJson(backend.deps.link->state()) : Value();
  const std::string alarm = backend.deps.relayAlarm ? backend.deps.relayAlarm() : std::string();
  if (!alarm.empty()) state.set("alarm", alarm);
  Value out;
  out.set("state", std::move(state));
  exchange->ok(std::move(out));
}

void enrolHost(Backend& backend, const ExchangePtr& exchange) {
  struct Enrolment {
    std::string url, token, label;
  };
  const auto wish = [&]() -> Result<Enrolment> {
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "url token label"));
    Enrolment out;
    BELAY_ASSIGN(out.url, textMember(body, "url", true));
    BELAY_ASSIGN(out.token, textMember(body, "token", true));
    BELAY_ASSIGN(out.label, labelOf(body));
    return out;
  }();
  if (!wish) return exchange->fail(wish.error());
  backend.work(exchange, [&backend, exchange, wish = *wish](Workers::Tools&) {
    if (!backend.deps.link) {
      return exchange->fail(Error{ErrorCode::kUnsupported, "this daemon has no link"});
    }
    const auto identity = backend.deps.link->enrol(wish.url, wish.token, wish.label);
    if (!identity) return exchange->fail(identity.error());
    Value out;
    out.set("relay", identity->url).set("host", identity->host).set("label", identity->label);
    exchange->ok(std::move(out));
  });
}

}  // namespace belay::api
