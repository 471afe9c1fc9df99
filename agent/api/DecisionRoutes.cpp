#include <memory>
#include <utility>

#include "agent/api/Routes.h"
#include "agent/runtime/Gates.h"
#include "agent/runtime/HostTrust.h"
#include "common/base/Check.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

// Approvals that people of the roster answer, without a relay: the request as a file, and decisions
// that come as one.

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using statement::SignedStatement;

namespace {

/// In a worker: the curve takes longer than a commit.
void verifyAndTake(Backend& backend, const ExchangePtr& exchange, const SignedStatement& statement,
                   const statement::Roster& roster) {
  backend.work(exchange, [&backend, exchange, statement, roster](Workers::Tools&) {
    const auto believed = statement::verifyDecision(statement, roster);
    if (!believed) return exchange->fail(believed.error());
    backend.change(
        exchange,
        [exchange, statement, decision = *believed](runtime::Runtime& runtime) -> Result<Changed> {
          BELAY_ASSIGN(const auto taken,
                       runtime.gates().take(statement, decision, exchange->caller().shown()));
          Changed changed;
          changed.data.set("wait", taken.wait.str());
          changed.data.set("request", decision.document().request.hex());
          changed.data.set("gate", statement::gateName(taken.gate));
          changed.run = taken.run;
          return changed;
        });
  });
}

Result<SignedStatement> readDecision(const Exchange& exchange) {
  BELAY_ASSIGN(const Value body, exchange.bodyObject());
  BELAY_TRY(checkMembers(body, "statement"));
  BELAY_ASSIGN(const std::string lines, textMember(body, "statement", true));
  return SignedStatement::parse(lines);
}

Value keyOf(const crypto::P256PublicKey& key) {
  auto jwk = json::parse(key.jwk());
  BELAY_CHECK(jwk.ok());
  return std::move(*jwk);
}

/// The bytes that the host's key signs.
Result<std::string> requestOf(ReadContext& context, const std::string& name) {
  BELAY_ASSIGN(const base::WaitId wait, findWait(context.journal, name));
  BELAY_ASSIGN(const std::optional<journal::WaitRow> row, context.journal.wait(wait));
  if (!row) {
    return Error{ErrorCode::kWaitNotFound, "there is no wait " + wait.str(), {"belay wait list"}};
  }
  if (runtime::gateRequest(row->requestJson)) return row->requestJson;
  return Error{ErrorCode::kWaitKind,
               "wait " + wait.str() + " is no approval that people of the roster answer",
               waitActions(*row)};
}

}  // namespace

void applyDecision(Backend& backend, const ExchangePtr& exchange) {
  auto statement = readDecision(*exchange);
  if (!statement) return exchange->fail(statement.error());
  const bool posted = backend.afterCommit(
      [&backend, exchange, statement = std::move(*statement)](runtime::Runtime& runtime) {
        const auto roster = runtime::rosterInForce(runtime.journal());
        if (!roster) return exchange->fail(roster.error());
        verifyAndTake(backend, exchange, statement, *roster);
      });
  if (!posted) exchange->fail(busy());
}

void showHostKey(Backend& backend, const ExchangePtr& exchange) {
  backend.work(exchange, [&backend, exchange](Workers::Tools&) {
    const auto key = backend.deps.hostKey();
    if (!key) return exchange->fail(key.error());
    Value data;
    data.set("host", key->publicKey().thumbprint()).set("key", keyOf(key->publicKey()));
    exchange->ok(std::move(data));
  });
}

void showRequest(Backend& backend, const ExchangePtr& exchange) {
  const bool posted = backend.afterCommit([&backend, exchange](runtime::Runtime& runtime) {
    ReadContext context = backend.contextOf(runtime);
    auto payload = requestOf(context, exchange->param("wait"));
    if (!payload) return exchange->fail(payload.error());
    backend.work(exchange, [&backend, exchange, payload = *payload](Workers::Tools&) {
      const auto key = backend.deps.hostKey();
      if (!key) return exchange->fail(key.error());
      Value data;
      data.set("request", crypto::sha256(payload).hex());
      data.set("statement", statement::signJws(*key, statement::Request::kTyp, payload));
      data.set("host_key", keyOf(key->publicKey()));
      exchange->ok(std::move(data));
    });
  });
  if (!posted) exchange->fail(busy());
}

}  // namespace belay::api
