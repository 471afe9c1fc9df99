#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/CancelToken.h"
#include "common/base/Clock.h"
#include "common/base/Environment.h"
#include "common/base/Result.h"
#include "common/http/Message.h"
#include "common/http/ProxySettings.h"
#include "common/http/Resolver.h"
#include "common/http/Url.h"

namespace belay::tls {
class CertificateAlarm;
}

namespace belay::http {

/// What comes back: complete, or, where a sink took the body, its head.
struct ClientResponse {
  int status = 0;
  std::string reason;
  Headers headers;
  std::string body;  ///< Empty when the request had a sink.
  Url url;           ///< Where it came from in the end, after redirects.
};

/// Why there is no response.
struct ClientFailure {
  base::Error error;
  /// False proves that no byte of the request left this host: it may be tried again whatever its
  /// effect.
  bool sent = false;
  /// The class for `retry.on` (timeout, connection, unavailable), or empty where a retry cannot
  /// help.
  std::string_view retryClass;
  /// True when the whole `timeout` of the request was used up; a connection that took longer than
  /// its own bound leaves it false.
  bool outOfTime = false;
};

/// Either a response (of any status: 404 is a response) or a failure.
class [[nodiscard]] ClientOutcome {
 public:
  ClientOutcome(ClientResponse response) : state_(std::move(response)) {}
  ClientOutcome(ClientFailure failure) : state_(std::move(failure)) {}

  bool ok() const { return state_.index() == 0; }
  ClientResponse& response() { return std::get<0>(state_); }
  const ClientResponse& response() const { return std::get<0>(state_); }
  const ClientFailure& failure() const { return std::get<1>(state_); }
  /// For callers to whom only the error matters.
  base::Result<ClientResponse> result() &&;

 private:
  std::variant<ClientResponse, ClientFailure> state_;
};

/// Who a client is to a server that asks for a certificate.
struct ClientIdentity {
  std::string chainPem;
  std::string keyPem;
  std::string name;  ///< Another one for another certificate or key: connections are kept by it.

  ~ClientIdentity();
};

/// A body that need not be in memory.
struct StreamedBody {
  /// Gives the next piece, valid until the next call; an empty one is the end.
  using Next = std::function<base::Result<std::string_view>()>;
  std::uint64_t size = 0;
  /// From its beginning; again where the request is made again.
  std::function<base::Result<Next>()> open;
};

/// One request with its bounds. Names and values of headers are checked: nothing in them can end a
/// line.
struct ClientRequest {
  std::string method = "GET";
  std::string url;  ///< http: or https:; with unixSocket only its path and query matter.
  Headers headers;  ///< Host, Content-Length and Connection are set by the client.
  std::string body;
  std::shared_ptr<const StreamedBody> streamed;  ///< Instead of `body`; shared by copies.
  std::string unixSocket;  ///< Not empty: the path of the socket to connect to; no proxy, no TLS.

  std::chrono::milliseconds connectTimeout{10'000};  ///< Name, connection, proxy and TLS together.
  std::chrono::milliseconds timeout{30'000};         ///< From start to last byte.
  std::chrono::milliseconds idleTimeout{0};  ///< Longest silence of the peer; 0: as `timeout`.
  std::size_t responseBytesMax = 16u << 20;  ///< More is kHttpBodyTooLarge, never a truncation.
  std::size_t headerBytesMax = 64u << 10;

  int redirectsMax = 0;  ///< 0: a redirect is the response. Never from https to http.
  /// Asked before each redirect is followed; its error becomes the failure.
  std::function<base::Status(const Url&)> allowRedirect;
  /// Fields that hold credentials, besides Authorization and Cookie: never sent to another origin.
  std::vector<std::string> secretHeaders;

  /// Asked for each address before it is connected to, so that a name cannot lead where the policy
  /// does not allow; when none is left, its error becomes the failure. Not asked for what a proxy
  /// connects to.
  std::function<base::Status(const Address&)> allowAddress;
  /// Kept connections are shared only with requests of the same name: what was checked for one, or
  /// proven to the server by one, is nothing to another.
  std::string compartment;

  std::string caFile;  ///< Instead of the client's; empty: the client's.
  std::shared_ptr<const ClientIdentity> identity;  ///< Null: none; shared by copies.
  std::shared_ptr<const ProxySettings> proxy;      ///< Instead of the client's; shared by requests.
  const base::CancelToken* cancel = nullptr;       ///< Must outlive the call.

  /// Takes the body as it comes, from the calling thread; an error ends the transfer and becomes
  /// the failure.
  std::function<base::Status(std::string_view)> onBody;
  /// Called with status and headers before the body comes; the body of the response is empty then.
  std::function<base::Status(const ClientResponse&)> onHead;
};

/// What all requests of one client share.
struct ClientSettings {
  ProxySettings proxy;
  std::string
      caFile;  ///< A PEM bundle; empty: the bundle of the system, found as TlsClientConfig says.
  base::EnvironmentLookup
      environment;  ///< For SSL_CERT_FILE and SSL_CERT_DIR; empty: neither is looked at.
  std::string userAgent = "belay";
  bool smallRecords = false;  ///< See TlsClientOptions, as for the following two.
  std::vector<std::string> pins;
  std::shared_ptr<tls::CertificateAlarm> dates;  ///< Shared with whoever looks at it.
  std::size_t idleConnectionsMax = 8;  ///< Kept open for the next request to the same origin.
  std::chrono::milliseconds idleConnectionAge{20'000};
};

/// Makes HTTP/1.1 requests, one at a time per calling thread: Poco's session over a plain or Mbed
/// TLS socket, the response read by HttpParser.
///
/// Threads:   any; each call blocks its own thread.
/// Ownership: clock and resolver must outlive the client.
/// Errors:    kUrlInvalid, kInvalidArgument (the request); kConnect, kProxy, kTls, kTlsCertificate,
///            kTimeout, kCancelled, kHttpProtocol, kHttpBodyTooLarge, and what a sink returned.
class Client {
 public:
  Client(ClientSettings settings, const base::Clock& clock, Resolver& resolver);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Returns a complete response, or what failed and whether anything had left. Never retries what
  /// might have had an effect; a request on a kept connection that turns out dead is repeated on a
  /// new one only where nothing can have been taken (GET, HEAD, OPTIONS, PUT, DELETE).
  ClientOutcome send(const ClientRequest& request);

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// The class of an answer's status for `retry.on` of a flow: 429 rate_limited, 408 and 504 timeout,
/// 502 and 503 unavailable, other 5xx server_error, else empty.
std::string_view retryClassOf(int status);
/// The class of a failure's code: timeout, connection, unavailable, or empty.
std::string_view retryClassOf(base::ErrorCode code);

}  // namespace belay::http
