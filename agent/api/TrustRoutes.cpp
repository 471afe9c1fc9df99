#include <memory>
#include <utility>

#include "agent/api/Routes.h"
#include "agent/api/Trusting.h"
#include "common/base/Text.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using statement::SignedStatement;

namespace {

/// A statement with its signatures, as lines. Nothing when the member is missing.
Result<std::optional<SignedStatement>> statementMember(const Value& body, std::string_view name) {
  BELAY_ASSIGN(const std::string lines, textMember(body, name));
  if (lines.empty()) return std::optional<SignedStatement>{};
  BELAY_ASSIGN(SignedStatement statement, SignedStatement::parse(lines));
  return std::optional<SignedStatement>{std::move(statement)};
}

Result<runtime::TrustOffer> readOffer(const Exchange& exchange) {
  BELAY_ASSIGN(const Value body, exchange.bodyObject());
  BELAY_TRY(checkMembers(body, "root root_digest roster least_roster card"));
  runtime::TrustOffer offer;
  BELAY_ASSIGN(offer.root, statementMember(body, "root"));
  BELAY_ASSIGN(offer.roster, statementMember(body, "roster"));
  BELAY_ASSIGN(offer.card, statementMember(body, "card"));
  if (!offer.root && !offer.roster && !offer.card) {
    return Error{ErrorCode::kInvalidArgument, "the body lacks \"root\", \"roster\" and \"card\""};
  }
  BELAY_ASSIGN(const std::string digest, textMember(body, "root_digest"));
  if (!digest.empty()) {
    offer.rootDigest = crypto::Digest::fromHex(digest);
    if (!offer.rootDigest) {
      return Error{ErrorCode::kInvalidArgument, "\"root_digest\" must be 64 lower-case digits"};
    }
  }
  const Value* least = body.find("least_roster");
  if (least && (!least->isInteger() || least->asInteger() < 0)) {
    return Error{ErrorCode::kInvalidArgument, "\"least_roster\" must be a number"};
  }
  if (least) offer.leastRoster = least->asInteger();
  return offer;
}

/// A fork is more than an error of whoever handed it in.
void alarm(Backend& backend, const Error& error, const std::string& by) {
  if (error.code != ErrorCode::kStatementFork) return;
  backend.deps.log.error("trust.fork", error, {{"by", by}});
}

}  // namespace

void installTrust(Backend& backend, const ExchangePtr& exchange) {
  auto offer = readOffer(*exchange);
  if (!offer) return exchange->fail(offer.error());
  backend.change(exchange,
                 [&backend, exchange,
                  offer = std::move(*offer)](runtime::Runtime& runtime) mutable -> Result<Changed> {
                   offer.ownKey = runtime.hostKey();
                   const runtime::Author author{exchange->caller().shown(), ""};
                   const std::int64_t nowMs = runtime.clock().wallMs();
                   const auto taken = runtime::takeTrust(runtime.journal(), offer, author, nowMs);
                   if (!taken) {
                     alarm(backend, taken.error(), author.by);
                     return taken.error();
                   }
                   backend.deps.log.info("trust.installed",
                                         {{"root", taken->newRoot ? "new" : "as before"},
                                          {"roster", taken->newRoster ? "new" : "as before"},
                                          {"card", taken->newCard ? "new" : "as before"},
                                          {"by", author.by}});
                   Changed changed;
                   changed.data.set("new_root", taken->newRoot)
                       .set("new_roster", taken->newRoster)
                       .set("new_card", taken->newCard);
                   changed.data.set("trust", trustToJson(runtime.journal(), taken->now, nowMs));
                   return changed;
                 });
}

void applyPin(Backend& backend, const ExchangePtr& exchange) {
  const auto statement = [&]() -> Result<SignedStatement> {
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "statement"));
    BELAY_ASSIGN(const std::string lines, textMember(body, "statement", true));
    return SignedStatement::parse(lines);
  }();
  if (!statement) return exchange->fail(statement.error());
  backend.change(
      exchange,
      [&backend, exchange, statement = *statement](runtime::Runtime& runtime) -> Result<Changed> {
        const runtime::Author author{exchange->caller().shown(), ""};
        const auto taken = runtime::takePin(runtime.journal(), runtime.policy(), runtime.hostKey(),
                                            statement, author, runtime.clock().wallMs());
        if (!taken) {
          alarm(backend, taken.error(), author.by);
          return taken.error();
        }
        const statement::Pin& pin = taken->pin.pin.document;
        backend.deps.log.info("pin.accepted", {{"flow", pin.flow},
                                               {"counter", std::to_string(pin.counter)},
                                               {"release", pin.releaseName()},
                                               {"live", taken->live ? "yes" : "waits"},
                                               {"by", author.by}});
        Changed changed;
        changed.data.set("flow", pin.flow).set("pin", pinToJson(taken->pin));
        changed.data.set("existing", taken->existing).set("waiting", !taken->live.has_value());
        if (!taken->live) return changed;
        if (!taken->live->existing) runtime.promoted(pin.flow);
        changed.data.set("live", taken->live->live.release);
        if (taken->live->before != 0) changed.data.set("before", taken->live->before);
        return changed;
      });
}

}  // namespace belay::api
