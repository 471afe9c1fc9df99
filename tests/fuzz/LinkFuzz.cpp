// Any text as what a relay answers to its host in each of the four calls, as a batch of messages
// that a host hands in, as the parts of a callback's proof, and as the settings of a relay. What is
// taken is in order and within its bounds; what a host hands in never breaks its relay.

#include <string>

#include "agent/link/RelayClient.h"
#include "common/base/Check.h"
#include "common/wire/CallbackProof.h"
#include "common/wire/Protocol.h"
#include "tests/fuzz/Input.h"
#include "tests/unit/service/RelayFixture.h"

namespace belay::fuzz {
namespace {

constexpr const char* kUrl = "https://relay.test";

/// A host whose relay answers everything with this text.
class Answered {
 public:
  Answered(std::string_view text, int status)
      : text_(text),
        status_(status),
        relay_([this](const http::ClientRequest&) { return answer(); }, nullptr) {}

  void poll() {
    const auto messages = relay_.poll(kUrl, "b", 7, std::chrono::seconds{1});
    if (!messages.ok()) return;
    std::int64_t last = 7;
    for (const link::Incoming& each : *messages) {
      BELAY_CHECK(each.seq > last && each.seq <= wire::kSequenceMax && each.body.isObject());
      last = each.seq;
    }
  }
  void hand() {
    const auto handed = relay_.hand(kUrl, "b", "[]");
    if (handed.ok()) {
      BELAY_CHECK(handed->acknowledged >= 0 && handed->acknowledged <= wire::kSequenceMax);
    }
  }
  void enrol(const crypto::P256PublicKey& key) {
    const auto identity = relay_.enrol(kUrl, "t", key, "label");
    if (identity.ok()) BELAY_CHECK(identity->host == key.thumbprint() && identity->url == kUrl);
  }

 private:
  http::ClientOutcome answer() const {
    http::ClientResponse response;
    response.status = status_;
    response.body = std::string(text_);
    return http::ClientOutcome(std::move(response));
  }

  const std::string_view text_;
  const int status_;
  link::RelayClient relay_;
};

struct Fixture {
  Fixture() {
    relay.settings.rateHost = 1'000'000;
    session = relay.session(relay.key);
  }
  test::RelayFixture relay;
  std::string session;
};

Fixture& fixture() {
  static Fixture* const made = new Fixture;
  return *made;
}

void handIn(std::string_view text) {
  Fixture& on = fixture();
  // Everybody's requests are counted by time.
  on.relay.clock.advance(std::chrono::seconds{1});
  const std::string body(text);
  if (body.empty()) return;
  const auto answer = on.relay.hand(on.session, body);
  BELAY_CHECK(answer.status == 200 || answer.status == 400);
  const auto poll =
      on.relay.ask("POST", "/v1/poll", body, test::RelayFixture::bearer(on.session + "x"));
  BELAY_CHECK(poll.status == 401);
}

void readProof(std::string_view text) {
  const auto [signature, rest] = split(text, '\n');
  const auto [timestamp, body] = split(rest, '\n');
  const std::string known = wire::signCallback("token", "w1", "1700000000", body);
  BELAY_CHECK(wire::verifyCallback("token", "w1", "1700000000", body, known).ok());
  const bool believed = wire::verifyCallback("token", "w1", timestamp, body, signature).ok();
  BELAY_CHECK(!believed || signature == wire::signCallback("token", "w1", timestamp, body));
}

}  // namespace
}  // namespace belay::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = belay::fuzz::textOf(data, size);
  for (const int status : {200, 401}) {
    belay::fuzz::Answered answered(text, status);
    answered.poll();
    answered.hand();
    answered.enrol(belay::fuzz::fixture().relay.key.publicKey());
  }
  belay::fuzz::handIn(text);
  belay::fuzz::readProof(text);
  const auto settings = belay::service::parseSettings(text, "relay.yaml");
  if (!settings.ok()) {
    BELAY_CHECK(settings.error().code == belay::base::ErrorCode::kSettingsInvalid);
  }
  return 0;
}
