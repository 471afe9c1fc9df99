// What people are asked, and what they say: kept and passed on. Nothing of it is believed here.

#include <utility>

#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/crypto/Digest.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"
#include "common/statement/Decision.h"
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
using mailbox::ApprovalRow;
using mailbox::Mailbox;

namespace {

/// About one request by one token: what is wrong is made anew, and a bot speaks for many.
constexpr std::size_t kDecisionsMax = 64;
/// Whoever has heard nothing may hand it in again: whether it is the same, only the host can tell.
constexpr std::int64_t kTriesMax = 16;
constexpr std::int64_t kMsOfSecond = 1'000;
constexpr std::size_t kSummaryBytesMax = 16u << 10;

Error noApproval(const std::string& request) {
  return Error{ErrorCode::kRelayApproval,
               "this relay has no request " + base::visible(request),
               {"belay approvals list --relay URL"}};
}

Result<Value> describe(Mailbox& mailbox, const std::string& request) {
  BELAY_ASSIGN(const std::optional<ApprovalRow> row, mailbox.approval(request));
  if (!row) return noApproval(request);
  BELAY_ASSIGN(const std::optional<mailbox::HostRow> host, mailbox.host(row->host));
  BELAY_ASSIGN(const auto handed, mailbox.handedIn(request));
  BELAY_ASSIGN(Value out, json::parse(row->content));
  out.set("request", row->request).set("host", row->host).set("label", host ? host->label : "");
  if (host) {
    BELAY_ASSIGN(Value key, json::parse(host->jwk));
    out.set("host_key", std::move(key));
    BELAY_ASSIGN(std::string card, mailbox.card(row->host));
    if (!card.empty()) out.set("card", std::move(card));
  }
  out.set("at", base::formatInstant(row->atMs)).set("change", row->change);
  out.set("expires", base::formatInstant(row->expiresMs)).set("closed", row->closed);
  json::Array decisions;
  for (const mailbox::HandedRow& each : handed) {
    Value decision;
    decision.set("decision", each.decision).set("receipt", each.receipt);
    decision.set("at", base::formatInstant(each.atMs));
    decisions.push_back(std::move(decision));
  }
  out.set("decisions", std::move(decisions));
  return out;
}

struct Handed {
  std::string request;
  std::string decision;  ///< Digest of the lines: the signature makes it another one.
  std::string lines;
  std::string token;  ///< Digest of the credential.
};

/// Only to know which request it is for.
Result<Handed> readDecision(const http::ServerRequest& request) {
  BELAY_ASSIGN(const auto statement, statementIn(request, statement::Decision::kTyp,
                                                 "only decisions are handed in here"));
  BELAY_ASSIGN(const auto decision, statement::Decision::parse(statement.unverifiedPayload()));
  if (decision.request.hex() != request.param("request")) {
    return Error{ErrorCode::kInvalidArgument, "the decision is about another request"};
  }
  return Handed{decision.request.hex(), wire::digestOf(statement.lines()), statement.lines(),
                wire::digestOf(bearerOf(request))};
}

Result<Outcome> handIn(Context& context, Mailbox& mailbox, const Handed& handed) {
  BELAY_ASSIGN(const std::optional<ApprovalRow> row, mailbox.approval(handed.request));
  if (!row) return noApproval(handed.request);
  // One that is over by this clock alone is still for its host to judge.
  if (row->closed && !row->expired) {
    return Error{ErrorCode::kWaitClosed, "request " + handed.request + " is closed"};
  }
  const std::int64_t nowMs = context.clock.wallMs();
  BELAY_ASSIGN(const bool pass, mailbox.wantsDecision(handed.request, handed.decision, handed.token,
                                                      kDecisionsMax, kTriesMax));
  Outcome outcome;
  if (pass) {
    Value body;
    body.set("statement", handed.lines);
    BELAY_TRY(mailbox.put(row->host, wire::kDecision, json::print(body), nowMs,
                          quotaOf(context.settings)));
    BELAY_TRY(mailbox.handIn(handed.request, handed.decision, handed.token, nowMs));
    outcome.woken.push_back(row->host);
    outcome.approvalsChanged = true;
  }
  Value data;
  data.set("request", handed.request).set("decision", handed.decision).set("existing", !pass);
  outcome.response = okResponse(std::move(data), 202);
  outcome.onCommitted = [&context] { context.metrics.add(Counter::kDecisions); };
  return outcome;
}

Status tell(Context& context, Mailbox& mailbox, std::string_view kind, const std::string& request,
            const std::string& decision) {
  BELAY_ASSIGN(const bool told, tellOfRequest(mailbox, context.events(), kind, request, decision));
  if (told) context.store.bell().ring();
  return {};
}

}  // namespace

Result<std::string> digestMember(const Value& body, std::string_view name, bool required) {
  BELAY_ASSIGN(std::string text, wire::textMember(body, name, required));
  if ((!required && text.empty()) || crypto::Digest::fromHex(text)) return text;
  return Error{ErrorCode::kInvalidArgument, "\"" + std::string(name) + "\" must be a digest"};
}

