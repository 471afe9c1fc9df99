// Which hosts there are, and what they offer. All of it is their own word, which others verify.

#include <algorithm>
#include <utility>

#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/json/Json.h"
#include "common/statement/Offer.h"
#include "common/statement/SignedStatement.h"
#include "common/wire/Body.h"
#include "relay/service/Administration.h"
#include "relay/service/Responses.h"
#include "relay/service/Routes.h"

namespace belay::service {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using mailbox::Mailbox;
using mailbox::OfferRow;
using statement::Offer;
using statement::SignedStatement;

namespace {

/// Hosts of one page, and flows after which it ends.
constexpr std::int64_t kHostsMost = 200;
constexpr std::size_t kFlowsMost = 2'000;

/// How fresh what is said of a host is.
void addStaleness(Value& out, const OfferRow& row, const Store& store) {
  const Store::Seen seen = store.seen(row.host);
  out.set("host", row.host).set("label", row.label).set("connected", seen.connected);
  const std::int64_t seenMs = std::max(seen.seenMs, row.seenMs);
  if (seenMs != 0) out.set("seen_at", base::formatInstant(seenMs));
  if (!row.offer.empty()) out.set("offered_at", base::formatInstant(row.offeredMs));
}

/// Nothing when there is none.
std::optional<Offer> offerOf(const OfferRow& row) {
  if (row.offer.empty()) return std::nullopt;
  const auto statement = SignedStatement::parse(row.offer);
  if (!statement) return std::nullopt;
  auto offer = Offer::parse(statement->unverifiedPayload());
  return offer ? std::optional(std::move(*offer)) : std::nullopt;
}

struct Page {
  std::string after;
  std::size_t most = 0;
};

Result<Page> pageOf(const http::ServerRequest& request) {
  BELAY_ASSIGN(const std::int64_t limit, queryNumber(request, "limit", kHostsMost));
  return Page{request.queryValue("after").value_or(""),
              static_cast<std::size_t>(limit == 0 ? kHostsMost : limit)};
}

Result<Value> listPage(Mailbox& mailbox, const Page& page, const Store& store) {
  BELAY_ASSIGN(const std::vector<OfferRow> rows, mailbox.offers(page.after, page.most));
  json::Array hosts;
  for (const OfferRow& row : rows) {
    Value host;
    addStaleness(host, row, store);
    const auto offer = offerOf(row);
    host.set("flows", offer ? static_cast<std::int64_t>(offer->flows.size()) : 0);
    hosts.push_back(std::move(host));
  }
  Value out;
  out.set("hosts", std::move(hosts));
  if (rows.size() == page.most) out.set("next", rows.back().host);
  return out;
}

Value flowJson(const Offer::Flow& flow, const Offer& offer, const OfferRow& row,
               const Store& store) {
  Value out;
  out.set("flow", flow.flow).set("release", flow.release.hex()).set("pin", flow.pin);
  out.set("startable", flow.startable);
  out.set("input", flow.input == crypto::Digest{} ? "" : flow.input.hex());
  out.set("as_of", base::formatInstant(offer.createdMs));
  addStaleness(out, row, store);
  return out;
}

Result<Value> listFlows(Mailbox& mailbox, const Page& page, const std::string& wanted,
                        const Store& store) {
  BELAY_ASSIGN(const std::vector<OfferRow> rows, mailbox.offers(page.after, page.most));
  json::Array flows;
  std::string last;
  bool all = rows.size() < page.most;
  for (const OfferRow& row : rows) {
    if (flows.size() >= kFlowsMost) {
      all = false;
      break;
    }
    last = row.host;
    const auto offer = offerOf(row);
    if (!offer) continue;
    for (const Offer::Flow& flow : offer->flows) {
      if (wanted.empty() || flow.flow == wanted)
        flows.push_back(flowJson(flow, *offer, row, store));
    }
  }
  Value out;
  out.set("flows", std::move(flows));
  if (!all) out.set("next", last);
  return out;
}

Result<Value> describe(Mailbox& mailbox, const std::string& name, const Store& store) {
  BELAY_ASSIGN(const std::vector<OfferRow> rows, mailbox.offersOf(name));
  if (rows.empty()) return Error{ErrorCode::kRelayHost, "there is no host " + base::visible(name)};
  const OfferRow& row = rows.front();
  if (row.host != name && rows.size() > 1) {
    return Error{ErrorCode::kConflict, "several hosts have the label " + base::visible(name) +
                                           ": name one by its thumbprint"};
  }
  Value out;
  addStaleness(out, row, store);
  BELAY_ASSIGN(const std::optional<mailbox::HostRow> host, mailbox.host(row.host));
  if (host) {
    BELAY_ASSIGN(Value key, json::parse(host->jwk));
    out.set("host_key", std::move(key));
  }
  BELAY_ASSIGN(std::string card, mailbox.card(row.host));
  if (!card.empty()) out.set("card", std::move(card));
  out.set("offer", row.offer);
  return out;
}

}  // namespace

Status takeOffer(Context& context, Mailbox& mailbox, const std::string& host, const Value& body) {
  BELAY_TRY(wire::checkMembers(body, "statement"));
  BELAY_ASSIGN(const std::string lines, wire::textMember(body, "statement", true));
  // Read to be listed, and by nobody believed: but it says whose it is.
  const auto statement = SignedStatement::parse(lines);
  const auto offer = statement && statement->typ() == Offer::kTyp
                         ? Offer::parse(statement->unverifiedPayload())
                         : Result<Offer>(Error{ErrorCode::kStatementKind, "it is no offer"});
  if (!offer || offer->host != host)
    return Error{ErrorCode::kInvalidArgument, "\"statement\" must be this host's offer"};
  return mailbox.setOffer(host, lines, context.clock.wallMs());
}

void answerHosts(Context& context, http::ServerRequest&& request, http::Responder responder) {
  auto page = pageOf(request);
  if (!page) return responder.send(errorResponse(page.error()));
  // Who administers the relay sees all of them, and what waits for each.
  const bool local = request.peer.credentials.has_value();
  context.store.post(
      std::move(responder), [&context, page = *page, local](Mailbox& mailbox) -> Result<Outcome> {
        auto data = local ? listHosts(mailbox) : listPage(mailbox, page, context.store);
        if (!data) return std::move(data).error();
        return Outcome{okResponse(std::move(*data)), {}, {}, {}};
      });
}

void answerHost(Context& context, http::ServerRequest&& request, http::Responder responder) {
  context.store.post(std::move(responder),
                     [&context, name = request.param("host")](Mailbox& mailbox) -> Result<Outcome> {
                       BELAY_ASSIGN(Value data, describe(mailbox, name, context.store));
                       return Outcome{okResponse(std::move(data)), {}, {}, {}};
                     });
}

void answerFlows(Context& context, http::ServerRequest&& request, http::Responder responder) {
  auto page = pageOf(request);
  if (!page) return responder.send(errorResponse(page.error()));
  context.store.post(std::move(responder),
                     [&context, page = *page, flow = request.queryValue("flow").value_or("")](
                         Mailbox& mailbox) -> Result<Outcome> {
                       BELAY_ASSIGN(Value data, listFlows(mailbox, page, flow, context.store));
                       return Outcome{okResponse(std::move(data)), {}, {}, {}};
                     });
}

}  // namespace belay::service
