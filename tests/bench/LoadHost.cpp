#include "tests/bench/LoadHost.h"

#include <algorithm>
#include <cstdlib>

#include "common/base/Text.h"
#include "common/json/Json.h"
#include "common/statement/Jws.h"
#include "common/statement/SessionClaim.h"
#include "common/tls/MbedParts.h"
#include "common/wire/ReconnectProof.h"

namespace belay::bench {

namespace {

constexpr int kDoublingsMost = 8;

}  // namespace

std::shared_ptr<tls::TlsClientConfig> LoadWorld::makeConfig() const {
  tls::TlsClientOptions options;
  options.caFile = caFile;
  options.smallRecords = true;
  auto config = tls::TlsClientConfig::create(options);
  if (!config) fail(config.error().message);
  mbedtls_ssl_config* const raw = (*config)->parts().config.get();
  // Real hosts do this on processors of their own: here it would take them from the relay.
  mbedtls_ssl_conf_authmode(raw, MBEDTLS_SSL_VERIFY_NONE);
  if (!tickets) mbedtls_ssl_conf_session_tickets(raw, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
  return std::move(*config);
}

std::shared_ptr<tls::TlsClientConfig> LoadWorld::sharedConfig() {
  if (!shared_) shared_ = makeConfig();
  return shared_;
}

std::size_t LoadWorld::newMessage() {
  sentAt.push_back(Clock::now());
  tookMs.push_back(-1);
  stored.push_back(0);
  return sentAt.size() - 1;
}

Clock::time_point LoadWorld::within(double seconds) {
  const double at = std::uniform_real_distribution<double>(0, seconds)(random);
  return Clock::now() + std::chrono::microseconds(static_cast<std::int64_t>(at * 1e6));
}

LoadHost::LoadHost(LoadWorld& world, std::uint32_t number, crypto::P256PrivateKey key)
    : world_(world), number_(number), key_(std::move(key)), connection_(world.loop, *this) {}

void LoadHost::linkAt(Clock::time_point when) {
  attempts_ = 0;
  state_ = State::kWaiting;
  world_.loop.at(when, *this);
}

void LoadHost::unlink() { leave(State::kOff); }

void LoadHost::leave(State next) {
  if (state_ == State::kParked) --world_.parked;
  state_ = next;
  connection_.close();
}

void LoadHost::onTimer() {
  if (state_ == State::kWaiting) connect();
}

void LoadHost::connect() {
  world_.attemptsMost = std::max(world_.attemptsMost, ++attempts_);
  if (world_.tickets && !config_) config_ = world_.makeConfig();
  state_ = State::kChallenge;
  connection_.open(world_.tickets ? config_ : world_.sharedConfig(), number_ % 200, world_.port);
  connection_.send(postRequest("/v1/session", "", "{}"));
}

/// As agent/link does it: the window doubles with each failure but the first.
void LoadHost::retry() {
  if (state_ == State::kParked) {
    ++world_.lost;
    attempts_ = 0;
  }
  leave(State::kWaiting);
  world_.loop.at(world_.within(window_ * (1 << std::clamp(attempts_ - 1, 0, kDoublingsMost))),
                 *this);
}

void LoadHost::onEvent() {
  if (state_ == State::kOff || state_ == State::kWaiting) return;
  const bool alive = connection_.progress();
  while (connection_.isOpen()) {
    const auto response = connection_.take();
    if (!response) break;
    onResponse(*response);
  }
  if (!alive && connection_.isOpen()) retry();
}

void LoadHost::onResponse(const LoadResponse& response) {
  if (state_ == State::kChallenge && response.status == 401) return claim(response);
  if (state_ == State::kClaim && response.status == 200) return begin(response);
  if (state_ == State::kParked && response.status == 200) {
    takeMessages(response.body);
    return poll();
  }
  if (response.status != 503 && response.status != 429 && response.status != 401) {
    fail("host " + std::to_string(number_) + ": " + response.body);
  }
  retry();
}

void LoadHost::claim(const LoadResponse& response) {
  const auto answer = json::parse(response.body);
  const json::Value* const data = answer ? answer->find("data") : nullptr;
  if (!data) fail("no nonce: " + response.body);
  statement::SessionClaim claim;
  claim.relay = "https://localhost:" + std::to_string(world_.port);
  claim.nonce = data->text("nonce");
  claim.epoch = "e";
  state_ = State::kClaim;
  const std::string signedClaim =
      statement::signJws(key_, statement::SessionClaim::kTyp, claim.print());
  std::string body = "{\"statement\":\"" + signedClaim + "\"";
  if (!reconnectKey_.empty())
    body += ",\"proof\":\"" + wire::reconnectProof(reconnectKey_, signedClaim) + "\"";
  connection_.send(postRequest("/v1/session", "", body + "}"));
}

void LoadHost::begin(const LoadResponse& response) {
  const auto answer = json::parse(response.body);
  const json::Value* const data = answer ? answer->find("data") : nullptr;
  if (!data) fail("no session: " + response.body);
  bearer_ = data->text("session");
  reconnectKey_ = data->text("reconnect_key");
  window_ = static_cast<double>(data->integer("reconnect_window_s"));
  state_ = State::kParked;
  ++world_.parked;
  poll();
}

void LoadHost::poll() {
  connection_.send(postRequest("/v1/poll", bearer_,
                               "{\"ack\":" + std::to_string(acknowledged_) + ",\"wait_s\":300}"));
}

/// By the letter of what a relay of Belay writes: a parser would cost more than what is measured.
void LoadHost::takeMessages(const std::string& body) {
  const auto now = Clock::now();
  for (std::size_t at = body.find("{\"seq\":"); at != std::string::npos;
       at = body.find("{\"seq\":", at)) {
    const std::int64_t seq = std::strtoll(body.c_str() + at + 7, nullptr, 10);
    if (seq <= acknowledged_) {
      fail("message " + std::to_string(seq) + " comes after " + std::to_string(acknowledged_));
    }
    acknowledged_ = seq;
    ++world_.received;
    const std::size_t begin = body.find("\"body\":\"", at) + 8;
    const auto text = base::fromBase64(body.substr(begin, body.find('"', begin) - begin));
    at = begin;
    const std::size_t number = text ? std::strtoul(text->c_str(), nullptr, 10) : SIZE_MAX;
    if (number >= world_.sentAt.size()) fail("a message that nobody has sent");
    if (world_.tookMs[number] >= 0) fail("message " + std::to_string(number) + " came twice");
    world_.tookMs[number] =
        std::chrono::duration<float, std::milli>(now - world_.sentAt[number]).count();
  }
}

}  // namespace belay::bench
