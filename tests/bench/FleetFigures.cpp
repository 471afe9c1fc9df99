// What masking and requests of steps cost. Prints one JSON object.
//
// Masking: a log, base64 and random bytes, of 64 MiB each, through a stream with 100 secrets, in
// pieces of 64 KiB. Requests: one after the other to a server on loopback, as an http step does them
// (policy, connection with a secret, masking, output) and by the bare client with a kept connection,
// in turns.

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "agent/steps/HttpStep.h"
#include "common/base/Clock.h"
#include "common/redaction/Redactor.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/TestPeer.h"
#include "tests/unit/steps/StepsFixture.h"

namespace {

using namespace belay;

constexpr std::size_t kBytes = 64u << 20;
constexpr std::size_t kPiece = 64u << 10;
constexpr int kRequests = 400;
constexpr int kRounds = 7;

double secondsSince(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

std::string randomText(base::Random& random, std::size_t size, bool plain) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out(size, '\0');
  random.fill({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  if (!plain) return out;
  for (char& c : out) c = kAlphabet[static_cast<unsigned char>(c) % kAlphabet.size()];
  return out;
}

std::string logText() {
  std::string out;
  for (int i = 0; out.size() < kBytes; ++i) {
    out += "2026-11-29T10:00:01Z INFO request path=/v1/items/" + std::to_string(i) +
           " status=200 user=alice message=\"the quick brown fox jumps over the dog\"\n";
  }
  out.resize(kBytes);
  return out;
}

/// MB/s, the best of some rounds: other work on the machine only slows it down.
double speedOf(const std::shared_ptr<const redaction::Redactor>& redactor, const std::string& text) {
  double best = 0;
  for (int round = 0; round < 3; ++round) {
    const auto begun = std::chrono::steady_clock::now();
    redaction::RedactingStream stream(redactor);
    std::size_t out = 0;
    for (std::size_t at = 0; at < text.size(); at += kPiece)
      out += stream.push(std::string_view(text).substr(at, kPiece)).size();
    out += stream.finish().size();
    BELAY_CHECK(out >= text.size());
    best = std::max(best, static_cast<double>(text.size()) / secondsSince(begun) / 1e6);
  }
  return best;
}

void answerAll(test::PeerConnection& connection) {
  while (!connection.readHead().empty()) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
                    "{\"answer\": 42}");
  }
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Requests {
  double step = 0;  ///< Microseconds.
  double bare = 0;
};

Requests measureRequests() {
  test::StepsFixture on;
  // One for each: a peer serves one connection at a time.
  test::TestPeer peer(&answerAll);
  test::TestPeer other(&answerAll);
  on.secret("TOKEN", "t0ken-of-the-figures");
  on.connect(R"({"api":{"type":"http","base_url":")" + peer.url() +
             R"(","auth":{"type":"bearer","secret":"TOKEN"}}})");
  steps::HttpStep step(steps::HttpStep::World{on.calls, *on.outputs, on.connections, *on.vault,
                                              on.realClock, on.policy, *on.tokens},
                       settings::HttpSettings{});
  runtime::Attempt attempt = test::StepsFixture::attemptOf(
      flow::Family::kHttp, R"({"connection": "api", "url": "/items"})");
  attempt.effect = flow::EffectClass::kIdempotent;
  http::ClientRequest request;
  request.url = other.url("/items");
  request.headers.set("Authorization", "Bearer t0ken-of-the-figures");
  std::vector<double> ours, bare;
  for (int round = 0; round < kRounds; ++round) {
    auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < kRequests; ++i) BELAY_CHECK(on.client.send(request).ok());
    bare.push_back(secondsSince(begun) / kRequests * 1e6);
    begun = std::chrono::steady_clock::now();
    for (int i = 0; i < kRequests; ++i) {
      step.start(attempt);
      BELAY_CHECK(on.result().ok);
    }
    ours.push_back(secondsSince(begun) / kRequests * 1e6);
  }
  return {median(ours), median(bare)};
}

}  // namespace

int main() {
  test::SeededRandom random(7);
  auto redactor = std::make_shared<redaction::Redactor>();
  for (int i = 0; i < 100; ++i) {
    const std::string value = randomText(random, 20 + static_cast<std::size_t>(i) % 40, true);
    BELAY_CHECK(redactor->add("SECRET_" + std::to_string(i), vault::SecretValue(value)));
  }
  const double log = speedOf(redactor, logText());
  const double base64 = speedOf(redactor, randomText(random, kBytes, true));
  const double bytes = speedOf(redactor, randomText(random, kBytes, false));
  const Requests requests = measureRequests();
  std::printf("{\"redact_log\": %.0f, \"redact_base64\": %.0f, \"redact_bytes\": %.0f, "
              "\"http_step_us\": %.1f, \"http_bare_us\": %.1f}\n",
              log, base64, bytes, requests.step, requests.bare);
  return 0;
}
