#include "common/http/Client.h"

#include <algorithm>
#include <array>
#include <map>

#include "common/base/Mutex.h"
#include "common/base/Text.h"
#include "common/crypto/Wipe.h"
#include "common/http/ClientConnection.h"
#include "common/http/ConnectionPool.h"
#include "common/http/Connector.h"
#include "common/tls/TlsClientConfig.h"

namespace belay::http {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using tls::Deadline;

/// How a message is framed and where it goes is the client's to say.
constexpr std::array<std::string_view, 7> kOwnFields{
    "Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "TE", "Expect"};
/// A server may have taken these twice without harm.
constexpr std::size_t kTlsConfigsMax = 256;
constexpr std::array<std::string_view, 5> kRepeatable{"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};

ClientFailure failureOf(Error error, bool sent) {
  const std::string_view retryClass = retryClassOf(error.code);
  return {std::move(error), sent, retryClass, false};
}

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view other) { return base::equalsIgnoringCase(other, name); });
}

Status checkRequest(const ClientRequest& request) {
  if (!isToken(request.method) || request.method == "CONNECT" || request.method == "TRACE") {
    return Error{ErrorCode::kInvalidArgument,
                 "the method \"" + base::visible(request.method) + "\" cannot be sent"};
  }
  for (const HeaderField& field : request.headers.fields()) {
    const std::string shown = "the header \"" + base::visible(field.name) + "\" ";
    if (!isToken(field.name))
      return Error{ErrorCode::kInvalidArgument, shown + "has a name that is not valid"};
    if (!isFieldValue(field.value)) {
      return Error{ErrorCode::kInvalidArgument,
                   shown + "has control characters, or spaces at its ends"};
    }
    if (contains(kOwnFields, field.name))
      return Error{ErrorCode::kInvalidArgument, shown + "is set by the client"};
  }
  return {};
}

bool isRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// What is sent in one hop: changes on the way through redirects.
struct Hop {
  Url url;
  std::string method;
  Headers headers;
  std::string_view body;
  const StreamedBody* streamed = nullptr;
};

/// Credentials are for whom they were given to.
void dropCredentials(Headers& headers, const ClientRequest& request) {
  for (const std::string_view name : {"Authorization", "Cookie", "Proxy-Authorization"})
    headers.remove(name);
  for (const std::string& name : request.secretHeaders) headers.remove(name);
}

Status followRedirect(const ClientRequest& request, const ClientResponse& response, Hop& hop) {
  BELAY_ASSIGN(const Url next, resolveReference(hop.url, *response.headers.find("Location")));
  if (hop.url.secure() && !next.secure()) {
    return Error{ErrorCode::kHttpProtocol,
                 hop.url.authority() + " redirects from https to http, which is not followed"};
  }
  if (request.allowRedirect) BELAY_TRY(request.allowRedirect(next));
  if (!next.sameOrigin(hop.url)) dropCredentials(hop.headers, request);
  const bool toGet = response.status == 303 ||
                     ((response.status == 301 || response.status == 302) && hop.method == "POST");
  if (toGet && hop.method != "HEAD") {
    hop.method = "GET";
    hop.body = {};
    hop.streamed = nullptr;
    hop.headers.remove("Content-Type");
  }
  hop.url = next;
  return {};
}

}  // namespace

/// See Client.
class Client::Implementation {
 public:
  Implementation(ClientSettings settings, const base::Clock& clock, Resolver& resolver)
      : settings_(std::move(settings)),
        clock_(clock),
        resolver_(resolver),
        pool_(settings_.idleConnectionsMax, settings_.idleConnectionAge) {}

  ClientOutcome send(const ClientRequest& request);

 private:
  struct Route {
    const ProxyEndpoint* proxy = nullptr;
    std::string caFile;
    const ClientIdentity* identity = nullptr;
    std::string place;  // Names what a kept connection is good for.
  };

  ClientOutcome sendHop(const ClientRequest& request, const Hop& hop, const Deadline& deadline);
  Route routeFor(const ClientRequest& request, const Url& url) const;
  Result<std::unique_ptr<ClientConnection>> connect(const ClientRequest& request, const Hop& hop,
                                                    const Route& route, const Deadline& deadline);
  Status tunnel(ClientConnection& connection, const Hop& hop, const Route& route,
                const Deadline& deadline);
  Result<std::shared_ptr<tls::TlsClientConfig>> tlsConfig(const Route& route);
  Headers headersFor(const Hop& hop, const Route& route) const;

  // Constant after construction.
  const ClientSettings settings_;
  const base::Clock& clock_;
  Resolver& resolver_;

  // Self-synchronised.
  ConnectionPool pool_;

  base::Mutex mutex_;
  std::map<std::string, std::shared_ptr<tls::TlsClientConfig>> tlsConfigs_ BELAY_GUARDED_BY(mutex_);
};

