// Hides secrets in texts in every spelling that the class promises, whole and in pieces, and
// compares the pieces with the whole on random texts.

#include <memory>
#include <string>
#include <vector>

#include "common/redaction/Redactor.h"
#include "common/base/Text.h"
#include "common/json/Writer.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using belay::redaction::RedactingStream;
using belay::redaction::Redactor;
using belay::redaction::SecretValue;

namespace {

constexpr const char* kSecret = "s3cr3t/+\"&=\\ value<x>";

}  // namespace

TEST_GROUP(Redactor) {
  std::shared_ptr<Redactor> redactor = std::make_shared<Redactor>();

  void add(const char* name, const std::string& value) {
    CHECK(redactor->add(name, SecretValue(value)));
  }
  void hides(const std::string& text) {
    const std::string out = redactor->redact("before " + text + " after");
    STRCMP_EQUAL("before ***S*** after", out.c_str());
    CHECK(redactor->contains(text));
  }
};

TEST(Redactor, leavesTextsWithoutSecretsAlone) {
  STRCMP_EQUAL("any text", redactor->redact("any text").c_str());
  add("S", kSecret);
  STRCMP_EQUAL("any s3cr3t text", redactor->redact("any s3cr3t text").c_str());
  CHECK_FALSE(redactor->contains("any s3cr3t text"));
  STRCMP_EQUAL("", redactor->redact("").c_str());
}

TEST(Redactor, hidesTheValueAsItIs) {
  add("S", kSecret);
  hides(kSecret);
  STRCMP_EQUAL("***S******S***", redactor->redact(std::string(kSecret) + kSecret).c_str());
}

TEST(Redactor, hidesHex) {
  add("S", kSecret);
  const std::string_view raw(kSecret);
  const std::string hex =
      belay::base::toHex({reinterpret_cast<const std::uint8_t*>(raw.data()), raw.size()});
  hides(hex);
  std::string upper = hex;
  for (char& c : upper) c = c >= 'a' ? static_cast<char>(c - 32) : c;
  hides(upper);
}

TEST(Redactor, hidesJsonUrlAndXmlEscapes) {
  add("S", kSecret);
  std::string json;
  belay::json::appendQuoted(json, kSecret);
  hides(json.substr(1, json.size() - 2));
  hides(R"(s3cr3t\/+\"&=\\ value<x>)");
  hides("s3cr3t%2F%2B%22%26%3D%5C%20value%3Cx%3E");
  hides("s3cr3t%2f%2b%22%26%3d%5c%20value%3cx%3e");
  hides("s3cr3t%2F%2B%22%26%3D%5C+value%3Cx%3E");
  hides("s3cr3t/+&quot;&amp;=\\ value&lt;x&gt;");
}

TEST(Redactor, hidesWhatWritersOfJsonWriteByNumber) {
  add("S", "p\xC3\xA4ss/<w\xF0\x9F\x94\x91>&='x");
  for (const char* written : {
           R"(p\u00e4ss/<w\ud83d\udd11>&='x)",                             // Python
           R"(p\u00e4ss\/<w\ud83d\udd11>&='x)",                            // PHP
           "p\xC3\xA4ss/\\u003cw\xF0\x9F\x94\x91\\u003e\\u0026='x",          // Go
           "p\xC3\xA4ss/\\u003cw\xF0\x9F\x94\x91\\u003e\\u0026\\u003d\\u0027x",  // Gson
           R"(p\u00E4ss/\u003Cw\uD83D\uDD11\u003E\u0026=\u0027x)"})        // .NET
    hides(written);
}

TEST(Redactor, hidesBase64AtEveryOffset) {
  add("S", kSecret);
  for (std::size_t before = 0; before < 7; ++before) {
    for (std::size_t after = 0; after < 4; ++after) {
      const std::string around = std::string(before, 'b') + kSecret + std::string(after, 'a');
      for (const std::string& text :
           {belay::base::toBase64(around), belay::base::toBase64Url(around)}) {
        const std::string out = redactor->redact(text);
        CHECK_TRUE_TEXT(out.find("***S***") != std::string::npos, text.c_str());
        // What is left at the ends decides less than one byte of the secret each.
        const std::size_t left = out.size() - std::string("***S***").size();
        CHECK(left <= (before + after) * 4 / 3 + 6);
      }
    }
  }
}

TEST(Redactor, hidesAValueWithoutItsLastNewline) {
  add("S", "line-of-secret\n");
  hides("line-of-secret");
}

TEST(Redactor, hidesKeysLineByLine) {
  add("S",
      "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEGCCqGSM49AwEHBG0w\n-----END PRIVATE "
      "KEY-----\n");
  hides("MIGHAgEAMBMGByqGSM49");
  hides("AgEGCCqGSM49AwEHBG0w");
  CHECK_FALSE(redactor->contains("-----BEGIN PRIVATE KEY-----"));
}

