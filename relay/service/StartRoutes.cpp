// Starts on their way to hosts: kept and passed on, sealed. Nothing of them can be read here.

#include <algorithm>
#include <utility>

#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/json/Json.h"
#include "common/wire/Body.h"
#include "common/wire/Protocol.h"
#include "relay/service/Responses.h"
#include "relay/service/Routes.h"

namespace belay::service {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using mailbox::Mailbox;
using mailbox::StartRow;

namespace {

constexpr std::int64_t kLastsLeastMs = 3'600'000;
constexpr std::int64_t kLastsMostMs = 366LL * 24 * 3'600'000;
/// Whoever has heard nothing may hand it in again: whether it is the same, only the host can tell.
constexpr std::int64_t kTriesMax = 16;

struct Handed {
  StartRow row;
  std::string sealed;
};

Result<Handed> readStart(const Context& context, const http::ServerRequest& request) {
  BELAY_ASSIGN(const Value body, wire::parseBody(request.body));
  BELAY_TRY(wire::checkMembers(body, "host start lasts_ms sealed"));
  Handed out;
  BELAY_ASSIGN(out.row.host, wire::textMember(body, "host", true));
  BELAY_ASSIGN(out.row.start, digestMember(body, "start", true));
  BELAY_ASSIGN(const std::int64_t lastsMs,
               wire::numberMember(body, "lasts_ms", 1, kLastsMostMs, kLastsLeastMs));
  BELAY_ASSIGN(out.sealed, wire::textMember(body, "sealed", true));
  if (out.sealed.empty())
    return Error{ErrorCode::kInvalidArgument, "a start is sealed for its host"};
  out.row.atMs = context.clock.wallMs();
  out.row.expiresMs = out.row.atMs + std::max(lastsMs, kLastsLeastMs);
  return out;
}

Result<Outcome> handIn(Context& context, Mailbox& mailbox, const Handed& handed) {
  const StartRow& row = handed.row;
  BELAY_ASSIGN(const bool pass, mailbox.putStart(row, context.settings.startsMax, kTriesMax));
  Outcome outcome;
  if (pass) {
    Value body;
    body.set("start", row.start).set("sealed", handed.sealed);
    BELAY_TRY(mailbox.put(row.host, wire::kStart, json::print(body), row.atMs,
                          quotaOf(context.settings)));
    outcome.woken.push_back(row.host);
  }
  Value data;
  data.set("start", row.start).set("host", row.host).set("existing", !pass);
  outcome.response = okResponse(std::move(data), 202);
  outcome.onCommitted = [&context] { context.metrics.add(Counter::kStarts); };
  return outcome;
}

Result<Value> describe(Mailbox& mailbox, const std::string& start) {
  BELAY_ASSIGN(const std::optional<StartRow> row, mailbox.start(start));
  if (!row) return Error{ErrorCode::kRelayStart, "this relay has no start " + base::visible(start)};
  Value out;
  out.set("start", row->start).set("host", row->host).set("receipt", row->receipt);
  out.set("at", base::formatInstant(row->atMs)).set("expires", base::formatInstant(row->expiresMs));
  return out;
}

}  // namespace

Status takeStartReceipt(Mailbox& mailbox, const std::string& host, const Value& body) {
  BELAY_TRY(wire::checkMembers(body, "start statement"));
  BELAY_ASSIGN(const std::string start, digestMember(body, "start", true));
  BELAY_ASSIGN(const std::string statement, wire::textMember(body, "statement", true));
  return mailbox.addStartReceipt(host, start, statement);
}

void takeStart(Context& context, http::ServerRequest&& request, http::Responder responder) {
  auto handed = readStart(context, request);
  if (!handed) return responder.send(errorResponse(handed.error()));
  context.store.post(std::move(responder),
                     [&context, handed = std::move(*handed)](Mailbox& mailbox) {
                       return handIn(context, mailbox, handed);
                     });
}

void answerStart(Context& context, http::ServerRequest&& request, http::Responder responder) {
  context.store.post(std::move(responder),
                     [start = request.param("start")](Mailbox& mailbox) -> Result<Outcome> {
                       BELAY_ASSIGN(Value data, describe(mailbox, start));
                       return Outcome{okResponse(std::move(data)), {}, {}, {}};
                     });
}

}  // namespace belay::service