Result<std::int64_t> queryNumber(const http::ServerRequest& request, std::string_view name,
                                 std::int64_t most) {
  const auto text = request.queryValue(name);
  if (!text) return 0;
  const auto number = base::parseUnsigned(*text);
  if (number && *number <= static_cast<std::uint64_t>(most))
    return static_cast<std::int64_t>(*number);
  return Error{ErrorCode::kInvalidArgument,
               std::string(name) + " must be a number up to " + std::to_string(most)};
}

Status openApproval(Context& context, Mailbox& mailbox, const std::string& host,
                    const Value& body) {
  BELAY_TRY(wire::checkMembers(body, "request lasts_ms summary sealed statement"));
  ApprovalRow row;
  row.host = host;
  BELAY_ASSIGN(row.request, digestMember(body, "request", true));
  BELAY_ASSIGN(const std::int64_t lastsMs,
               wire::numberMember(body, "lasts_ms", 1, wire::kSequenceMax, 0));
  row.atMs = context.clock.wallMs();
  row.expiresMs = row.atMs + lastsMs;
  BELAY_ASSIGN(row.summary, wire::textMember(body, "summary"));
  BELAY_ASSIGN(const std::string sealed, wire::textMember(body, "sealed"));
  BELAY_ASSIGN(const std::string statement, wire::textMember(body, "statement"));
  if (sealed.empty() == statement.empty() || lastsMs == 0 ||
      row.summary.size() > kSummaryBytesMax) {
    return Error{ErrorCode::kInvalidArgument,
                 "a request has an end, and is either sealed or a statement"};
  }
  Value content;
  content.set("sealed", sealed).set("statement", statement);
  row.content = json::print(content);
  BELAY_ASSIGN(const std::optional<ApprovalRow> before, mailbox.approval(row.request));
  BELAY_TRY(mailbox.openApproval(row, context.settings.approvalsMax));
  context.metrics.add(Counter::kApprovals);
  return before ? Status{} : tell(context, mailbox, kRequestCreated, row.request, {});
}

Status takeReceipt(Context& context, Mailbox& mailbox, const std::string& host, const Value& body) {
  BELAY_TRY(wire::checkMembers(body, "request decision statement closed"));
  BELAY_ASSIGN(const std::string request, digestMember(body, "request", true));
  BELAY_ASSIGN(const std::string decision, digestMember(body, "decision", false));
  BELAY_ASSIGN(const std::string statement, wire::textMember(body, "statement", true));
  BELAY_ASSIGN(const bool closed, wire::flagMember(body, "closed"));
  BELAY_ASSIGN(const std::optional<ApprovalRow> before, mailbox.approval(request));
  BELAY_TRY(mailbox.addReceipt(host, request, decision, statement, closed, context.clock.wallMs()));
  if (!before || before->host != host) return {};
  if (!decision.empty()) {
    BELAY_TRY(tell(context, mailbox, kRequestReceipt, request, decision));
  }
  const bool closes = closed && !before->closed;
  return closes ? tell(context, mailbox, kRequestClosed, request, decision) : Status{};
}

void answerApprovals(Context& context, http::ServerRequest&& request, http::Responder responder) {
  const auto after = queryNumber(request, "after", wire::kSequenceMax);
  if (!after) return responder.send(errorResponse(after.error()));
  const std::int64_t longest = context.settings.pollMax.count() / kMsOfSecond;
  const auto wait = queryNumber(request, "wait_s", longest);
  if (!wait) return responder.send(errorResponse(wait.error()));
  const auto limit = queryNumber(request, "limit", kListedMost);
  if (!limit) return responder.send(errorResponse(limit.error()));
  const std::size_t most = *limit == 0 ? kListedMost : static_cast<std::size_t>(*limit);
  context.store.post(
      std::move(responder),
      [&context, after = *after, wait = *wait, most](Mailbox& mailbox) -> Result<Outcome> {
        BELAY_ASSIGN(Value data, changedApprovals(mailbox, after, most));
        Outcome outcome;
        if (wait > 0 && data.find("approvals")->asArray().empty()) {
          outcome.watch = Watch{after, context.clock.sinceBoot() + std::chrono::seconds{wait}};
        }
        outcome.response = okResponse(std::move(data));
        return outcome;
      });
}

void answerApproval(Context& context, http::ServerRequest&& request, http::Responder responder) {
  context.store.post(std::move(responder),
                     [id = request.param("request")](Mailbox& mailbox) -> Result<Outcome> {
                       BELAY_ASSIGN(Value data, describe(mailbox, id));
                       Outcome outcome;
                       outcome.response = okResponse(std::move(data));
                       return outcome;
                     });
}

void takeDecision(Context& context, http::ServerRequest&& request, http::Responder responder) {
  auto handed = readDecision(request);
  if (!handed) return responder.send(errorResponse(handed.error()));
  context.store.post(std::move(responder),
                     [&context, handed = std::move(*handed)](Mailbox& mailbox) {
                       return handIn(context, mailbox, handed);
                     });
}

}  // namespace belay::service
