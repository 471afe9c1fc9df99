// Real handshakes over socket pairs, with certificates made for each test: every way in which one
// can be wrong must be refused, with a reason of its own.

#include <string>

#include "tests/unit/tls/TlsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::Status;
using belay::test::clientConfigFor;
using belay::test::serverConfigOf;
using belay::test::TestAuthority;
using belay::test::TlsPair;
using belay::tls::CertificateAlarm;
using belay::tls::TlsClientConfig;
using belay::tls::TlsClientOptions;
using belay::tls::TlsSession;

TEST_GROUP(TlsSession) {
  TestAuthority authority;

  Status connect(const std::string& host, const TestAuthority::Options& options,
                 const TestAuthority& issuer) {
    TlsPair pair(clientConfigFor(authority), host, serverConfigOf(issuer.issue(options)));
    return pair.handshake();
  }

  void refusedBecause(const Status& status, const char* reason) {
    CHECK_FALSE(status.ok());
    CHECK(status.error().code == ErrorCode::kTlsCertificate);
    STRCMP_CONTAINS(reason, status.error().message.c_str());
    CHECK_FALSE(status.error().actions.empty());
  }
};

TEST(TlsSession, carriesBytesBothWays) {
  TlsPair pair(clientConfigFor(authority), "server.test",
               serverConfigOf(authority.issue("server.test")));
  CHECK(pair.handshake().ok());
  STRCMP_EQUAL("hello", pair.serverSays("hello").c_str());
  CHECK(pair.client->write("question").ok());
  std::array<char, 100> buffer{};
  LONGS_EQUAL(8, pair.server->read(buffer)->bytes);
  STRCMP_CONTAINS("TLSv1.3", pair.client->describe().c_str());
}

TEST(TlsSession, refusesACertificateForAnotherName) {
  refusedBecause(connect("other.test", {}, authority), "another name");
  refusedBecause(connect("sub.server.test", {}, authority), "another name");
}

TEST(TlsSession, refusesAnExpiredCertificate) {
  TestAuthority::Options options;
  options.notAfter = "20210101000000";
  refusedBecause(connect("server.test", options, authority), "expired");
}

TEST(TlsSession, refusesACertificateThatIsNotValidYet) {
  TestAuthority::Options options;
  options.notBefore = "20980101000000";
  refusedBecause(connect("server.test", options, authority), "not valid yet");
}

TEST(TlsSession, refusesAnAuthorityThatItDoesNotKnow) {
  const TestAuthority stranger("Stranger");
  refusedBecause(connect("server.test", {}, stranger), "not signed by an authority");
  // The same name makes no authority.
  const TestAuthority impostor("Test Authority");
  refusedBecause(connect("server.test", {}, impostor), "not signed by an authority");
}

TEST(TlsSession, goesOnWithWrongDatesWhereAnAlarmIsHeard) {
  int heard = 0;
  const auto alarm = std::make_shared<CertificateAlarm>([&heard](const std::string&) { ++heard; });
  TlsClientOptions options;
  options.dates = alarm;
  const auto client = clientConfigFor(authority, options);
  const auto handshake = [&](const TestAuthority& issuer, const TestAuthority::Options& what,
                             const std::string& name = "server.test") {
    TlsPair pair(client, name, serverConfigOf(issuer.issue(what)));
    return pair.handshake();
  };
  TestAuthority::Options expired, future;
  expired.notAfter = "20210101000000";
  future.notBefore = "20980101000000";
  CHECK(handshake(authority, expired).ok());
  STRCMP_EQUAL("the certificate of server.test: it has expired", alarm->text().c_str());
  CHECK(handshake(authority, future).ok());
  STRCMP_EQUAL("the certificate of server.test: it is not valid yet", alarm->text().c_str());
  // Whatever else is wrong is refused, and the dates are named with it.
  const Status other = handshake(authority, expired, "other.test");
  refusedBecause(other, "another name");
  STRCMP_CONTAINS("expired", other.error().message.c_str());
  refusedBecause(handshake(TestAuthority("Stranger"), expired), "not signed by an authority");
  CHECK(handshake(authority, {}).ok());
  STRCMP_EQUAL("", alarm->text().c_str());
  LONGS_EQUAL(3, heard);
}

