// Enrolment, sessions and the messages of hosts.

#include <memory>
#include <utility>

#include "common/base/Text.h"
#include "common/crypto/P256.h"
#include "common/json/Json.h"
#include "common/statement/Jws.h"
#include "common/statement/SessionClaim.h"
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
using statement::Jws;
using statement::SessionClaim;

namespace {

constexpr std::int64_t kMsOfSecond = 1'000;
/// So long is the window in which hosts come back, for each of them, in tenths of a millisecond:
/// the work of one that has no ticket, on two processors.
constexpr std::int64_t kReconnectTenthsMs = 17;
constexpr std::int64_t kReconnectSecondsMost = 300;

Result<HostRow> readHost(const http::ServerRequest& request) {
  BELAY_ASSIGN(const Value body, wire::parseBody(request.body));
  BELAY_TRY(wire::checkMembers(body, "key label"));
  HostRow row;
  BELAY_ASSIGN(row.label, wire::textMember(body, "label", true));
  if (row.label.empty() || row.label.size() > wire::kLabelBytesMax) {
    return Error{ErrorCode::kInvalidArgument, "a label has 1 to 128 bytes"};
  }
  const Value* const jwk = body.find("key");
  if (!jwk) return Error{ErrorCode::kInvalidArgument, "the body lacks \"key\""};
  const auto key = crypto::P256PublicKey::fromJwk(*jwk);
  if (!key) return Error{ErrorCode::kInvalidArgument, "\"key\": " + key.error().message};
  row.id = key->thumbprint();
  row.jwk = key->jwk();
  return row;
}

struct SessionRequest {
  std::string statement;
  std::string
      proof;  ///< wire::reconnectProof; empty, or of a key that is gone: the signature counts.
};

/// In the order in which it costs: form, host, relay, nonce, and the elliptic curve last, for those
/// who cannot prove that they were here before.
Result<HostRow> verifySession(Context& context, Mailbox& mailbox, const SessionRequest& request,
                              SessionClaim& claim) {
  BELAY_ASSIGN(const Jws jws, Jws::parse(request.statement));
  if (jws.typ() != SessionClaim::kTyp) {
    return Error{ErrorCode::kStatementKind,
                 "a session needs a statement of kind " + std::string(SessionClaim::kTyp)};
  }
  BELAY_ASSIGN(std::optional<HostRow> host, mailbox.host(jws.kid()));
  if (!host) {
    return Error{ErrorCode::kRelayHost,
                 "this relay has no host " + base::visible(jws.kid()),
                 {"belay link enrol URL --token TOKEN"}};
  }
  BELAY_ASSIGN(claim, SessionClaim::parse(jws.unverifiedPayload()));
  if (claim.relay != context.settings.url) {
    return Error{ErrorCode::kRelayUrl, "the statement is for " + base::visible(claim.relay) +
                                           ", this relay is " + context.settings.url};
  }
  const auto now = context.clock.sinceBoot();
  if (!context.nonces.fresh(claim.nonce, now)) {
    return Error{ErrorCode::kRelayNonce, "the nonce of the statement is not one of the latest"};
  }
  if (!context.reconnectKeys.proves(host->id, request.statement, request.proof)) {
    BELAY_ASSIGN(const Value jwk, json::parse(host->jwk));
    BELAY_ASSIGN(const auto key, crypto::P256PublicKey::fromJwk(jwk));
    auto verified = jws.verify(key, SessionClaim::kTyp);
    if (!verified) return std::move(verified).error();
  }
  context.nonces.use(claim.nonce, now);
  return std::move(*host);
}

std::int64_t reconnectSeconds(std::int64_t hosts) {
  return std::min(kReconnectSecondsMost, 1 + hosts * kReconnectTenthsMs / 10 / kMsOfSecond);
}

http::ServerResponse challenge(Context& context, const Error& error) {
  Value data;
  data.set("nonce", context.nonces.make(context.clock.sinceBoot()));
  return errorResponse(401, error, std::move(data));
}

Result<Outcome> beginSession(Context& context, Mailbox& mailbox, const SessionRequest& request) {
  SessionClaim claim;
  auto host = verifySession(context, mailbox, request, claim);
  if (!host && host.error().code == ErrorCode::kRelayNonce) {
    return Outcome{challenge(context, host.error()), {}, {}, {}};
  }
  if (!host) return std::move(host).error();
  BELAY_ASSIGN(const mailbox::OpenedSession opened,
               mailbox.openSession(host->id, request.statement, context.clock.wallMs()));
  const std::string secret = base::makeToken(context.random);
  Value data;
  data.set("session", secret).set("epoch", opened.epoch).set("received", host->received);
  data.set("reconnect_key", context.reconnectKeys.keyOf(host->id));
  // The host's own word, so that it knows whether there are two of it.
  data.set("previous", opened.previous);
  data.set("poll_max_s", context.settings.pollMax.count() / kMsOfSecond);
  data.set("reconnect_window_s", reconnectSeconds(context.store.hosts()));
  Outcome outcome;
  outcome.response = okResponse(std::move(data));
  outcome.fenced = host->id;
  outcome.onCommitted = [&context, secret, session = Session{host->id, opened.epoch}] {
    context.credentials.openSession(secret, session);
    context.metrics.add(Counter::kSessions);
  };
  return outcome;
}

/// One message of a host.
struct Incoming {
  std::int64_t seq = 0;
  std::string kind;
  Value body;
};

Result<std::vector<Incoming>> readBatch(const http::ServerRequest& request) {
  BELAY_ASSIGN(Value body, wire::parseBody(request.body));
  BELAY_TRY(wire::checkMembers(body, "messages"));
  Value* const list = body.find("messages");
  if (!list || !list->isArray() || list->asArray().size() > wire::kBatchMessagesMax) {
    return Error{ErrorCode::kInvalidArgument, "\"messages\" must be a list of at most " +
                                                  std::to_string(wire::kBatchMessagesMax)};
  }
  std::vector<Incoming> out;
  for (Value& each : list->asArray()) {
    if (!each.isObject()) return Error{ErrorCode::kInvalidArgument, "a message is an object"};
    BELAY_TRY(wire::checkMembers(each, "seq kind body"));
    Incoming message;
    BELAY_ASSIGN(message.seq, wire::numberMember(each, "seq", 1, wire::kSequenceMax, 0));
    BELAY_ASSIGN(message.kind, wire::textMember(each, "kind", true));
    Value* const content = each.find("body");
    const bool inOrder = out.empty() || out.back().seq < message.seq;
    if (message.seq == 0 || !inOrder || !content || !content->isObject()) {
      return Error{ErrorCode::kInvalidArgument,
                   "a message has \"seq\", in rising order, \"kind\" and \"body\", an object"};
    }
    message.body = std::move(*content);
    out.push_back(std::move(message));
  }
  return out;
}

Status openCallback(Context& context, Mailbox& mailbox, const std::string& host,
                    const Value& body) {
  BELAY_TRY(wire::checkMembers(body, "route wait lasts_ms"));
  mailbox::CallbackRow row;
  row.host = host;
  BELAY_ASSIGN(row.route, wire::textMember(body, "route", true));
  BELAY_ASSIGN(row.wait, wire::textMember(body, "wait", true));
  BELAY_ASSIGN(const std::int64_t lastsMs,
               wire::numberMember(body, "lasts_ms", 0, wire::kSequenceMax, 0));
  row.expiresMs = lastsMs == 0 ? 0 : context.clock.wallMs() + lastsMs;
  constexpr std::size_t kDigits = 64;
  if (row.route.size() != kDigits || !base::fromHex(row.route) || row.wait.empty() ||
      row.wait.size() > wire::kLabelBytesMax) {
    return Error{ErrorCode::kInvalidArgument, "a callback has the digest of its route and a wait"};
  }
  return mailbox.openCallback(row, context.settings.callbacksMax);
}

Status setHooks(Mailbox& mailbox, const std::string& host, const Value& body) {
  BELAY_TRY(wire::checkMembers(body, "hooks"));
  const Value* const list = body.find("hooks");
  if (!list || !list->isArray() || list->asArray().size() > wire::kHooksMax) {
    return Error{ErrorCode::kInvalidArgument,
                 "\"hooks\" must be a list of at most " + std::to_string(wire::kHooksMax)};
  }
  std::vector<std::string> hooks;
  for (const Value& each : list->asArray()) {
    if (!each.isString() || each.asString().size() > wire::kHookBytesMax) {
      return Error{ErrorCode::kInvalidArgument, "a hook is a short text"};
    }
    hooks.push_back(each.asString());
  }
  return mailbox.setHooks(host, hooks);
}

Status takeOne(Context& context, Mailbox& mailbox, const std::string& host,
               const Incoming& message) {
  if (message.kind == wire::kCallbackOpen) {
    return openCallback(context, mailbox, host, message.body);
  }
  if (message.kind == wire::kCallbackClosed) {
    BELAY_ASSIGN(const std::string wait, wire::textMember(message.body, "wait", true));
    return mailbox.closeCallback(host, wait);
  }
  if (message.kind == wire::kHooks) return setHooks(mailbox, host, message.body);
  if (message.kind == wire::kRequest) return openApproval(context, mailbox, host, message.body);
  if (message.kind == wire::kReceipt) return takeReceipt(context, mailbox, host, message.body);
  if (message.kind == wire::kStartReceipt) return takeStartReceipt(mailbox, host, message.body);
  if (message.kind == wire::kOffer) return takeOffer(context, mailbox, host, message.body);
  return Error{ErrorCode::kLinkMessage,
               "this relay takes no message of kind " + base::visible(message.kind)};
}

bool isRefusal(ErrorCode code) {
  return code == ErrorCode::kInvalidArgument || code == ErrorCode::kLinkMessage ||
         code == ErrorCode::kRelayQuota || code == ErrorCode::kConflict;
}

Result<Outcome> takeBatch(Context& context, Mailbox& mailbox, const Session& session,
                          const std::vector<Incoming>& messages) {
  BELAY_ASSIGN(const std::optional<HostRow> host, mailbox.host(session.host));
  if (!host) return Error{ErrorCode::kRelayHost, "this host was removed"};
  if (host->epoch != session.epoch) {
    return Error{ErrorCode::kRelayFenced, "a newer session of this host has taken over"};
  }
  context.store.hear(session.host);
  std::int64_t last = host->received;
  Outcome outcome;
  json::Array refused;
  for (const Incoming& message : messages) {
    last = std::max(last, message.seq);
    BELAY_ASSIGN(const bool fresh, mailbox.receive(session.host, message.seq));
    context.metrics.add(fresh ? Counter::kMessagesIn : Counter::kMessagesRepeated);
    if (!fresh) continue;
    const Status taken = takeOne(context, mailbox, session.host, message);
    if (taken && (message.kind == wire::kRequest || message.kind == wire::kReceipt))
      outcome.approvalsChanged = true;
    if (taken) continue;
    // What is refused blocks nothing: it is acknowledged, and its host is told.
    if (!isRefusal(taken.error().code)) return taken.error();
    if (taken.error().code == ErrorCode::kRelayQuota) context.metrics.add(Counter::kQuotaRefused);
    Value each;
    each.set("seq", message.seq).set("code", base::errorText(taken.error().code));
    each.set("message", taken.error().message);
    refused.push_back(std::move(each));
  }
  Value data;
  data.set("acknowledged", last).set("refused", std::move(refused));
  outcome.response = okResponse(std::move(data));
  return outcome;
}

}  // namespace

