#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/Text.h"
#include "common/crypto/P256.h"
#include "common/http/Exchange.h"
#include "common/json/Json.h"
#include "common/statement/Jws.h"
#include "common/statement/SessionClaim.h"
#include "common/wire/CallbackProof.h"
#include "relay/mailbox/SqliteMailbox.h"
#include "relay/service/Administration.h"
#include "relay/service/Routes.h"
#include "tests/support/MemoryLog.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/SimClock.h"
#include "tests/support/TempFolder.h"

namespace belay::test {

/// A relay without sockets and threads: requests go into its table, and the store is stepped by
/// hand.
class RelayFixture {
 public:
  struct Answer {
    int status = 0;
    json::Value data;
    std::string code;
    http::Headers headers;
    std::string text;
  };
  /// A request whose answer may come later.
  struct Pending {
    std::optional<Answer> refusal;
    std::shared_ptr<http::ExchangePort> port;  ///< Of its connection.
    std::shared_ptr<http::ExchangeMailbox> box = std::make_shared<http::ExchangeMailbox>();
  };

  RelayFixture() {
    settings.url = "https://relay.test";
    mailbox::SqliteOptions options;
    options.path = folder.at("relay.db");
    auto opened = mailbox::SqliteMailbox::open(options);
    BELAY_CHECK(opened.ok());
    mailbox = std::move(*opened);
    renewStore();
    table = service::makeRouteTable(*context);
  }

  /// As after a restart, with the settings as they are now.
  void renewStore() {
    store = std::make_unique<service::Store>(*mailbox, bounds, clock, metrics, log);
    context.emplace(service::Context{settings, clock, random, log, *store, credentials, metrics,
                                     nonces, reconnectKeys, rates});
  }

  Pending send(const std::string& method, const std::string& target, const std::string& body = "",
               http::Headers headers = {}) {
    http::ServerRequest request;
    request.method = method;
    const std::size_t mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos) request.query = target.substr(mark + 1);
    request.peer.address = local ? "" : address + ":40000";
    if (local) request.peer.credentials = http::PeerCredentials{localUid, 0, 1};
    request.headers = std::move(headers);
    request.body = body;
    if (!body.empty()) {
      request.headers.add("Content-Length", std::to_string(body.size()));
      if (!request.headers.has("Content-Type"))
        request.headers.add("Content-Type", "application/json");
    }
    Pending pending;
    auto admission = table->admit(request);
    if (admission.refusal) {
      pending.refusal = read(*admission.refusal);
      return pending;
    }
    pending.port =
        std::make_shared<http::ExchangePort>(pending.box, http::ExchangeId{}, std::size_t{1} << 20);
    table->handle(std::move(request), http::Responder(pending.port));
    return pending;
  }
  /// Nothing while there is no answer.
  std::optional<Answer> answerOf(Pending& pending) {
    if (pending.refusal) return pending.refusal;
    step();
    for (http::ExchangePost& post : pending.box->take()) {
      if (post.kind == http::ExchangePost::Kind::kAnswer) return read(post.response);
    }
    return std::nullopt;
  }
  Answer ask(const std::string& method, const std::string& target, const std::string& body = "",
             http::Headers headers = {}) {
    Pending pending = send(method, target, body, std::move(headers));
    auto answer = answerOf(pending);
    BELAY_CHECK(answer.has_value());
    return std::move(*answer);
  }
  void step() { BELAY_CHECK(store->step().ok()); }

  static http::Headers bearer(const std::string& secret) {
    return http::Headers{{"Authorization", "Bearer " + secret}};
  }
  std::string newToken(const std::string& role, std::int64_t seconds = 3600) {
    json::Value body;
    body.set("role", role).set("expires_s", seconds);
    auto token = service::makeToken(body, random, clock.wallMs());
    BELAY_CHECK(token.ok() && mailbox->addToken(token->row).ok() && mailbox->commit().ok());
    credentials.addToken(token->row);
    return token->secret;
  }
  Answer enrol(const crypto::P256PrivateKey& by, const std::string& token) {
    return ask("POST", "/v1/enrol", "{\"key\":" + by.publicKey().jwk() + ",\"label\":\"web-1\"}",
               bearer(token));
  }
  std::string nonce() { return ask("POST", "/v1/session", "{}").data.text("nonce"); }
  Answer claim(const crypto::P256PrivateKey& by, const statement::SessionClaim& what) {
    return ask("POST", "/v1/session",
               "{\"statement\":\"" +
                   statement::signJws(by, statement::SessionClaim::kTyp, what.print()) + "\"}");
  }
  statement::SessionClaim claimFor(const std::string& nonce) const {
    statement::SessionClaim out;
    out.relay = settings.url;
    out.nonce = nonce;
    out.epoch = "e1";
    return out;
  }
  /// Enrols a host and opens a session: its bearer.
  std::string session(const crypto::P256PrivateKey& by) {
    BELAY_CHECK(enrol(by, newToken("host")).status == 200);
    return again(by);
  }
  std::string again(const crypto::P256PrivateKey& by) {
    return claim(by, claimFor(nonce())).data.text("session");
  }
  Answer hand(const std::string& session, const std::string& messages) {
    return ask("POST", "/v1/messages", "{\"messages\":" + messages + "}", bearer(session));
  }
  /// The URL's part of a callback that the host of `session` has opened.
  std::string openCallback(const std::string& session, const std::string& wait, int seq = 1,
                           std::int64_t lastsMs = 0) {
    const std::string route = wire::routingId("key", wait);
    const Answer answer = hand(session, "[{\"seq\":" + std::to_string(seq) +
                                            ",\"kind\":\"callback_open\",\"body\":{\"route\":\"" +
                                            wire::digestOf(route) + "\",\"wait\":\"" + wait +
                                            "\",\"lasts_ms\":" + std::to_string(lastsMs) + "}}]");
    BELAY_CHECK(answer.status == 200);
    return "/c/" + route;
  }
  /// The number of the nth message, where the clock has stood still.
  std::int64_t numberOf(int nth) const { return firstNumber + nth - 1; }
  /// `acknowledged`: how many messages.
  Answer poll(const std::string& session, int acknowledged = 0) {
    const std::int64_t ack = acknowledged > 0 ? numberOf(acknowledged) : 0;
    return ask("POST", "/v1/poll", "{\"ack\":" + std::to_string(ack) + ",\"wait_s\":0}",
               bearer(session));
  }

  TempFolder folder;
  SimClock clock;
  const std::int64_t firstNumber = mailbox::leastNumber(clock.wallMs());
  SeededRandom random;
  MemoryLog log;
  service::Settings settings;
  service::StoreSettings bounds;
  service::Metrics metrics;
  service::Credentials credentials;
  service::Nonces nonces{random};
  service::ReconnectKeys reconnectKeys{"the relay's secret"};
  service::Rates rates{1000};
  std::unique_ptr<mailbox::Mailbox> mailbox;
  std::unique_ptr<service::Store> store;
  std::optional<service::Context> context;
  std::unique_ptr<http::RouteTable> table;
  std::string address = "192.0.2.1";
  bool local = false;
  uid_t localUid = 0;
  const crypto::P256PrivateKey key = crypto::P256PrivateKey::generate(random);

 private:
  static Answer read(const http::ServerResponse& response) {
    Answer out;
    out.status = response.status;
    out.headers = response.headers;
    out.text = response.body;
    auto body = json::parse(response.body);
    if (!body) return out;
    if (json::Value* data = body->find("data")) out.data = std::move(*data);
    if (const json::Value* error = body->find("error")) out.code = error->text("code");
    return out;
  }
};

}  // namespace belay::test
