#include "agent/link/Inbox.h"

#include <utility>

#include "agent/engine/Path.h"
#include "common/base/Text.h"
#include "common/json/Json.h"
#include "common/wire/Body.h"
#include "common/wire/CallbackProof.h"
#include "common/wire/Protocol.h"

namespace belay::link {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

Error malformed(const std::string& what) {
  return Error{ErrorCode::kLinkMessage, "a message of the relay " + what};
}

/// A body in base64, bounded as the local API bounds it.
Result<std::string> bytesOf(const Value& body) {
  const auto bytes = base::fromBase64(body.text("body"));
  if (!bytes) return malformed("has no body in base64");
  if (bytes->size() > wire::kDeliveryBytesMax) return malformed("has a body over its bound");
  return *bytes;
}

}  // namespace

Inbox::Prepared Inbox::prepare(Incoming message, const flow::SyntaxCheck& syntax,
                               const KnownRequests& known, const HostKey& hostKey) {
  Prepared out{std::move(message), std::nullopt, std::nullopt};
  if (out.message.kind == wire::kRelease) out.release = checkRelease(out.message.body, syntax);
  if (isDecision(out.message)) out.decision = checkDecision(out.message.body, known);
  if (isStart(out.message)) out.start = checkStart(out.message.body, known.roster, hostKey);
  return out;
}

Status Inbox::take(runtime::Runtime& runtime, const Prepared& prepared) {
  const Incoming& message = prepared.message;
  if (message.kind == wire::kCallback) return takeCallback(runtime, message.body);
  if (message.kind == wire::kWebhook) return takeWebhook(message.body);
  if (message.kind == wire::kPin) return takePin(runtime, message.body, world_.log);
  if (message.kind == wire::kRoster) return takeRoster(runtime, message.body, world_.log);
  if (prepared.decision) return takeDecision(runtime, *prepared.decision);
  if (prepared.start) return takeStart(runtime, *prepared.start);
  if (!prepared.release) {
    return malformed("is of kind " + base::visible(message.kind) +
                     ", which this host does not know");
  }
  if (!prepared.release->ok()) return prepared.release->error();
  return takeRelease(runtime, prepared.release->value(), world_.log);
}

Status Inbox::takeCallback(runtime::Runtime& runtime, const Value& body) {
  BELAY_TRY(wire::checkMembers(body, "wait timestamp signature body"));
  const std::string name = body.text("wait");
  BELAY_ASSIGN(const std::string bytes, bytesOf(body));
  if (body.text("signature").empty()) return takeUnsigned(runtime, name);
  // First of all: without the token nobody learns which waits there are.
  BELAY_TRY(wire::verifyCallback(world_.callbackToken(name), name, body.text("timestamp"), bytes,
                                 body.text("signature")));
  BELAY_ASSIGN(const base::WaitId wait, base::WaitId::parse(name));
  const std::string text = bytes.empty() ? "null" : bytes;
  BELAY_TRY(json::check(text, runtime::kIntakeLimits));
  return runtime.waits().answerCallback(wait, text,
                                        "relay (signed at " + body.text("timestamp") + ")");
}

/// A delivery that proves nothing: what it brings is dropped, whatever the wait is.
Status Inbox::takeUnsigned(runtime::Runtime& runtime, const std::string& name) {
  const Error refused{ErrorCode::kCallbackSignature,
                      "the callback is not signed, and its wait asks for a signature"};
  const auto wait = base::WaitId::parse(name);
  if (!wait) return refused;
  BELAY_ASSIGN(const std::optional<journal::WaitRow> row, runtime.journal().wait(*wait));
  if (!row || row->kind != flow::WaitKind::kCallback) return refused;
  BELAY_ASSIGN(const Value request, json::parse(row->requestJson));
  if (request.text("auth") != "none") return refused;
  const std::string step(engine::stepIdOf(row->step));
  BELAY_TRY(runtime.policy().checkUnauthenticatedCallback(row->slug, step).status());
  return runtime.waits().answerCallback(*wait, "null", "relay (unauthenticated)");
}

Status Inbox::takeWebhook(const Value& body) {
  BELAY_TRY(wire::checkMembers(body, "flow webhook headers body"));
  triggers::Delivery delivery;
  BELAY_ASSIGN(delivery.body, bytesOf(body));
  const Value* const headers = body.find("headers");
  if (!headers || !headers->isArray()) return malformed("has no header fields");
  for (const Value& field : headers->asArray()) {
    const bool pair = field.isArray() && field.asArray().size() == 2 &&
                      field.asArray()[0].isString() && field.asArray()[1].isString();
    if (!pair) return malformed("has a header field that is none");
    delivery.headers.emplace_back(field.asArray()[0].asString(), field.asArray()[1].asString());
  }
  const auto delivered = world_.events.deliver(body.text("flow"), body.text("webhook"), delivery);
  if (!delivered) return delivered.error();
  world_.log.info("webhook.delivered",
                  {{"flow", body.text("flow")},
                   {"webhook", body.text("webhook")},
                   {"run", delivered->run ? delivered->run->str() : std::string("none")},
                   {"by", "relay"}});
  return {};
}

}  // namespace belay::link
