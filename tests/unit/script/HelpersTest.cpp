// What expressions find under `belay`, held against values that other programs gave.

#include <string>

#include "agent/script/QuickJsEvaluator.h"
#include "tests/support/FakeScope.h"

#include <CppUTest/TestHarness.h>

using belay::script::Module;
using belay::script::Name;
using belay::script::QuickJsEvaluator;
using belay::test::FakeScope;

TEST_GROUP(Helpers) {
  QuickJsEvaluator evaluator;
  FakeScope scope;
  Module module{"digest", {}, {}};

  std::string of(const std::string& expression) {
    const auto value = evaluator.evaluate(module, expression, scope);
    return value.ok() ? value->json : "error: " + value.error().message;
  }
};

TEST(Helpers, encodeAndDecode) {
  STRCMP_EQUAL("\"aMOpPz4+\"", of("belay.base64('hé?>>')").c_str());
  STRCMP_EQUAL("\"aMOpPz4-\"", of("belay.base64url('hé?>>')").c_str());
  STRCMP_EQUAL("\"hé?>>\"", of("belay.fromBase64('aMOpPz4+')").c_str());
  STRCMP_EQUAL("\"hé?>>\"", of("belay.fromBase64('aMOpPz4-')").c_str());
  STRCMP_EQUAL("\"68c3a9\"", of("belay.hex('hé')").c_str());
  STRCMP_EQUAL("\"hé\"", of("belay.fromHex('68C3A9')").c_str());
  CHECK(of("belay.fromBase64('***')").find("error: ") == 0);
  CHECK(of("belay.fromHex('ff')").find("does not give text") != std::string::npos);
  CHECK(of("belay.fromHex('f')").find("no hex") != std::string::npos);
}

TEST(Helpers, digest) {
  STRCMP_EQUAL("\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"",
               of("belay.sha256('abc')").c_str());
  STRCMP_EQUAL("\"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843\"",
               of("belay.hmacSha256('Jefe', 'what do ya want for nothing?')").c_str());
  STRCMP_EQUAL(of("belay.sha256('out')").c_str(),
               (scope.set(Name::kInput, R"({"text":"out","truncated":false,"ref":null})"),
                of("belay.sha256(input)").c_str()));
}

TEST(Helpers, reckonWithTimes) {
  STRCMP_EQUAL("\"2026-03-01T12:00:00.000Z\"",
               of("belay.addTime('2026-02-28T12:00:00Z', '24h')").c_str());
  STRCMP_EQUAL("\"2026-02-27T11:30:00.000Z\"",
               of("belay.addTime('2026-02-28T12:00:00Z', '-24h30m')").c_str());
  STRCMP_EQUAL("\"28.02.2026 09:05:07\"",
               of("belay.formatTime('2026-02-28T09:05:07Z', 'DD.MM.YYYY hh:mm:ss')").c_str());
  CHECK(of("belay.addTime('yesterday', '1h')").find("error: ") == 0);
  CHECK(of("belay.addTime('2026-02-28T12:00:00Z', 'soon')").find("error: ") == 0);
}

TEST(Helpers, cannotBeChangedAndCountAsWork) {
  CHECK(of("belay.sha256 = () => 'x'").find("error: ") == 0);
  CHECK(of("belay = {}").find("error: ") == 0);
  CHECK(of("(() => { const t = 'x'.repeat(1 << 20); for (;;) belay.sha256(t); })()")
            .find("error: ") == 0);
}
