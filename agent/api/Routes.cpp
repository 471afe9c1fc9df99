#include "agent/api/Routes.h"

#include <utility>

namespace belay::api {

namespace {

using Handler = void (*)(Backend&, const ExchangePtr&);

constexpr std::string_view kJson = "application/json";

struct Row {
  std::string_view method;
  std::string_view pattern;
  std::string_view auth;
  bool hasBody;
  Handler handler;
  std::string_view contentType = kJson;
  bool whenFull = false;  ///< Frees or decides something: taken while the disk is full.
};

template <runtime::Verb verb>
void control(Backend& backend, const ExchangePtr& exchange) {
  controlRun(backend, exchange, verb);
}
void approve(Backend& backend, const ExchangePtr& exchange) { decideWait(backend, exchange, true); }
void reject(Backend& backend, const ExchangePtr& exchange) { decideWait(backend, exchange, false); }

void pauseIt(Backend& backend, const ExchangePtr& exchange) {
  pauseSchedule(backend, exchange, true);
}
void resumeIt(Backend& backend, const ExchangePtr& exchange) {
  pauseSchedule(backend, exchange, false);
}

// The reads of readTable() come before these, all of class "reader".
constexpr Row kRows[] = {
    {"GET", "/v1/daemon", kReaderClass, false, &describeDaemon},
    // With a key that has begun a run it only says which; else it refuses by itself.
    {"POST", "/v1/runs", kOperatorClass, true, &startRun, kJson, true},
    {"POST", "/v1/runs/{run}/pause", kOperatorClass, false, &control<runtime::Verb::kPause>, kJson,
     true},
    {"POST", "/v1/runs/{run}/resume", kOperatorClass, false, &control<runtime::Verb::kResume>},
    {"POST", "/v1/runs/{run}/stop", kOperatorClass, false, &control<runtime::Verb::kStop>, kJson,
     true},
    {"POST", "/v1/runs/{run}/cancel", kOperatorClass, false, &control<runtime::Verb::kCancel>,
     kJson, true},
    {"POST", "/v1/runs/{run}/retry", kOperatorClass, true, &retryRun},
    {"POST", "/v1/runs/{run}/replay", kOperatorClass, true, &replayRun},
    {"POST", "/v1/runs/{run}/resolve", kOperatorClass, true, &resolveRun, kJson, true},
    {"GET", "/v1/runs/{run}/wait", kReaderClass, false, &awaitRun},
    {"GET", "/v1/runs/{run}/follow", kReaderClass, false, &followRun},
    {"GET", "/v1/runs/{run}/logs", kReaderClass, false, &streamLogs},
    {"POST", "/v1/flows", kOperatorClass, true, &putFlow},
    {"POST", "/v1/flows/{slug}/releases", kOperatorClass, true, &releaseFlow},
    {"POST", "/v1/flows/{slug}/promote", kOperatorClass, true, &promoteFlow},
    {"POST", "/v1/flows/{slug}/rollback", kOperatorClass, true, &rollBackFlow},
    {"POST", "/v1/flows/{slug}/archive", kOperatorClass, true, &archiveFlow},
    {"POST", "/v1/imports", kOperatorClass, true, &importFlow},
    {"POST", "/v1/trust", kOperatorClass, true, &installTrust},
    {"POST", "/v1/pins", kOperatorClass, true, &applyPin},
    {"POST", "/v1/host/release", kOperatorClass, true, &releaseQuarantine},
    {"POST", "/v1/host/rekey", kOperatorClass, false, &rekeyHost},
    {"POST", "/v1/link", kOperatorClass, true, &enrolHost},
    {"GET", "/v1/host/key", kReaderClass, false, &showHostKey},
    {"GET", "/v1/host/offer", kReaderClass, false, &showOffer},
    {"POST", "/v1/starts", kOperatorClass, true, &applyStart},
    {"POST", "/v1/decisions", kOperatorClass, true, &applyDecision, kJson, true},
    {"GET", "/v1/waits/{wait}/request", kReaderClass, false, &showRequest},
    {"GET", "/v1/link/state", kReaderClass, false, &describeLink},
    {"GET", "/v1/flows/{slug}/bindings", kReaderClass, false, &listBindings},
    {"PUT", "/v1/flows/{slug}/bindings/{name}", kOperatorClass, true, &bindFlow},
    {"POST", "/v1/schedules/{slug}/{id}/pause", kOperatorClass, false, &pauseIt, kJson, true},
    {"POST", "/v1/schedules/{slug}/{id}/resume", kOperatorClass, false, &resumeIt},
    {"POST", "/v1/waits/{wait}/approve", kOperatorClass, true, &approve, kJson, true},
    {"POST", "/v1/waits/{wait}/reject", kOperatorClass, true, &reject, kJson, true},
    {"POST", "/v1/callbacks/{wait}", kCallbackClass, true, &answerCallback, kJson, true},
    {"POST", "/v1/events", kOperatorClass, true, &emitEvent},
    {"POST", "/v1/tasks/{task}/{verb}", kOperatorClass, true, &changeTask},
    {"POST", "/v1/webhooks/{slug}/{webhook}", kOperatorClass, true, &deliverWebhook, ""},
    {"POST", "/v1/kv/{space}", kOperatorClass, true, &changeKv},
    {"GET", "/v1/secrets", kOperatorClass, false, &listSecrets},
    {"PUT", "/v1/secrets/{name}", kOperatorClass, true, &setSecret, "application/octet-stream"},
    {"DELETE", "/v1/secrets/{name}", kOperatorClass, true, &removeSecret, kJson, true},
    {"GET", "/v1/secrets/{name}/usages", kOperatorClass, false, &listSecretUsages},
    {"GET", "/v1/connections", kReaderClass, false, &listConnections},
    {"PUT", "/v1/connections/{name}", kOperatorClass, true, &putConnection},
    {"DELETE", "/v1/connections/{name}", kOperatorClass, true, &removeConnection, kJson, true},
    {"GET", "/v1/connections/{name}/usages", kReaderClass, false, &listConnectionUsages},
    {"POST", "/v1/connections/{name}/test", kOperatorClass, true, &testConnection},
    {"PUT", "/v1/connections/{name}/host-keys", kOperatorClass, true, &pinHostKeys},
    {"GET", "/v1/resources/{digest}/content", kReaderClass, false, &streamResource},
    {"POST", "/v1/resources/{digest}/url", kOperatorClass, true, &signResourceUrl},
    {"GET", "/v1/shared/{digest}", kSignedClass, false, &openResourceUrl},
    {"DELETE", "/v1/resources/{digest}", kOperatorClass, false, &deleteResource, kJson, true},
    {"POST", "/v1/journal/verify", kOperatorClass, false, &verifyJournal},
    {"POST", "/v1/journal/backup", kOperatorClass, true, &backupJournal},
    {"POST", "/v1/journal/prune", kOperatorClass, true, &pruneJournal, kJson, true},
};

ExchangePtr makeExchange(Access& access, http::ServerRequest&& request, http::Responder responder,
                         bool whenFull) {
  // The authorizer let only peers of the Unix socket pass.
  const Caller caller = access.callerOf(*request.peer.credentials);
  return std::make_shared<Exchange>(std::move(request), std::move(responder), caller, whenFull);
}

void answerRead(Backend& backend, const ExchangePtr& exchange, const ReadRoute& route) {
  auto query = parseQuery(exchange->request().query);
  if (!query) return exchange->fail(query.error());
  if (const base::Status known = checkQuery(route.queries, *query); !known) {
    return exchange->fail(known.error());
  }
  ReadArguments arguments(exchange->request().params, std::move(*query));
  backend.read(exchange, [read = route.read, arguments = std::move(arguments)](
                             ReadContext& context) { return read(context, arguments); });
}

}  // namespace

std::vector<RouteInfo> describeRoutes() {
  std::vector<RouteInfo> out;
  for (const ReadRoute& read : readTable()) out.push_back({"GET", read.pattern, kReaderClass});
  for (const Row& row : kRows) out.push_back({row.method, row.pattern, row.auth});
  return out;
}

std::vector<http::Route> makeRoutes(Backend& backend, Access& access) {
  std::vector<http::Route> routes;
  for (const ReadRoute& read : readTable()) {
    routes.push_back(http::Route{
        "GET", read.pattern, kReaderClass, 0, "",
        [&backend, &access, &read](http::ServerRequest&& request, http::Responder responder) {
          answerRead(backend, makeExchange(access, std::move(request), std::move(responder), true),
                     read);
        }});
  }
  for (const Row& row : kRows) {
    routes.push_back(http::Route{
        row.method, row.pattern, row.auth, row.hasBody ? backend.options.bodyBytesMax : 0,
        row.hasBody ? row.contentType : std::string_view(),
        [&backend, &access, &row](http::ServerRequest&& request, http::Responder responder) {
          row.handler(backend,
                      makeExchange(access, std::move(request), std::move(responder), row.whenFull));
        }});
  }
  return routes;
}

}  // namespace belay::api