Result<Session> sessionOf(const Context& context, const http::ServerRequest& request) {
  bool fenced = false;
  const auto session = context.credentials.sessionOf(bearerOf(request), fenced);
  if (session) return *session;
  return Error{fenced ? ErrorCode::kRelayFenced : ErrorCode::kRelayCredential,
               "this session has ended"};
}

void enrolHost(Context& context, http::ServerRequest&& request, http::Responder responder) {
  auto row = readHost(request);
  if (!row) return responder.send(errorResponse(row.error()));
  context.store.post(
      std::move(responder),
      [&context, row = std::move(*row),
       token = wire::digestOf(bearerOf(request))](Mailbox& mailbox) -> Result<Outcome> {
        const std::int64_t nowMs = context.clock.wallMs();
        BELAY_ASSIGN(const std::optional<HostRow> before, mailbox.host(row.id));
        BELAY_TRY(mailbox.enrol(token, row, nowMs));
        // Also to one that was here before: it may not have believed them at the time.
        BELAY_TRY(sendReleases(mailbox, row.id, nowMs));
        Value data;
        data.set("host", row.id).set("label", row.label).set("url", context.settings.url);
        data.set("existing", before.has_value());
        Outcome outcome;
        outcome.response = okResponse(std::move(data));
        outcome.onCommitted = [&context, id = row.id, label = row.label] {
          context.metrics.add(Counter::kEnrolled);
          context.log.info("host.enrolled", {{"host", id}, {"label", label}});
        };
        return outcome;
      });
}

