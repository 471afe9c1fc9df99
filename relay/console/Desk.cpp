#include "relay/console/Desk.h"

#include <chrono>
#include <optional>
#include <utility>

#include "common/http/Client.h"
#include "common/json/Json.h"
#include "relay/mailbox/SqliteMailbox.h"
#include "relay/service/Relay.h"

namespace belay::console {

using base::Error;
using base::ErrorCode;
using base::Result;
using std::chrono::milliseconds;
using wire::Envelope;

namespace {

constexpr milliseconds kPatience{5000};
constexpr milliseconds kLook{50};

Result<Envelope> ofStore(const service::Settings& settings, const Errand& errand) {
  mailbox::SqliteOptions options;
  options.path = service::storePath(settings);
  options.create = false;
  BELAY_ASSIGN(const auto store, mailbox::SqliteMailbox::open(options));
  BELAY_ASSIGN(json::Value data, errand.locally(*store));
  BELAY_TRY(store->commit());
  return Envelope{std::nullopt, std::move(data), {}};
}

/// Nothing when nobody listens at the socket.
Result<std::optional<Envelope>> ofRelay(http::Client& client, const http::ClientRequest& request) {
  auto answer = client.send(request);
  if (answer.ok()) {
    BELAY_ASSIGN(Envelope envelope, wire::parseEnvelope(answer.response().body));
    return std::optional(std::move(envelope));
  }
  const base::Error& error = answer.failure().error;
  if (error.code == ErrorCode::kConnect && !answer.failure().sent) return std::optional<Envelope>();
  return error;
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
  // A relay that starts or ends has the store, and nobody listens yet or any more.
  const base::Clock& clock = invocation.world.clock;
  const milliseconds end = clock.sinceBoot() + kPatience;
  while (true) {
    BELAY_ASSIGN(std::optional<Envelope> answer, ofRelay(client, request));
    if (answer) return std::move(*answer);
    auto stored = ofStore(settings, errand);
    const bool held = !stored && stored.error().code == ErrorCode::kAlreadyRunning;
    if (!held) return stored;
    if (clock.sinceBoot() >= end) {
      return Error{ErrorCode::kAlreadyRunning,
                   "a relay has the store, but nobody answers at " + settings.socket,
                   {"belay-relay doctor", "look at its log"}};
    }
    invocation.world.sleep(kLook);
  }
}

}  // namespace belay::console
