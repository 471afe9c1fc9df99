#pragma once

#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>

#include "common/base/Files.h"
#include "common/tls/TlsSession.h"
#include "tests/support/TempFolder.h"
#include "tests/support/TestCertificates.h"

namespace belay::test {

/// A client's and a server's session over a socket pair, in one thread: each is moved on in turn.
class TlsPair {
 public:
  TlsPair(std::shared_ptr<tls::TlsClientConfig> clientConfig, const std::string& host,
          std::shared_ptr<tls::TlsServerConfig> serverConfig) {
    std::array<int, 2> ends{};
    BELAY_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) ==
                0);
    clientFd.reset(ends[0]);
    serverFd.reset(ends[1]);
    auto madeClient = tls::TlsSession::client(std::move(clientConfig), host, 443, clientFd.get());
    auto madeServer = tls::TlsSession::server(std::move(serverConfig), serverFd.get());
    BELAY_CHECK(madeClient.ok() && madeServer.ok());
    client = std::move(madeClient).value();
    server = std::move(madeServer).value();
  }

  /// The client's error, or success of both.
  base::Status handshake() {
    for (int i = 0; i < 50; ++i) {
      auto c = client->handshake();
      if (!c.ok()) return std::move(c).error();
      auto s = server->handshake();
      if (!s.ok()) return std::move(s).error().in("server");
      const bool both =
          *c == tls::TlsSession::Progress::kDone && *s == tls::TlsSession::Progress::kDone;
      if (both) return {};
    }
    return base::Error{base::ErrorCode::kInternal, "the handshake does not end"};
  }

  /// One message to the client: TLS 1.3 brings its tickets along.
  std::string serverSays(const std::string& text) {
    BELAY_CHECK(server->write(text).ok());
    return clientReads();
  }

  /// What comes first; a ticket on the way counts for nothing.
  std::string clientReads() {
    std::array<char, 20000> buffer{};
    for (int i = 0; i < 10; ++i) {
      auto got = client->read(buffer);
      BELAY_CHECK(got.ok());
      if (got->progress == tls::TlsSession::Progress::kClosed) return "<end>";
      if (got->bytes != 0) return {buffer.data(), got->bytes};
    }
    return "<nothing>";
  }

  base::UniqueFd clientFd;
  base::UniqueFd serverFd;
  std::unique_ptr<tls::TlsSession> client;
  std::unique_ptr<tls::TlsSession> server;
};

inline std::shared_ptr<tls::TlsServerConfig> serverConfigOf(
    const TestAuthority::Certificate& certificate) {
  auto config = tls::TlsServerConfig::create(certificate.chainPem, certificate.keyPem);
  BELAY_CHECK(config.ok());
  return std::move(config).value();
}

/// A client that believes `authority` and nobody else.
inline std::shared_ptr<tls::TlsClientConfig> clientConfigFor(const TestAuthority& authority,
                                                             tls::TlsClientOptions options) {
  const TempFolder folder;
  const std::string file = folder.at("ca.pem");
  BELAY_CHECK(base::writeFileDurably(file, authority.pem()).ok());
  options.caFile = file;
  auto config = tls::TlsClientConfig::create(options);
  BELAY_CHECK(config.ok());
  return std::move(config).value();
}
inline std::shared_ptr<tls::TlsClientConfig> clientConfigFor(const TestAuthority& authority,
                                                             bool smallRecords = false) {
  tls::TlsClientOptions options;
  options.smallRecords = smallRecords;
  return clientConfigFor(authority, options);
}

}  // namespace belay::test