void openSession(Context& context, http::ServerRequest&& request, http::Responder responder) {
  const auto asked = [&]() -> Result<SessionRequest> {
    BELAY_ASSIGN(const Value body, wire::parseBody(request.body));
    BELAY_TRY(wire::checkMembers(body, "statement proof"));
    SessionRequest out;
    BELAY_ASSIGN(out.statement, wire::textMember(body, "statement"));
    BELAY_ASSIGN(out.proof, wire::textMember(body, "proof"));
    return out;
  }();
  if (!asked) return responder.send(errorResponse(asked.error()));
  if (asked->statement.empty()) {
    const Error error{ErrorCode::kRelayNonce, "sign a session over this nonce"};
    return responder.send(challenge(context, error));
  }
  context.store.post(std::move(responder), [&context, asked = *asked](Mailbox& mailbox) {
    return beginSession(context, mailbox, asked);
  });
}

void pollMessages(Context& context, http::ServerRequest&& request, http::Responder responder) {
  const std::int64_t longest = context.settings.pollMax.count() / kMsOfSecond;
  const auto poll = [&]() -> Result<Poll> {
    BELAY_ASSIGN(const Value body, wire::parseBody(request.body));
    BELAY_TRY(wire::checkMembers(body, "ack max wait_s"));
    Poll out;
    BELAY_ASSIGN(out.session, sessionOf(context, request));
    BELAY_ASSIGN(out.acknowledged, wire::numberMember(body, "ack", 0, wire::kSequenceMax, 0));
    BELAY_ASSIGN(const std::int64_t most,
                 wire::numberMember(body, "max", 1, wire::kSequenceMax, wire::kBatchMessagesMax));
    out.most = std::min<std::size_t>(static_cast<std::size_t>(most), wire::kBatchMessagesMax);
    BELAY_ASSIGN(const std::int64_t wait,
                 wire::numberMember(body, "wait_s", 0, wire::kPollSecondsMax, longest));
    out.wait = std::chrono::seconds{std::min(wait, longest)};
    return out;
  }();
  if (!poll) return responder.send(errorResponse(poll.error()));
  context.store.poll(std::move(responder), *poll);
}

void takeMessages(Context& context, http::ServerRequest&& request, http::Responder responder) {
  const auto session = sessionOf(context, request);
  if (!session) return responder.send(errorResponse(session.error()));
  auto messages = readBatch(request);
  if (!messages) return responder.send(errorResponse(messages.error()));
  context.store.post(std::move(responder),
                     [&context, session = *session,
                      messages = std::move(*messages)](Mailbox& mailbox) -> Result<Outcome> {
                       return takeBatch(context, mailbox, session, messages);
                     });
}

}  // namespace belay::service
