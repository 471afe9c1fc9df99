// Pins, releases and rosters: kept and passed on. Nothing of them is believed here.

#include <set>
#include <utility>

#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"
#include "common/statement/Card.h"
#include "common/statement/Pin.h"
#include "common/statement/Root.h"
#include "common/statement/Roster.h"
#include "common/statement/SignedStatement.h"
#include "common/wire/Body.h"
#include "common/wire/CallbackProof.h"
#include "common/wire/Protocol.h"
#include "relay/service/Responses.h"
#include "relay/service/Routes.h"

namespace belay::service {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using mailbox::HostRow;
using mailbox::Mailbox;
using mailbox::PinRow;

namespace {

constexpr std::int64_t kReleasesMax = 10'000;
constexpr std::int64_t kPinsMax = 10'000;

std::string memberJson(std::string_view name, std::string_view value) {
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member(name, value).endObject();
  return out;
}

Result<PinRow> readPin(const http::ServerRequest& request) {
  BELAY_ASSIGN(const auto statement,
               statementIn(request, statement::Pin::kTyp, "only pins are passed on here"));
  // Only to know which ones belong together.
  BELAY_ASSIGN(const auto pin, statement::Pin::parse(statement.unverifiedPayload()));
  PinRow row;
  row.digest = wire::digestOf(statement.lines());
  row.payload = statement.digest().hex();
  row.chain = pin.flow + "/" + pin.channel;
  row.release = pin.release.hex();
  row.text = statement.lines();
  return row;
}

/// A row of the pins that is a roster; its text is the body of the message. No pin's chain has this
/// name.
constexpr std::string_view kRosterChain = "roster";

Status sendPin(Mailbox& mailbox, const std::string& host, const PinRow& pin, std::int64_t nowMs) {
  const bool roster = pin.chain == kRosterChain;
  const auto put =
      mailbox.put(host, roster ? wire::kRoster : wire::kPin,
                  roster ? pin.text : memberJson("statement", pin.text), nowMs, std::nullopt);
  return put ? Status{} : Status{put.error()};
}

Result<PinRow> readRoster(const http::ServerRequest& request) {
  BELAY_ASSIGN(const Value body, wire::parseBody(request.body));
  BELAY_TRY(wire::checkMembers(body, "root statement"));
  BELAY_ASSIGN(const std::string lines, wire::textMember(body, "statement", true));
  BELAY_ASSIGN(const std::string rootLines, wire::textMember(body, "root"));
  BELAY_ASSIGN(const auto statement, statement::SignedStatement::parse(lines));
  if (statement.typ() != statement::Roster::kTyp) {
    return Error{ErrorCode::kStatementKind, "only rosters are passed on here"};
  }
  Value message;
  message.set("statement", statement.lines());
  if (!rootLines.empty()) {
    BELAY_ASSIGN(const auto root, statement::SignedStatement::parse(rootLines));
    if (root.typ() != statement::Root::kTyp) {
      return Error{ErrorCode::kStatementKind, "\"root\" must be a root document"};
    }
    message.set("root", root.lines());
  }
  PinRow row;
  row.chain = kRosterChain;
  row.text = json::print(message);
  row.digest = wire::digestOf(row.text);
  row.payload = statement.digest().hex();
  return row;
}

Status sendRelease(Mailbox& mailbox, const std::string& host, const std::string& digest,
                   std::int64_t nowMs) {
  const auto put =
      mailbox.put(host, wire::kRelease, memberJson("digest", digest), nowMs, std::nullopt);
  return put ? Status{} : Status{put.error()};
}

Result<Outcome> passOn(Context& context, Mailbox& mailbox, PinRow pin) {
  const std::int64_t nowMs = context.clock.wallMs();
  pin.atMs = nowMs;
  BELAY_ASSIGN(const mailbox::Totals totals, mailbox.totals());
  if (totals.pins >= kPinsMax) {
    return Error{ErrorCode::kRelayQuota,
                 "this relay keeps at most " + std::to_string(kPinsMax) + " pins"};
  }
  // One that comes again goes out again: hosts may have refused it, or were not here yet.
  BELAY_ASSIGN(const bool fresh, mailbox.addPin(pin, {}));
  Outcome outcome;
  BELAY_ASSIGN(const std::optional<std::string> release, mailbox.release(pin.release));
  BELAY_ASSIGN(const std::vector<HostRow> hosts, mailbox.hosts());
  for (const HostRow& host : hosts) {
    BELAY_TRY(sendPin(mailbox, host.id, pin, nowMs));
    if (release) BELAY_TRY(sendRelease(mailbox, host.id, pin.release, nowMs));
    outcome.woken.push_back(host.id);
  }
  Value data;
  data.set("pin", pin.payload).set("existing", !fresh);
  data.set("hosts", static_cast<std::int64_t>(outcome.woken.size()));
  outcome.response = okResponse(std::move(data), 202);
  outcome.onCommitted = [&context] { context.metrics.add(Counter::kPins); };
  return outcome;
}

Result<Outcome> keepRelease(Context& context, Mailbox& mailbox, const std::string& digest,
                            const std::string& content) {
  const std::int64_t nowMs = context.clock.wallMs();
  BELAY_ASSIGN(const mailbox::Totals totals, mailbox.totals());
  if (totals.releases >= kReleasesMax) {
    return Error{ErrorCode::kRelayQuota,
                 "this relay keeps at most " + std::to_string(kReleasesMax) + " releases"};
  }
  BELAY_ASSIGN(const bool fresh, mailbox.addRelease(digest, content, nowMs));
  Outcome outcome;
  if (fresh) {
    BELAY_ASSIGN(const std::vector<PinRow> pins, mailbox.pins());
    bool wanted = false;
    for (const PinRow& pin : pins) wanted = wanted || pin.release == digest;
    BELAY_ASSIGN(const std::vector<HostRow> hosts, mailbox.hosts());
    for (const HostRow& host : hosts) {
      if (!wanted) break;
      BELAY_TRY(sendRelease(mailbox, host.id, digest, nowMs));
      outcome.woken.push_back(host.id);
    }
  }
  Value data;
  data.set("release", digest).set("existing", !fresh);
  data.set("hosts", static_cast<std::int64_t>(outcome.woken.size()));
  outcome.response = okResponse(std::move(data), fresh ? 201 : 200);
  outcome.onCommitted = [&context] { context.metrics.add(Counter::kReleases); };
  return outcome;
}

}  // namespace

Status sendReleases(Mailbox& mailbox, const std::string& host, std::int64_t nowMs) {
  BELAY_ASSIGN(const std::vector<PinRow> pins, mailbox.pins());
  std::set<std::string> releases;
  for (const PinRow& pin : pins) {
    BELAY_TRY(sendPin(mailbox, host, pin, nowMs));
    releases.insert(pin.release);
  }
  for (const std::string& digest : releases) {
    BELAY_ASSIGN(const std::optional<std::string> content, mailbox.release(digest));
    if (content) BELAY_TRY(sendRelease(mailbox, host, digest, nowMs));
  }
  return {};
}

void takePin(Context& context, http::ServerRequest&& request, http::Responder responder) {
  auto row = readPin(request);
  if (!row) return responder.send(errorResponse(row.error()));
  context.store.post(std::move(responder), [&context, row = std::move(*row)](Mailbox& mailbox) {
    return passOn(context, mailbox, row);
  });
}

void takeRoster(Context& context, http::ServerRequest&& request, http::Responder responder) {
  auto row = readRoster(request);
  if (!row) return responder.send(errorResponse(row.error()));
  context.store.post(std::move(responder), [&context, row = std::move(*row)](Mailbox& mailbox) {
    return passOn(context, mailbox, row);
  });
}

void takeRelease(Context& context, http::ServerRequest&& request, http::Responder responder) {
  const std::string digest = request.param("digest");
  if (crypto::sha256(request.body).hex() != digest) {
    return responder.send(errorResponse(
        Error{ErrorCode::kFlowDigest, "the content does not have the digest of the path"}));
  }
  if (!base::isUtf8(request.body)) {
    return responder.send(
        errorResponse(Error{ErrorCode::kInvalidArgument, "a release is text in UTF-8"}));
  }
  context.store.post(std::move(responder),
                     [&context, digest, content = std::move(request.body)](Mailbox& mailbox) {
                       return keepRelease(context, mailbox, digest, content);
                     });
}

void takeCard(Context& context, http::ServerRequest&& request, http::Responder responder) {
  struct Card {
    std::string host;
    std::int64_t counter = 0;
    std::string text, label;
  };
  auto read = [&]() -> Result<Card> {
    BELAY_ASSIGN(const auto statement,
                 statementIn(request, statement::Card::kTyp, "only cards of hosts are kept here"));
    // Only to know whose it is, and what people call it.
    BELAY_ASSIGN(const auto card, statement::Card::parse(statement.unverifiedPayload()));
    return Card{card.host(), card.counter, statement.lines(), card.label};
  }();
  if (!read) return responder.send(errorResponse(read.error()));
  context.store.post(
      std::move(responder), [card = std::move(*read)](Mailbox& mailbox) -> Result<Outcome> {
        BELAY_ASSIGN(const bool fresh,
                     mailbox.setCard(card.host, card.counter, card.text, card.label));
        if (!fresh) {
          BELAY_ASSIGN(const std::string there, mailbox.card(card.host));
          if (there != card.text) {
            return Error{ErrorCode::kStatementOld,
                         "the relay has a card of this host with that counter, or a higher one",
                         {"belay trust card --counter N"}};
          }
        }
        Value data;
        data.set("host", card.host).set("existing", !fresh);
        return Outcome{okResponse(std::move(data), 202), {}, {}, {}};
      });
}

}  // namespace belay::service