TEST(Redactor, doesNotLookForShortValues) {
  CHECK_FALSE(redactor->add("S", SecretValue("12345")));
  CHECK_FALSE(redactor->add("S", SecretValue("12345\n")));
  CHECK_FALSE(redactor->add("S", SecretValue()));
  CHECK(redactor->add("S", SecretValue("123456")));
  CHECK_FALSE(Redactor::canFind(SecretValue("12345")));
  CHECK(Redactor::canFind(SecretValue("123456")));
}

TEST(Redactor, prefersTheLongerOfTwoThatBeginAlike) {
  add("SHORT", "password");
  add("LONG", "password-and-more");
  STRCMP_EQUAL("***LONG***", redactor->redact("password-and-more").c_str());
  STRCMP_EQUAL("***SHORT***-and", redactor->redact("password-and").c_str());
}

TEST(Redactor, showsNoTailOfASecretThatOverlapsAnother) {
  add("A", "abcdefgh");
  add("B", "efghijkl");
  STRCMP_EQUAL("***A***", redactor->redact("abcdefghijkl").c_str());
  STRCMP_EQUAL("1***A***2", redactor->redact("1abcdefghijkl2").c_str());
  add("C", "aaaaaa");
  STRCMP_EQUAL("***C***b", redactor->redact(std::string(100, 'a') + "b").c_str());
}

TEST(Redactor, hidesSecretsThatComeInPieces) {
  add("S", kSecret);
  add("A", "abcdefgh");
  add("B", "efghijkl");
  const std::string text = std::string("x ") + kSecret + " y abcdefghijkl z " + kSecret;
  const std::string whole = redactor->redact(text);
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    RedactingStream stream(redactor);
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      out += stream.push(std::string_view(text).substr(at, piece));
    }
    out += stream.finish();
    STRCMP_EQUAL(whole.c_str(), out.c_str());
  }
}

TEST(Redactor, piecesGiveWhatTheWholeGivesOnRandomTexts) {
  add("A", "aabaab");
  add("B", "baabaabab");
  add("C", "bbbbbb");
  belay::test::SeededRandom random(3);
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (std::size_t i = random.below(300); i-- > 0;) text += random.below(3) == 0 ? 'b' : 'a';
    RedactingStream stream(redactor);
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t piece = random.below(20);
      out += stream.push(std::string_view(text).substr(at, piece));
      at += piece;
    }
    out += stream.finish();
    STRCMP_EQUAL(redactor->redact(text).c_str(), out.c_str());
    for (const char* secret : {"aabaab", "baabaabab", "bbbbbb"}) {
      CHECK(out.find(secret) == std::string::npos);
    }
  }
}

TEST(Redactor, streamsPassEverythingOnWithoutSecrets) {
  RedactingStream stream(redactor);
  STRCMP_EQUAL("abc", stream.push("abc").c_str());
  STRCMP_EQUAL("", stream.finish().c_str());
}

TEST(Redactor, streamsHoldBackOnlyWhatMayBeTheBeginningOfAForm) {
  add("S", "0123456789");
  RedactingStream stream(redactor);
  STRCMP_EQUAL("Password: ", stream.push("Password: ").c_str());
  LONGS_EQUAL(0, stream.held());
  STRCMP_EQUAL("x", stream.push("x012345678").c_str());
  LONGS_EQUAL(9, stream.held());
  STRCMP_EQUAL("012345678x", stream.push("x").c_str());
  STRCMP_EQUAL("***S***", stream.push("0123456789").c_str());
  // The longer of two is waited for.
  add("LONG", "abcdefgh-and-more");
  add("SHORT", "abcdefgh");
  STRCMP_EQUAL("", stream.push("abcdefgh-and").c_str());
  STRCMP_EQUAL("***SHORT***-and.", stream.push(".").c_str());
}

TEST(Redactor, releasesFewBytesOfAQuietStreamAndMasksTheRest) {
  add("S", "0123456789");
  RedactingStream stream(redactor);
  STRCMP_EQUAL("Answer ", stream.push("Answer 01").c_str());
  STRCMP_EQUAL("01", stream.release().c_str());
  STRCMP_EQUAL("", stream.release().c_str());
  STRCMP_EQUAL("", stream.push("234").c_str());
  STRCMP_EQUAL("234", stream.release().c_str());
  STRCMP_EQUAL("", stream.push("5").c_str());
  STRCMP_EQUAL("", stream.release().c_str());
  STRCMP_EQUAL(" and on", stream.push("6789 and on").c_str());
  // It was none.
  STRCMP_EQUAL("", stream.push("0123").c_str());
  STRCMP_EQUAL("0123", stream.release().c_str());
  STRCMP_EQUAL("-", stream.push("-").c_str());
  STRCMP_EQUAL("", stream.finish().c_str());
}

TEST(Redactor, aLongFormDoesNotHoldBackOtherTexts) {
  add("LONG", std::string(3000, 'k') + "end");
  RedactingStream stream(redactor);
  std::size_t out = 0;
  for (int i = 0; i < 100; ++i) out += stream.push("some other text\n").size();
  LONGS_EQUAL(1600, out);
}