Result<std::shared_ptr<tls::TlsClientConfig>> Client::Implementation::tlsConfig(
    const Route& route) {
  // Under the lock on purpose: a bundle is read once, however many threads want it at once.
  base::MutexLock lock(mutex_);
  const std::string name = route.caFile + (route.identity ? " " + route.identity->name : "");
  const auto known = tlsConfigs_.find(name);
  if (known != tlsConfigs_.end()) return known->second;
  tls::TlsClientOptions options;
  options.caFile = route.caFile;
  if (route.identity) {
    options.chainPem = route.identity->chainPem;
    options.keyPem = route.identity->keyPem;
  }
  options.environment = settings_.environment;
  options.smallRecords = settings_.smallRecords;
  options.pins = settings_.pins;
  options.dates = settings_.dates;
  BELAY_ASSIGN(auto config, tls::TlsClientConfig::create(options));
  // Identities come and go with the secrets that they are made of.
  if (tlsConfigs_.size() >= kTlsConfigsMax) tlsConfigs_.clear();
  tlsConfigs_[name] = config;
  return config;
}

Client::Implementation::Route Client::Implementation::routeFor(const ClientRequest& request,
                                                               const Url& url) const {
  Route route;
  if (!request.unixSocket.empty()) {
    route.place = "unix:" + request.unixSocket;
    return route;
  }
  route.proxy = (request.proxy ? *request.proxy : settings_.proxy).select(url);
  route.caFile = request.caFile.empty() ? settings_.caFile : request.caFile;
  route.place =
      url.scheme + "://" + url.endpoint() + " " + route.caFile + " " + request.compartment;
  route.identity = request.identity.get();
  if (route.identity != nullptr) route.place += " " + route.identity->name;
  if (route.proxy != nullptr) {
    route.place += " " + route.proxy->host + ":" + std::to_string(route.proxy->port) + " " +
                   route.proxy->authorization();
  }
  return route;
}

Headers Client::Implementation::headersFor(const Hop& hop, const Route& route) const {
  Headers headers{{"Host", hop.url.authority()}};
  for (const HeaderField& field : hop.headers.fields()) headers.add(field.name, field.value);
  if (!headers.has("User-Agent") && !settings_.userAgent.empty())
    headers.add("User-Agent", settings_.userAgent);
  const bool forwarded = route.proxy != nullptr && !hop.url.secure();
  if (forwarded && !route.proxy->user.empty())
    headers.set("Proxy-Authorization", route.proxy->authorization());
  return headers;
}

Result<std::unique_ptr<ClientConnection>> Client::Implementation::connect(
    const ClientRequest& request, const Hop& hop, const Route& route, const Deadline& deadline) {
  if (!request.unixSocket.empty()) {
    BELAY_ASSIGN(auto stream, connectUnix(request.unixSocket, deadline));
    return std::make_unique<ClientConnection>(std::move(stream));
  }
  // Before anything is connected: without authorities no handshake can succeed.
  std::shared_ptr<tls::TlsClientConfig> config;
  if (hop.url.secure()) {
    BELAY_ASSIGN(config, tlsConfig(route));
  }
  const bool proxied = route.proxy != nullptr;
  const std::string& host = proxied ? route.proxy->host : hop.url.host;
  BELAY_ASSIGN(const auto addresses,
               resolver_.resolve(host, proxied ? route.proxy->port : hop.url.port, deadline));
  const std::string peer = proxied ? "the proxy " + host : hop.url.authority();
  BELAY_ASSIGN(auto stream,
               connectTcp(peer, addresses, proxied ? nullptr : request.allowAddress, deadline));
  auto connection = std::make_unique<ClientConnection>(std::move(stream));
  if (!config) return connection;
  if (proxied) BELAY_TRY(tunnel(*connection, hop, route, deadline));
  // Certificates carry no final dot.
  std::string name = hop.url.host;
  if (name.ends_with('.')) name.pop_back();
  BELAY_TRY(connection->stream().startTls(std::move(config), name, hop.url.port, deadline));
  return connection;
}

Status Client::Implementation::tunnel(ClientConnection& connection, const Hop& hop,
                                      const Route& route, const Deadline& deadline) {
  const std::string target = hop.url.endpoint();
  Headers headers{{"Host", target}};
  if (!route.proxy->user.empty()) headers.add("Proxy-Authorization", route.proxy->authorization());
  constexpr std::size_t kHeadBytesMax = 64u << 10;
  auto answer = connection.exchange({"CONNECT", target, headers, {}, nullptr},
                                    {kHeadBytesMax, kHeadBytesMax, false, nullptr}, deadline, {});
  const std::string shown =
      "the proxy " + route.proxy->host + ":" + std::to_string(route.proxy->port);
  if (!answer.ok()) return std::move(answer).error().in(shown);
  if (answer->status == 407) {
    return Error{ErrorCode::kProxy,
                 shown + " wants credentials for " + target,
                 {"set user and password in the proxy's URL: http://user:password@host:port"}};
  }
  if (answer->status / 100 != 2) {
    return Error{
        ErrorCode::kProxy,
        shown + " refuses " + target + ": " + std::to_string(answer->status) + " " + answer->reason,
        {"ask for " + target + " to be allowed, or list it in no_proxy"}};
  }
  return {};
}

