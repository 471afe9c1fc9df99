#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/http/Client.h"
#include "common/http/Server.h"
#include "common/http/TlsTransport.h"
#include "tests/support/MemoryLog.h"
#include "tests/support/TestCertificates.h"
#include "tests/support/TestPeer.h"
#include "tests/unit/http/ServerFixture.h"

namespace belay::test {

/// Every name is this host, unless the test says that it does not exist.
class LoopbackResolver final : public http::Resolver {
 public:
  base::Result<std::vector<http::Address>> resolve(const std::string& host, std::uint16_t port,
                                                   const tls::Deadline&) override {
    asked.push_back(host);
    http::Address address;
    if (host == "missing.test")
      return base::Error{base::ErrorCode::kConnect, "look up missing.test: no such name"};
    if (!http::parseAddress(host, port, address))
      BELAY_CHECK(http::parseAddress("127.0.0.1", port, address));
    return std::vector<http::Address>{address};
  }

  std::vector<std::string> asked;
};

/// Our own server in a thread, on loopback or on a Unix socket, plain or with TLS.
class RunningServer {
 public:
  using OnRequest = std::function<void(const http::ServerRequest&, http::Responder)>;

  RunningServer(OnRequest onRequest, const std::string& unixPath,
                std::shared_ptr<tls::TlsServerConfig> config = {})
      : secure(config != nullptr), transports_(std::move(config)) {
    handler.onRequest = std::move(onRequest);
    handler.bodyBytesMax = 1u << 20;
    auto made = http::Server::create({}, handler, clock_, log_);
    BELAY_CHECK(made.ok());
    server_ = std::move(made).value();
    if (!unixPath.empty()) BELAY_CHECK(server_->listenUnix(unixPath, 0600).ok());
    base::UniqueFd socket = listenOnLoopback();
    port = portOf(socket);
    BELAY_CHECK(server_->listen(std::move(socket), {secure ? &transports_ : nullptr, false}).ok());
    thread_ = std::thread([this] { BELAY_CHECK(server_->run().ok()); });
  }
  explicit RunningServer(OnRequest onRequest)
      : RunningServer(std::move(onRequest), std::string()) {}
  RunningServer(OnRequest onRequest, const TestAuthority::Certificate& certificate)
      : RunningServer(
            std::move(onRequest), {},
            std::move(tls::TlsServerConfig::create(certificate.chainPem, certificate.keyPem))
                .value()) {}
  ~RunningServer() {
    server_->stop();
    thread_.join();
  }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  std::string url(const std::string& host, const std::string& target = "/") const {
    return (secure ? "https://" : "http://") + host + ":" + std::to_string(port) + target;
  }

  const bool secure;
  std::uint16_t port = 0;
  ScriptedHandler handler;

 private:
  base::PosixClock clock_;
  MemoryLog log_;
  http::TlsTransports transports_;
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

/// Answers with the request line, the headers and the body.
inline void echo(const http::ServerRequest& request, http::Responder responder) {
  std::string shown = request.method + " " + request.path + "?" + request.query + "\n";
  for (const auto& field : request.headers.fields())
    shown += field.name + ": " + field.value + "\n";
  http::ServerResponse response =
      http::ServerResponse::of(200, "text/plain", shown + "\n" + request.body);
  response.headers.add("Set-Cookie", "a=1");
  response.headers.add("Set-Cookie", "b=2");
  responder.send(std::move(response));
}

}  // namespace belay::test
