// What root and the relay's own user ask on the Unix socket.

#include <utility>

#include "common/wire/Body.h"
#include "relay/service/Administration.h"
#include "relay/service/Endpoints.h"
#include "relay/service/Responses.h"
#include "relay/service/Routes.h"

namespace belay::service {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using mailbox::Mailbox;

void deleteHost(Context& context, http::ServerRequest&& request, http::Responder responder) {
  context.store.post(std::move(responder),
                     [&context, id = request.param("host")](Mailbox& mailbox) -> Result<Outcome> {
                       BELAY_ASSIGN(Value data, removeHost(mailbox, id, context.events()));
                       context.store.bell().ring();
                       Outcome outcome;
                       outcome.response = okResponse(std::move(data));
                       outcome.fenced = id;
                       outcome.onCommitted = [&context, id] {
                         context.credentials.endSession(id);
                         context.log.info("host.removed", {{"host", id}});
                       };
                       return outcome;
                     });
}

void answerTokens(Context& context, http::ServerRequest&&, http::Responder responder) {
  context.store.post(std::move(responder), [&context](Mailbox& mailbox) -> Result<Outcome> {
    BELAY_ASSIGN(Value data, listTokens(mailbox, context.clock.wallMs()));
    return Outcome{okResponse(std::move(data)), {}, {}, {}};
  });
}

void newToken(Context& context, http::ServerRequest&& request, http::Responder responder) {
  auto made = [&]() -> Result<NewToken> {
    BELAY_ASSIGN(const Value body, wire::parseBody(request.body));
    return makeToken(body, context.random, context.clock.wallMs());
  }();
  if (!made) return responder.send(errorResponse(made.error()));
  context.store.post(std::move(responder),
                     [&context, token = std::move(*made)](Mailbox& mailbox) -> Result<Outcome> {
                       BELAY_TRY(mailbox.addToken(token.row));
                       Outcome outcome;
                       outcome.response = okResponse(toJson(token), 201);
                       outcome.onCommitted = [&context, row = token.row] {
                         context.credentials.addToken(row);
                         context.log.info("token.made", {{"role", row.role}, {"label", row.label}});
                       };
                       return outcome;
                     });
}

void deleteToken(Context& context, http::ServerRequest&& request, http::Responder responder) {
  context.store.post(
      std::move(responder),
      [&context, prefix = request.param("token")](Mailbox& mailbox) -> Result<Outcome> {
        BELAY_ASSIGN(Value data, removeToken(mailbox, prefix));
        BELAY_ASSIGN(const std::vector<mailbox::TokenRow> left, mailbox.tokens());
        Outcome outcome;
        outcome.response = okResponse(std::move(data));
        outcome.onCommitted = [&context, left] { context.credentials.loadTokens(left); };
        return outcome;
      });
}

void answerEndpoints(Context& context, http::ServerRequest&&, http::Responder responder) {
  context.store.post(std::move(responder), [](Mailbox& mailbox) -> Result<Outcome> {
    BELAY_ASSIGN(Value data, listEndpoints(mailbox));
    return Outcome{okResponse(std::move(data)), {}, {}, {}};
  });
}

void newEndpoint(Context& context, http::ServerRequest&& request, http::Responder responder) {
  auto body = wire::parseBody(request.body);
  if (!body) return responder.send(errorResponse(body.error()));
  context.store.post(std::move(responder),
                     [&context, body = std::move(*body)](Mailbox& mailbox) -> Result<Outcome> {
                       BELAY_ASSIGN(Value data, addEndpoint(mailbox, body, context.random,
                                                            context.clock.wallMs()));
                       context.log.info("events.endpoint_added", {{"endpoint", data.text("hook")}});
                       return Outcome{okResponse(std::move(data), 201), {}, {}, {}};
                     });
}

void changeEndpoint(Context& context, http::ServerRequest&& request, http::Responder responder) {
  auto body = wire::parseBody(request.body);
  if (!body) return responder.send(errorResponse(body.error()));
  context.store.post(std::move(responder),
                     [&context, id = request.param("hook"),
                      body = std::move(*body)](Mailbox& mailbox) -> Result<Outcome> {
                       BELAY_ASSIGN(Value data,
                                    changeEndpoint(mailbox, id, body, context.events()));
                       context.store.bell().ring();
                       return Outcome{okResponse(std::move(data)), {}, {}, {}};
                     });
}

void deleteEndpoint(Context& context, http::ServerRequest&& request, http::Responder responder) {
  context.store.post(std::move(responder),
                     [id = request.param("hook")](Mailbox& mailbox) -> Result<Outcome> {
                       BELAY_ASSIGN(Value data, removeEndpoint(mailbox, id));
                       return Outcome{okResponse(std::move(data)), {}, {}, {}};
                     });
}

}  // namespace belay::service
