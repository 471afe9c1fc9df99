#include <utility>

#include "agent/api/Routes.h"
#include "agent/trust/Decision.h"
#include "common/base/Text.h"
#include "common/crypto/Digest.h"
#include "common/json/Json.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::WaitId;
using json::Value;

namespace {

constexpr std::string_view kBearer = "Bearer ";

/// An answer to an approval on its way: read, signed, then taken.
struct Deciding {
  WaitId wait;
  crypto::Digest digest;
  bool approve = false;
  Value form;
  std::string comment;
};

Result<Deciding> readDecision(const Exchange& exchange, bool approve, bool& hasDigest) {
  BELAY_ASSIGN(Value body, exchange.bodyObject());
  BELAY_TRY(checkMembers(body, "comment form request_digest"));
  Deciding out;
  out.approve = approve;
  BELAY_ASSIGN(out.comment, textMember(body, "comment"));
  if (Value* form = body.find("form")) out.form = std::move(*form);
  BELAY_ASSIGN(const std::string digest, textMember(body, "request_digest"));
  hasDigest = !digest.empty();
  if (!hasDigest) return out;
  const auto parsed = crypto::Digest::fromHex(digest);
  if (!parsed) {
    return Error{ErrorCode::kInvalidArgument,
                 "\"request_digest\" must be 64 lower-case hex digits"};
  }
  out.digest = *parsed;
  BELAY_ASSIGN(out.wait, WaitId::parse(exchange.param("wait")));
  return out;
}

/// In a worker: a signature takes longer than a commit.
void signAndTake(Backend& backend, const ExchangePtr& exchange, Deciding deciding) {
  backend.work(exchange, [&backend, exchange, deciding = std::move(deciding)](Workers::Tools&) {
    trust::Decision decision;
    decision.person = exchange->caller().person();
    decision.uid = exchange->caller().uid;
    decision.request = deciding.digest;
    decision.answer =
        deciding.approve ? trust::DecisionAnswer::kApprove : trust::DecisionAnswer::kReject;
    if (!deciding.form.isNull()) decision.formJson = json::print(deciding.form);
    decision.comment = deciding.comment;
    decision.atMs = backend.deps.clock.wallMs();
    const auto verified =
        trust::signVerified(backend.deps.decisionKey, decision, backend.deps.decisionKeys);
    if (!verified) return exchange->fail(verified.error());
    backend.change(
        exchange,
        [wait = deciding.wait, decided = *verified,
         by = exchange->caller().shown()](runtime::Runtime& runtime) -> Result<Changed> {
          BELAY_TRY(runtime.waits().answerApproval(wait, decided, by));
          Changed changed;
          changed.data.set("wait", wait.str())
              .set("approved", decided.decision.answer == trust::DecisionAnswer::kApprove);
          BELAY_ASSIGN(const std::optional<journal::WaitRow> row, runtime.journal().wait(wait));
          if (row) changed.run = row->run;
          return changed;
        });
  });
}

Result<Deciding> findRequest(ReadContext& context, const Exchange& exchange, Deciding deciding) {
  BELAY_ASSIGN(deciding.wait, findWait(context.journal, exchange.param("wait")));
  BELAY_ASSIGN(const std::optional<journal::WaitRow> row, context.journal.wait(deciding.wait));
  if (!row) {
    return Error{
        ErrorCode::kWaitNotFound, "there is no wait " + deciding.wait.str(), {"belay wait list"}};
  }
  if (row->kind != flow::WaitKind::kApproval) {
    return Error{ErrorCode::kWaitKind,
                 "wait " + row->id.str() + " is of kind " +
                     std::string(flow::waitKindName(row->kind)) + ", not an approval",
                 waitActions(*row)};
  }
  const auto digest = crypto::Digest::fromHex(row->requestDigest);
  if (!digest) {
    return Error{ErrorCode::kJournalCorrupt,
                 "wait " + row->id.str() + " has no digest of its request"};
  }
  deciding.digest = *digest;
  return deciding;
}

bool hasToken(const Backend& backend, const Exchange& exchange, const WaitId& wait) {
  const std::string* header = exchange.request().headers.find("Authorization");
  if (!header || !header->starts_with(kBearer)) return false;
  return base::equalsInConstantTime(std::string_view(*header).substr(kBearer.size()),
                                    backend.deps.callbackToken(wait));
}

}  // namespace

void decideWait(Backend& backend, const ExchangePtr& exchange, bool approve) {
  // A guard against agents that go ahead, not against attackers: those need another user.
  if (backend.jobCallers.has(exchange->request().peer)) {
    return exchange->fail(Error{ErrorCode::kPermission,
                                "approvals are given by people; this process belongs to a job",
                                {"belay wait list, for a person"}});
  }
  bool hasDigest = false;
  auto deciding = readDecision(*exchange, approve, hasDigest);
  if (!deciding) return exchange->fail(deciding.error());
  // Who names what it saw binds the decision to exactly that; and saves a turn of the loop.
  if (hasDigest) return signAndTake(backend, exchange, std::move(*deciding));
  const bool posted = backend.afterCommit(
      [&backend, exchange, deciding = std::move(*deciding)](runtime::Runtime& runtime) {
        ReadContext context = backend.contextOf(runtime);
        auto found = findRequest(context, *exchange, deciding);
        if (!found) return exchange->fail(found.error());
        signAndTake(backend, exchange, std::move(*found));
      });
  if (!posted) exchange->fail(busy());
}

void answerCallback(Backend& backend, const ExchangePtr& exchange) {
  auto wait = WaitId::parse(exchange->param("wait"));
  const bool isOperator = exchange->caller().role == Role::kOperator;
  // Asked first: without the token nobody learns which waits there are.
  if (!isOperator && (!wait || !hasToken(backend, *exchange, *wait))) {
    return exchange->fail(
        Error{ErrorCode::kCallbackToken, "the callback needs the token of its wait"});
  }
  const std::string& body = exchange->request().body;
  if (const base::Status valid = json::check(body.empty() ? "null" : body, runtime::kIntakeLimits);
      !valid) {
    return exchange->fail(valid.error());
  }
  backend.change(exchange, [exchange, isOperator](runtime::Runtime& runtime) -> Result<Changed> {
    WaitId id;
    if (isOperator) {
      BELAY_ASSIGN(id, findWait(runtime.journal(), exchange->param("wait")));
    } else {
      BELAY_ASSIGN(id, WaitId::parse(exchange->param("wait")));
    }
    const std::string& text = exchange->request().body;
    BELAY_TRY(runtime.waits().answerCallback(id, text.empty() ? "null" : text,
                                             exchange->caller().shown()));
    Changed changed;
    changed.data.set("wait", id.str());
    return changed;
  });
}

}  // namespace belay::api