ClientOutcome Client::Implementation::sendHop(const ClientRequest& request, const Hop& hop,
                                              const Deadline& deadline) {
  const Route route = routeFor(request, hop.url);
  const Headers headers = headersFor(hop, route);
  const bool forwarded = route.proxy != nullptr && !hop.url.secure();
  const std::string target = forwarded ? hop.url.str() : hop.url.target;
  const ClientConnection::Message message{hop.method, target, headers, hop.body,
                                          hop.streamed};
  const ClientConnection::Expectation expectation{request.responseBytesMax, request.headerBytesMax,
                                                  request.redirectsMax > 0, &request};
  const bool repeatable = contains(kRepeatable, hop.method);
  auto connection = repeatable ? pool_.take(route.place, clock_.sinceBoot()) : nullptr;
  bool kept = connection != nullptr;
  while (true) {
    if (!connection) {
      auto made = connect(request, hop, route, deadline.within(request.connectTimeout));
      if (!made.ok()) return failureOf(std::move(made).error(), false);
      connection = std::move(made).value();
    }
    auto response = connection->exchange(message, expectation, deadline, request.idleTimeout);
    if (response.ok()) {
      response->url = hop.url;
      if (connection->keepable()) pool_.put(route.place, std::move(connection), clock_.sinceBoot());
      return std::move(response).value();
    }
    const bool dead =
        kept && !connection->receivedAny() && response.error().code == ErrorCode::kConnect;
    if (!dead) return failureOf(std::move(response).error(), connection->sentAny());
    // The server closed a connection that waited, which no request can foresee.
    kept = false;
    connection.reset();
  }
}

ClientOutcome Client::Implementation::send(const ClientRequest& request) {
  const Status valid = checkRequest(request);
  if (!valid.ok()) return failureOf(valid.error(), false);
  const bool bare = !request.unixSocket.empty() && request.url.starts_with('/');
  auto url = parseUrl(bare ? "http://localhost" + request.url : request.url);
  if (!url.ok()) return failureOf(std::move(url).error(), false);
  const Deadline deadline(clock_, request.timeout, request.cancel);
  Hop hop{std::move(url).value(), request.method, request.headers, request.body,
          request.streamed.get()};
  for (int redirects = 0;; ++redirects) {
    ClientOutcome outcome = sendHop(request, hop, deadline);
    if (!outcome.ok()) {
      ClientFailure failure = outcome.failure();
      // The first hop has left, whatever became of the last.
      if (redirects > 0) failure = failureOf(failure.error, true);
      failure.outOfTime = failure.error.code == ErrorCode::kTimeout && deadline.left().count() == 0;
      return failure;
    }
    const ClientResponse& response = outcome.response();
    const bool follows = request.redirectsMax > 0 && request.unixSocket.empty() &&
                         isRedirect(response.status) && response.headers.has("Location");
    if (!follows) return outcome;
    if (redirects == request.redirectsMax) {
      return failureOf(Error{ErrorCode::kLimit,
                             "there were more than " + std::to_string(redirects) + " redirects"},
                       true);
    }
    Status next = followRedirect(request, response, hop);
    if (!next.ok()) return failureOf(std::move(next).error(), true);
  }
}

Result<ClientResponse> ClientOutcome::result() && {
  if (ok()) return std::move(response());
  return failure().error;
}

ClientIdentity::~ClientIdentity() { crypto::wipe(keyPem); }

Client::Client(ClientSettings settings, const base::Clock& clock, Resolver& resolver)
    : implementation_(std::make_unique<Implementation>(std::move(settings), clock, resolver)) {}
Client::~Client() = default;

ClientOutcome Client::send(const ClientRequest& request) { return implementation_->send(request); }

std::string_view retryClassOf(int status) {
  switch (status) {
    case 429:
      return "rate_limited";
    case 408:
    case 504:
      return "timeout";
    case 502:
    case 503:
      return "unavailable";
    default:
      return status >= 500 && status <= 599 ? "server_error" : std::string_view{};
  }
}

std::string_view retryClassOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kConnect:
    case ErrorCode::kTls:
      return "connection";
    case ErrorCode::kBusy:
      return "unavailable";
    default:
      return {};
  }
}

}  // namespace belay::http