TEST(TlsSession, anAlarmLastsOverSessionsThatLookAtNoCertificate) {
  const auto alarm = std::make_shared<CertificateAlarm>(nullptr);
  TlsClientOptions options;
  options.dates = alarm;
  const auto client = clientConfigFor(authority, options);
  TestAuthority::Options expired;
  expired.notAfter = "20210101000000";
  const auto server = serverConfigOf(authority.issue(expired));
  for (std::uint64_t session = 0; session < 2; ++session) {
    TlsPair pair(client, "server.test", server);
    CHECK(pair.handshake().ok());
    STRCMP_EQUAL("x", pair.serverSays("x").c_str());
    LONGS_EQUAL(session, server->resumptions());
    STRCMP_CONTAINS("expired", alarm->text().c_str());
  }
}

TEST(TlsSession, pinsAKeyBesidesAnAuthority) {
  const auto right = authority.issue("server.test"), next = authority.issue("server.test");
  TlsClientOptions options;
  options.pins = {std::string(64, '0'), right.pin};
  const auto handshake = [&](const TestAuthority::Certificate& certificate) {
    TlsPair pair(clientConfigFor(authority, options), "server.test", serverConfigOf(certificate));
    return pair.handshake();
  };
  CHECK(handshake(right).ok());
  refusedBecause(handshake(next), "none of those that are pinned");
  options.pins.push_back(next.pin);
  CHECK(handshake(next).ok());
  // The right key in the certificate of another authority is not enough.
  const auto stranger = TestAuthority("Stranger").issue("server.test");
  options.pins = {stranger.pin};
  refusedBecause(handshake(stranger), "not signed by an authority");
}

TEST(TlsSession, believesAPinnedKeyWhoeverHasSignedIt) {
  const auto alarm = std::make_shared<CertificateAlarm>(nullptr);
  TestAuthority::Options expired;
  expired.notAfter = "20210101000000";
  const auto certificate = authority.issue(expired);
  TlsClientOptions options;
  options.pins = {certificate.pin};
  const auto handshake = [&](const std::string& name, const TestAuthority::Certificate& shown) {
    TlsPair pair(*TlsClientConfig::create(options), name, serverConfigOf(shown));
    return pair.handshake();
  };
  refusedBecause(handshake("server.test", certificate), "expired");
  options.dates = alarm;
  CHECK(handshake("server.test", certificate).ok());
  STRCMP_CONTAINS("expired", alarm->text().c_str());
  refusedBecause(handshake("other.test", certificate), "another name");
  refusedBecause(handshake("server.test", authority.issue("server.test")), "pinned");
}

TEST(TlsSession, namesAllReasonsAtOnce) {
  TestAuthority::Options options;
  options.notAfter = "20210101000000";
  const Status status = connect("other.test", options, authority);
  refusedBecause(status, "another name");
  STRCMP_CONTAINS("expired", status.error().message.c_str());
}

TEST(TlsSession, believesACertificateForAnAddress) {
  TestAuthority::Options options;
  options.name = "127.0.0.1";
  CHECK(connect("127.0.0.1", options, authority).ok());
  refusedBecause(connect("127.0.0.2", options, authority), "another name");
}

TEST(TlsSession, cannotBeMadeWithoutAName) {
  auto session = TlsSession::client(clientConfigFor(authority), "", 443, 0);
  CHECK_FALSE(session.ok());
}

TEST(TlsSession, saysApartWhenThePeerSpeaksNoTls) {
  TlsPair pair(clientConfigFor(authority), "server.test",
               serverConfigOf(authority.issue("server.test")));
  CHECK(pair.client->handshake().ok());
  constexpr std::string_view kPlain = "HTTP/1.1 400 Bad Request\r\n\r\n";
  CHECK(::send(pair.serverFd.get(), kPlain.data(), kPlain.size(), 0) > 0);
  auto progress = pair.client->handshake();
  CHECK_FALSE(progress.ok());
  CHECK(progress.error().code == ErrorCode::kTls);
}

TEST(TlsSession, saysApartWhenThePeerHangsUp) {
  TlsPair pair(clientConfigFor(authority), "server.test",
               serverConfigOf(authority.issue("server.test")));
  CHECK(pair.client->handshake().ok());
  pair.serverFd.reset();
  auto progress = pair.client->handshake();
  CHECK_FALSE(progress.ok());
  CHECK(progress.error().code == ErrorCode::kTls);
  STRCMP_CONTAINS("closed the connection", progress.error().message.c_str());
}

