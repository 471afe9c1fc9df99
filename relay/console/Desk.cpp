#include "relay/console/Desk.h"

#include "common/http/Client.h"
#include "common/json/Json.h"
#include "relay/mailbox/SqliteMailbox.h"
#include "relay/service/Relay.h"

namespace belay::console {

using base::ErrorCode;
using base::Result;
using wire::Envelope;

namespace {

Result<Envelope> ofStore(const service::Settings& settings, const Errand& errand) {
  mailbox::SqliteOptions options;
  options.path = service::storePath(settings);
  options.create = false;
  BELAY_ASSIGN(const auto store, mailbox::SqliteMailbox::open(options));
  BELAY_ASSIGN(json::Value data, errand.locally(*store));
  BELAY_TRY(store->commit());
  return Envelope{std::nullopt, std::move(data), {}};
}

}  // namespace

Result<Envelope> run(const Invocation& invocation, const Errand& errand) {
  BELAY_ASSIGN(const service::Settings settings, readSettings(invocation));
  http::SystemResolver resolver;
  http::Client client({}, invocation.world.clock, resolver);
  http::ClientRequest request;
  request.method = errand.method;
  request.url = "http://localhost" + errand.target;
  request.unixSocket = settings.socket;
  if (!errand.body.isNull()) {
    request.body = json::print(errand.body);
    request.headers.add("Content-Type", "application/json");
  }
  auto answer = client.send(request);
  if (answer.ok()) return wire::parseEnvelope(answer.response().body);
  const base::Error& error = answer.failure().error;
  if (error.code == ErrorCode::kConnect && !answer.failure().sent) return ofStore(settings, errand);
  return error;
}

}  // namespace belay::console
