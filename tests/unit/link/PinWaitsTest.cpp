// Pins that came before their roster: how many are kept, which go first, and that a release is kept
// only where one of them names it.

#include "agent/link/PinWaits.h"
#include "common/crypto/Sha256.h"
#include "common/statement/Jws.h"
#include "common/statement/Pin.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/TestScheduler.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using base::ErrorCode;
using test::TestScheduler;

TEST_GROUP(PinWaits) {
  TestScheduler on;
  test::SeededRandom random;
  const crypto::P256PrivateKey key = crypto::P256PrivateKey::generate(random);

  void setup() override { on.host.boot(); }

  statement::SignedStatement pin(int number, const std::string& flow = "gate") {
    statement::Pin made;
    made.fleet = crypto::sha256("fleet");
    made.flow = flow;
    made.release = crypto::sha256(std::to_string(number));
    made.size = 1;
    made.createdMs = 1;
    auto signedPin = statement::SignedStatement::parse(
        statement::signJws(key, statement::Pin::kTyp, made.print()));
    BELAY_CHECK(signedPin.ok());
    return std::move(*signedPin);
  }
  void keep(const statement::SignedStatement& kept) {
    CHECK(
        on.host
            .tell([&](runtime::Runtime& runtime) { return link::keepPin(runtime.journal(), kept); })
            .ok());
  }
  void keepRelease(int number) {
    link::CheckedRelease release;
    release.flow.digest = "sha256:" + crypto::sha256(std::to_string(number)).hex();
    release.content = std::to_string(number);
    CHECK(on.host
              .tell([&](runtime::Runtime& runtime) {
                return link::keepRelease(runtime.journal(), release);
              })
              .ok());
  }
  std::string note(const std::string& name) { return on.host.journal->meta(name)->value_or(""); }
  int count(const std::string& suffix = "") {
    int out = 0;
    for (int slot = 0; slot < 32; ++slot) {
      out += note("link.pin." + std::to_string(slot) + suffix).empty() ? 0 : 1;
    }
    return out;
  }
  bool has(int number) {
    const std::string digest = crypto::sha256(std::to_string(number)).hex();
    for (int slot = 0; slot < 32; ++slot) {
      if (note("link.pin." + std::to_string(slot)).find(digest) != std::string::npos) return true;
    }
    return false;
  }
};

TEST(PinWaits, theNewestSixteenAreKept) {
  for (int number = 1; number <= 20; ++number) keep(pin(number));
  LONGS_EQUAL(16, count());
  CHECK(!has(4));
  CHECK(has(5));
  CHECK(has(20));
}

TEST(PinWaits, theSameAgainIsKeptOnce) {
  const auto once = pin(1);
  keep(once);
  keep(once);
  LONGS_EQUAL(1, count());
}

TEST(PinWaits, aReleaseIsKeptOnlyWhereAPinNamesIt) {
  keep(pin(1));
  keepRelease(2);
  LONGS_EQUAL(0, count(".release"));
  keepRelease(1);
  LONGS_EQUAL(1, count(".release"));
  // What takes the place of a pin takes that of its release too.
  for (int number = 2; number <= 17; ++number) keep(pin(number));
  LONGS_EQUAL(0, count(".release"));
}

TEST(PinWaits, withoutARosterAllOfThemWaitOn) {
  keep(pin(1));
  CHECK(
      on.host.tell([&](runtime::Runtime& runtime) { return link::judgePins(runtime, on.host.log); })
          .ok());
  LONGS_EQUAL(1, count());
}

TEST(PinWaits, onlyWhatARosterCanCureIsKept) {
  for (const ErrorCode code : {ErrorCode::kTrustNone, ErrorCode::kStatementKey,
                               ErrorCode::kStatementRole, ErrorCode::kStatementQuorum}) {
    CHECK(link::mayBeBelievedLater(code));
  }
  for (const ErrorCode code :
       {ErrorCode::kStatementSignature, ErrorCode::kStatementInvalid, ErrorCode::kStatementOld,
        ErrorCode::kStatementFork, ErrorCode::kStatementRevoked, ErrorCode::kPinFloor}) {
    CHECK(!link::mayBeBelievedLater(code));
  }
}
