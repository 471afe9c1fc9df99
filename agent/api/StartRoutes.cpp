#include <memory>
#include <utility>

#include "agent/api/Routes.h"
#include "agent/runtime/HostTrust.h"
#include "common/base/Check.h"
#include "common/json/Json.h"
#include "common/statement/Sealed.h"

// Starts that starters of the roster have signed, without a relay, and what this host offers them.

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using statement::SignedStatement;

namespace {

/// {"statement": LINES} or {"sealed": JWE}.
struct Brought {
  std::string text;
  bool sealed = false;
};

Result<Brought> readStart(const Exchange& exchange) {
  BELAY_ASSIGN(const Value body, exchange.bodyObject());
  BELAY_TRY(checkMembers(body, "statement sealed"));
  BELAY_ASSIGN(std::string statement, textMember(body, "statement"));
  BELAY_ASSIGN(std::string sealed, textMember(body, "sealed"));
  if (statement.empty() == sealed.empty()) {
    return Error{ErrorCode::kInvalidArgument, "the body has either \"statement\" or \"sealed\""};
  }
  if (sealed.empty()) return Brought{std::move(statement), false};
  return Brought{std::move(sealed), true};
}

Result<SignedStatement> statementOf(const Backend& backend, const Brought& brought) {
  std::string lines = brought.text;
  if (brought.sealed) {
    BELAY_ASSIGN(const crypto::P256PrivateKey key, backend.deps.hostKey());
    BELAY_ASSIGN(lines, statement::unseal(brought.text, statement::kSealedStart, key));
  }
  return SignedStatement::parse(lines);
}

Result<Changed> take(runtime::Runtime& runtime, const SignedStatement& statement,
                     const statement::Believed<statement::Start>& start, const std::string& by) {
  BELAY_ASSIGN(const runtime::Started started, runtime.starts().take(statement, start, by));
  Changed changed;
  changed.data.set("start", start.digest().hex()).set("person", start.signers().front().person);
  changed.data.set("existing", started.existing).set("queued", started.queued);
  changed.run = started.run;
  return changed;
}

/// In a worker: the curve takes longer than a commit.
void verifyAndTake(Backend& backend, const ExchangePtr& exchange, const Brought& brought,
                   const statement::Roster& roster) {
  backend.work(exchange, [&backend, exchange, brought, roster](Workers::Tools&) {
    auto statement = statementOf(backend, brought);
    if (!statement) return exchange->fail(statement.error());
    auto start = statement::verifyStart(*statement, roster);
    if (!start) return exchange->fail(start.error());
    backend.change(exchange, [exchange, statement = std::move(*statement),
                              start = std::move(*start)](runtime::Runtime& runtime) {
      return take(runtime, statement, start, exchange->caller().shown());
    });
  });
}

void answerOffer(const ExchangePtr& exchange, const crypto::P256PrivateKey& key,
                 const statement::Offer& offer) {
  auto jwk = json::parse(key.publicKey().jwk());
  BELAY_CHECK(jwk.ok());
  Value data;
  data.set("host", offer.host).set("host_key", std::move(*jwk));
  data.set("offer", statement::signJws(key, statement::Offer::kTyp, offer.print()));
  exchange->ok(std::move(data));
}

}  // namespace

void applyStart(Backend& backend, const ExchangePtr& exchange) {
  auto brought = readStart(*exchange);
  if (!brought) return exchange->fail(brought.error());
  const bool posted = backend.afterCommit(
      [&backend, exchange, brought = std::move(*brought)](runtime::Runtime& runtime) {
        const auto roster = runtime::rosterInForce(runtime.journal());
        if (!roster) return exchange->fail(roster.error());
        verifyAndTake(backend, exchange, brought, *roster);
      });
  if (!posted) exchange->fail(busy());
}

void showOffer(Backend& backend, const ExchangePtr& exchange) {
  const bool posted = backend.afterCommit([&backend, exchange](runtime::Runtime& runtime) {
    auto offer = runtime.starts().offer();
    if (!offer) return exchange->fail(offer.error());
    if (!*offer) {
      return exchange->fail(
          Error{ErrorCode::kTrustNone,
                "this host believes no roster yet, so it can offer nothing to starters",
                {"belay trust install --root FILE --root-digest DIGEST --roster FILE"}});
    }
    backend.work(exchange, [&backend, exchange, offer = std::move(**offer)](Workers::Tools&) {
      const auto key = backend.deps.hostKey();
      if (!key) return exchange->fail(key.error());
      answerOffer(exchange, *key, offer);
    });
  });
  if (!posted) exchange->fail(busy());
}

}  // namespace belay::api
