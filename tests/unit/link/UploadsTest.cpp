// Artifacts on their way to a relay that is a function: it keeps parts as the real one does,
// refuses, or goes away in between.

#include <map>

#include "agent/link/Uploads.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"
#include "common/statement/Artifacts.h"
#include "common/statement/Sealed.h"
#include "tests/support/MemoryLog.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/SimClock.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using namespace belay::link;
using base::ErrorCode;

TEST_GROUP(Uploads) {
  test::SimClock clock;
  test::SeededRandom random;
  test::MemoryLog log;
  const crypto::P256PrivateKey reader = crypto::P256PrivateKey::generate(random);
  std::map<std::string, std::vector<std::string>> kept;  ///< By name and seal.
  std::string content;
  int puts = 0;
  int betweens = 0;
  int failAt = -1;      ///< The put with this number has no answer.
  std::string refusal;  ///< The code of every put.
  int refusalStatus = 429;
  bool damaged = false;
  std::unique_ptr<Uploads> uploads;

  void setup() override { renew(); }
  void renew() {
    uploads = std::make_unique<Uploads>(Uploads::World{
        [this](const crypto::Digest&, const std::function<base::Status(std::string_view)>& sink) {
          return read(sink);
        },
        clock, random, log,
        [this]() -> base::Status {
          ++betweens;
          return {};
        }});
  }
  base::Status read(const std::function<base::Status(std::string_view)>& sink) {
    constexpr std::size_t kPiece = 65'536;
    for (std::size_t at = 0; at < content.size(); at += kPiece) {
      BELAY_TRY(sink(std::string_view(content).substr(at, kPiece)));
    }
    if (damaged) return base::Error{ErrorCode::kResourceDamaged, "damaged"};
    return {};
  }
  static std::string envelope(const std::string& data) {
    return "{\"ok\":true,\"data\":" + data + ",\"meta\":{\"schema\":1}}";
  }
  static std::string valueOf(const std::string& url, const std::string& name) {
    const std::size_t from = url.find(name + "=") + name.size() + 1;
    return url.substr(from, url.find('&', from) - from);
  }
  http::ClientOutcome answer(const http::ClientRequest& request) {
    http::ClientResponse out;
    out.status = 200;
    const std::string name = request.url.substr(request.url.find("/v1/blobs/") + 10, 64);
    std::vector<std::string>& parts = kept[name];
    if (request.method == "GET") {
      out.body = envelope("{\"seal\":\"" + seal + "\",\"parts\":" + std::to_string(partsOf) +
                          ",\"have\":" + std::to_string(parts.size()) + "}");
      return out;
    }
    if (puts++ == failAt) {
      return http::ClientFailure{base::Error{ErrorCode::kConnect, "cut"}, true, "", false};
    }
    if (!refusal.empty()) {
      out.status = refusalStatus;
      out.body = "{\"ok\":false,\"error\":{\"code\":\"" + refusal +
                 "\",\"message\":\"no\",\"actions\":[]},\"meta\":{\"schema\":1}}";
      return out;
    }
    LONGS_EQUAL(parts.size(), std::stoul(valueOf(request.url, "part")));
    seal = valueOf(request.url, "seal");
    partsOf = std::stoi(valueOf(request.url, "parts"));
    parts.push_back(request.body);
    out.body = envelope("{}");
    return out;
  }
  Upload upload() {
    statement::Request request;
    request.nonce = "nonce";
    Upload out;
    out.request = std::string(64, 'a');
    out.digest = crypto::sha256(content);
    out.name = statement::artifactName(request, out.digest);
    out.recipients = {reader.publicKey()};
    out.seal = statement::recipientsDigest(out.recipients);
    out.size = static_cast<std::int64_t>(content.size());
    return out;
  }
  base::Status bring() {
    RelayClient relay([this](const http::ClientRequest& request) { return answer(request); },
                      nullptr);
    return uploads->bring(relay, "https://relay.test", "bearer", {upload()});
  }
  /// What the relay has of it, opened.
  std::string opened() {
    std::string out;
    for (const std::string& part : kept[upload().name]) {
      const auto plain = statement::unseal(part, statement::kSealedArtifact, reader);
      out += plain ? *plain : std::string("?");
    }
    return out;
  }
  std::string seal;
  int partsOf = 0;
};

TEST(Uploads, allOfItComesSealedAndOnce) {
  content = std::string(1'200'000, 'x');
  CHECK(bring().ok());
  LONGS_EQUAL(3, kept[upload().name].size());
  CHECK(opened() == content);
  LONGS_EQUAL(3, betweens);
  CHECK(bring().ok());
  LONGS_EQUAL(3, puts);
  // In another session the relay is asked, and has it.
  uploads->begin();
  CHECK(bring().ok());
  LONGS_EQUAL(3, puts);
}

TEST(Uploads, nothingAndWholePartsTravelToo) {
  CHECK(bring().ok());
  LONGS_EQUAL(1, kept[upload().name].size());
  STRCMP_EQUAL("", opened().c_str());
  content = std::string(2 * statement::kArtifactPartBytes, 'y');
  CHECK(bring().ok());
  LONGS_EQUAL(2, kept[upload().name].size());
  CHECK(opened() == content);
}

TEST(Uploads, whatWasCutOffGoesOnWhereItWas) {
  content = std::string(1'200'000, 'x');
  failAt = 1;
  LONGS_EQUAL(int(ErrorCode::kConnect), int(bring().error().code));
  LONGS_EQUAL(1, kept[upload().name].size());
  renew();
  CHECK(bring().ok());
  LONGS_EQUAL(4, puts);
  CHECK(opened() == content);
}

TEST(Uploads, whatTheRelayHasNoRoomForIsTriedAgainLater) {
  content = "x";
  refusal = "BLY-RELAY-QUOTA";
  CHECK(bring().ok());
  CHECK(uploads->retryAt().has_value());
  CHECK(*uploads->retryAt() > clock.sinceBoot());
  refusal.clear();
  CHECK(bring().ok());
  STRCMP_EQUAL("x", opened().c_str());
}

TEST(Uploads, whatIsRefusedBlocksNothing) {
  content = "x";
  refusal = "BLY-CONFLICT";
  refusalStatus = 409;
  CHECK(bring().ok());
  CHECK(!uploads->retryAt());
  CHECK(bring().ok());
  LONGS_EQUAL(1, puts);
}

TEST(Uploads, whatTheRelayDoesNotKnowYetComesWithTheNextRound) {
  content = "x";
  refusal = "BLY-RELAY-APPROVAL";
  refusalStatus = 404;
  CHECK(bring().ok());
  CHECK(!uploads->retryAt());
  LONGS_EQUAL(0, log.lines().size());
  refusal.clear();
  CHECK(bring().ok());
  STRCMP_EQUAL("x", opened().c_str());
}

TEST(Uploads, whatIsDamagedDoesNotLeaveWhole) {
  content = std::string(600'000, 'x');
  damaged = true;
  CHECK(bring().ok());
  LONGS_EQUAL(1, kept[upload().name].size());
}