TEST(TlsSession, tellsAnOrderlyEndFromACut) {
  for (const bool orderly : {true, false}) {
    TlsPair pair(clientConfigFor(authority), "server.test",
                 serverConfigOf(authority.issue("server.test")));
    CHECK(pair.handshake().ok());
    pair.serverSays("x");
    if (orderly) pair.server->closeNotify();
    pair.server.reset();
    pair.serverFd.reset();
    if (orderly) {
      STRCMP_EQUAL("<end>", pair.clientReads().c_str());
      continue;
    }
    std::array<char, 10> buffer{};
    auto got = pair.client->read(buffer);
    CHECK(got.error().code == ErrorCode::kConnect);
  }
}

TEST(TlsSession, startsASecondSessionFromATicket) {
  for (const bool smallRecords : {false, true}) {
    auto serverConfig = serverConfigOf(authority.issue("server.test"));
    auto clientConfig = clientConfigFor(authority, smallRecords);
    for (std::uint64_t session = 0; session < 3; ++session) {
      TlsPair pair(clientConfig, "server.test", serverConfig);
      CHECK(pair.handshake().ok());
      STRCMP_EQUAL("x", pair.serverSays("x").c_str());
      CHECK_EQUAL(session, serverConfig->resumptions());
    }
  }
}

TEST(TlsSession, opensTheTicketsOfAnEarlierProcessWithTheirKey) {
  const auto certificate = authority.issue("server.test");
  const std::string key(belay::tls::TlsServerConfig::kTicketKeyBytes, 'k');
  const std::string other(key.size(), 'o');
  const auto started = [&](const std::string& ticketKey) {
    auto config =
        belay::tls::TlsServerConfig::create(certificate.chainPem, certificate.keyPem, ticketKey);
    CHECK(config.ok());
    return *config;
  };
  auto clientConfig = clientConfigFor(authority, true);
  std::uint64_t resumed = 0;
  for (const std::string& each : {key, key, other, std::string(), key}) {
    const auto serverConfig = started(each);
    TlsPair pair(clientConfig, "server.test", serverConfig);
    CHECK(pair.handshake().ok());
    STRCMP_EQUAL("x", pair.serverSays("x").c_str());
    resumed += serverConfig->resumptions();
  }
  LONGS_EQUAL(1, resumed);
  CHECK_FALSE(
      belay::tls::TlsServerConfig::create(certificate.chainPem, certificate.keyPem, "short").ok());
}

TEST(TlsSession, neverUsesATicketForAnotherName) {
  auto serverConfig = serverConfigOf(authority.issue("server.test"));
  auto clientConfig = clientConfigFor(authority);
  TlsPair first(clientConfig, "server.test", serverConfig);
  CHECK(first.handshake().ok());
  first.serverSays("x");
  TlsPair second(clientConfig, "other.test", serverConfig);
  refusedBecause(second.handshake(), "another name");
}

TEST(TlsSession, keepsRecordsSmallWhereAsked) {
  TlsPair pair(clientConfigFor(authority, true), "server.test",
               serverConfigOf(authority.issue("server.test")));
  CHECK(pair.handshake().ok());
  STRCMP_CONTAINS("TLSv1.2", pair.client->describe().c_str());
  LONGS_EQUAL(1024, pair.serverSays(std::string(3000, 'x')).size());
}

TEST(TlsSession, goesOnWithAWriteThatTheSocketDidNotTake) {
  TlsPair pair(clientConfigFor(authority), "server.test",
               serverConfigOf(authority.issue("server.test")));
  CHECK(pair.handshake().ok());
  const std::string sent(3u << 20, 'x');
  std::string received;
  std::size_t at = 0;
  std::array<char, 20000> buffer{};
  while (received.size() < sent.size()) {
    // What is offered grows and shrinks, as the buffer of a server does.
    const std::size_t offered =
        std::min<std::size_t>(sent.size() - at, at % 3 == 0 ? 5000 : 50'000);
    if (offered != 0) at += pair.server->write(std::string_view(sent).substr(at, offered))->bytes;
    auto got = pair.client->read(buffer);
    CHECK(got.ok());
    received.append(buffer.data(), got->bytes);
  }
  CHECK(received == sent);
}
