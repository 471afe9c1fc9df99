// Callbacks and webhooks: taken from anybody who knows the URL, and kept for the host, which alone
// can tell whether they are right.

#include <utility>

#include "common/base/Text.h"
#include "common/json/Writer.h"
#include "common/wire/CallbackProof.h"
#include "common/wire/Protocol.h"
#include "relay/service/Responses.h"
#include "relay/service/Routes.h"

namespace belay::service {

using base::Error;
using base::ErrorCode;
using base::Result;
using mailbox::Mailbox;

namespace {

/// A wrong signature must not use a callback up, and who can tell is the host: so many different
/// deliveries are passed on until the host says that one was right.
constexpr std::int64_t kDeliveriesMax = 16;

std::string headerOf(const http::ServerRequest& request, std::string_view name) {
  const std::string* const value = request.headers.find(name);
  return value && request.headers.count(name) == 1 ? *value : std::string();
}

Outcome taken(bool existing) {
  json::Value data;
  data.set("stored", true).set("existing", existing);
  return {okResponse(std::move(data), 202), {}, {}, {}};
}

struct Callback {
  std::string route;     ///< Digest.
  std::string delivery;  ///< What makes it the same again.
  std::string timestamp;
  std::string signature;
  std::string body;
};

Result<Outcome> keepCallback(Context& context, Mailbox& mailbox, const Callback& callback) {
  const std::int64_t nowMs = context.clock.wallMs();
  BELAY_ASSIGN(const std::optional<mailbox::CallbackRow> row, mailbox.callback(callback.route));
  if (!row || (row->expiresMs != 0 && row->expiresMs <= nowMs)) {
    return Error{ErrorCode::kCallbackGone, "nobody waits for this callback, or not any more"};
  }
  if (row->lastDelivery == callback.delivery) return taken(true);
  if (row->uses >= kDeliveriesMax) {
    return Error{ErrorCode::kCallbackGone, "this callback has had too many deliveries"};
  }
  std::string body;
  json::Writer writer(body);
  writer.beginObject().member("wait", row->wait).member("timestamp", callback.timestamp);
  writer.member("signature", callback.signature).member("body", base::toBase64(callback.body));
  writer.endObject();
  BELAY_TRY(mailbox.put(row->host, wire::kCallback, body, nowMs, quotaOf(context.settings)));
  BELAY_TRY(mailbox.useCallback(callback.route, callback.delivery));
  Outcome outcome = taken(false);
  outcome.woken = {row->host};
  outcome.onCommitted = [&context] { context.metrics.add(Counter::kCallbacks); };
  return outcome;
}

/// All fields as they came. Errors: kInvalidArgument for what JSON cannot carry.
Result<std::string> webhookBody(const http::ServerRequest& request, const std::string& flow,
                                const std::string& name) {
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("flow", flow).member("webhook", name).name("headers").beginArray();
  for (const http::HeaderField& field : request.headers.fields()) {
    if (!base::isUtf8(field.value)) {
      return Error{ErrorCode::kInvalidArgument,
                   "the field " + base::visible(field.name) + " is not UTF-8"};
    }
    writer.beginArray().string(field.name).string(field.value).endArray();
  }
  writer.endArray().member("body", base::toBase64(request.body)).endObject();
  return out;
}

}  // namespace

void takeCallback(Context& context, http::ServerRequest&& request, http::Responder responder) {
  Callback callback;
  callback.route = wire::digestOf(request.param("route"));
  callback.timestamp = headerOf(request, wire::kTimestampHeader);
  callback.signature = headerOf(request, wire::kSignatureHeader);
  if (!base::isUtf8(callback.timestamp) || !base::isUtf8(callback.signature)) {
    return responder.send(
        errorResponse(Error{ErrorCode::kCallbackSignature, "the signature is not text"}));
  }
  callback.delivery = wire::digestOf(callback.timestamp + "\n" + callback.signature + "\n" +
                                     wire::digestOf(request.body));
  callback.body = std::move(request.body);
  context.store.post(std::move(responder),
                     [&context, callback = std::move(callback)](Mailbox& mailbox) {
                       return keepCallback(context, mailbox, callback);
                     });
}

void takeWebhook(Context& context, http::ServerRequest&& request, http::Responder responder) {
  const std::string host = request.param("host");
  const std::string hook = request.param("hook");
  const std::size_t dot = hook.find('.');
  const bool named = dot != std::string::npos;
  auto body = webhookBody(request, hook.substr(0, dot), named ? hook.substr(dot + 1) : "");
  if (!body) return responder.send(errorResponse(body.error()));
  context.store.post(
      std::move(responder),
      [&context, host, hook, body = std::move(*body)](Mailbox& mailbox) -> Result<Outcome> {
        BELAY_ASSIGN(const bool known, mailbox.hasHook(host, hook));
        if (!known) return Error{ErrorCode::kNotFound, "there is no such webhook"};
        BELAY_TRY(mailbox.put(host, wire::kWebhook, body, context.clock.wallMs(),
                              quotaOf(context.settings)));
        Outcome outcome = taken(false);
        outcome.woken = {host};
        outcome.onCommitted = [&context] { context.metrics.add(Counter::kWebhooks); };
        return outcome;
      });
}

}  // namespace belay::service
