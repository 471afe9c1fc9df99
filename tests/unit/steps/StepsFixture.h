#pragma once

#include <memory>
#include <string>
#include <utility>

#include "agent/steps/HttpCalls.h"
#include "agent/steps/OAuthTokens.h"
#include "agent/steps/Outputs.h"
#include "agent/vault/ConnectionStore.h"
#include "agent/vault/Vault.h"
#include "common/base/BoundedQueue.h"
#include "common/base/Check.h"
#include "common/crypto/SealKey.h"
#include "common/http/Client.h"
#include "common/json/Json.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/SimClock.h"
#include "tests/support/TempFolder.h"
#include "tests/support/TestPeer.h"

namespace belay::test {

/// What steps work with: a vault, a store of resources, a pool, a client that reaches loopback, and
/// a sink to look into.
class StepsFixture {
 public:
  StepsFixture() {
    auto key = crypto::SealKey::fromBytes(std::string(crypto::SealKey::kBytes, 'k'));
    vault = std::move(*vault::Vault::open(folder.at("vault"), std::move(*key), clock, random));
    store = std::move(*resources::ResourceStore::open(folder.at("resources"), clock, random));
    outputs = std::make_unique<steps::Outputs>(*store, *vault, clock, 64);
    tokens = std::make_unique<steps::OAuthTokens>(
        steps::OAuthTokens::World{policy, *vault, realClock});
  }
  void secret(const std::string& name, const std::string& value) {
    BELAY_CHECK(vault->set(name, vault::SecretValue(value)).ok());
  }
  /// The connections of this host, as in its settings.
  void connect(const std::string& sectionJson) {
    auto parsed = vault::ConnectionStore::parse(*json::parse(sectionJson));
    BELAY_CHECK(parsed.ok());
    connections = std::move(*parsed);
  }
  static runtime::Attempt attemptOf(flow::Family family, const std::string& renderedJson) {
    runtime::Attempt attempt;
    attempt.run = *base::RunId::parse("r1");
    attempt.slug = "flow";
    attempt.key = {"call", 1, 1};
    attempt.family = family;
    attempt.renderedJson = renderedJson;
    attempt.idempotencyKey = "0123456789abcdef0123456789abcdef";
    attempt.bootId = "boot-1";
    return attempt;
  }
  runtime::ResultSink sink() {
    return [this](const base::RunId&, const engine::StepKey&, runtime::StepResult result) {
      BELAY_CHECK(results.tryPush(std::move(result)));
    };
  }
  /// The next result; waits for it.
  runtime::StepResult result() { return *results.pop(); }

  TempFolder folder;
  SimClock clock;
  SeededRandom random;
  std::unique_ptr<vault::Vault> vault;
  std::unique_ptr<resources::ResourceStore> store;
  std::unique_ptr<steps::Outputs> outputs;
  vault::ConnectionStore connections;
  base::BoundedQueue<runtime::StepResult> results{100};
  base::PosixClock realClock;  ///< Of the sockets.
  http::SystemResolver resolver;
  http::Client client{http::ClientSettings{}, realClock, resolver};
  steps::WorkerPool pool{"test", 2, 100};
  steps::HttpCalls calls{pool, client, sink()};
  trust::Policy policy = trust::Policy::builtInForUser();
  std::unique_ptr<steps::OAuthTokens> tokens;
};

/// A server that gives each request to a test and answers what it is told, once per connection.
class AnsweringPeer {
 public:
  explicit AnsweringPeer(std::string answer)
      : peer_([this, answer = std::move(answer)](PeerConnection& connection) {
          std::string head = connection.readHead();
          const std::size_t at = head.find("Content-Length: ");
          std::string body;
          if (at != std::string::npos) body = connection.read(std::stoul(head.substr(at + 16)));
          static_cast<void>(requests_.tryPush({std::move(head), std::move(body)}));
          connection.send(answer);
        }) {}
  std::string url(const std::string& target = "/") const { return peer_.url(target); }
  /// Head and body of the next request.
  std::pair<std::string, std::string> request() { return *requests_.pop(); }

  static std::string ok(const std::string& body, const std::string& type = "application/json") {
    return "HTTP/1.1 200 OK\r\nContent-Type: " + type +
           "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
  }

 private:
  base::BoundedQueue<std::pair<std::string, std::string>> requests_{100};
  TestPeer peer_;
};

}  // namespace belay::test
