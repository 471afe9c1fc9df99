// Puts a secret into outputs at every place where it could come through: whole, across the cut of a
// text that is too long, across the pieces in which a file is read. No part of it may show, neither
// inline nor in the store.

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "agent/jobs/JobOutcome.h"
#include "agent/script/TextOutput.h"
#include "common/base/Files.h"
#include "tests/unit/steps/StepsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::flow::Persist;
using belay::journal::ResourceRow;
using belay::test::StepsFixture;

namespace {

const std::string kSecret = "correct-horse-battery-staple";

}  // namespace

TEST_GROUP(Outputs) {
  StepsFixture on;
  std::vector<ResourceRow> rows;

  void setup() override { on.secret("TOKEN", kSecret); }

  belay::json::Value keepText(const std::string& text, Persist persist = Persist::kAuto) {
    return *on.outputs->keepText(text, persist, "call.stdout", rows);
  }
  /// As a job's output of which only the first `headBytes` are in memory.
  belay::json::Value keepFile(const std::string& text, std::size_t headBytes,
                              Persist persist = Persist::kAuto) {
    const std::string path = on.folder.at("log");
    CHECK(belay::base::writeFileDurably(path, text, 0600).ok());
    const belay::base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return *on.outputs->keepFile(text.substr(0, headBytes), text.size(), file.get(), persist,
                                 "call.stdout", rows);
  }
  std::string stored() {
    CHECK(!rows.empty());
    return *on.outputs->load(rows.back().ref);
  }
};

TEST(Outputs, aSecretInATextIsMasked) {
  STRCMP_EQUAL("say ***TOKEN***!", keepText("say " + kSecret + "!").text("text").c_str());
  LONGS_EQUAL(0, rows.size());
}

TEST(Outputs, aTextThatIsTooLongIsKeptAsAResourceAndItsBeginningInline) {
  const std::string text = std::string(60, 'a') + kSecret + std::string(60, 'b');
  const auto output = keepText(text);
  CHECK(output.find("truncated")->asBool());
  LONGS_EQUAL(64, output.text("text").size());
  LONGS_EQUAL(1, rows.size());
  STRCMP_EQUAL((std::string(60, 'a') + "***TOKEN***" + std::string(60, 'b')).c_str(),
               stored().c_str());
}

TEST(Outputs, noPartOfASecretShowsWhereverTheHeadOfAFileIsCut) {
  const std::string text = "begin " + kSecret + " end" + std::string(200, 'x');
  for (std::size_t head = 0; head < 60; ++head) {
    const std::string shown = keepFile(text, head).text("text");
    CHECK_TRUE_TEXT(shown.find("corr") == std::string::npos, shown.c_str());
    CHECK_TRUE_TEXT(shown.find("staple") == std::string::npos, shown.c_str());
    const std::string masked = "begin ***TOKEN*** end" + std::string(200, 'x');
    CHECK_TRUE_TEXT(masked.starts_with(shown), shown.c_str());
  }
}

TEST(Outputs, aFileThatIsAllThereLosesNothingAtItsEnd) {
  const std::string text = "short and correct";
  STRCMP_EQUAL(text.c_str(), keepFile(text, text.size()).text("text").c_str());
  STRCMP_EQUAL("***TOKEN***", keepFile(kSecret, kSecret.size()).text("text").c_str());
}

TEST(Outputs, aFileIsMaskedAcrossThePiecesInWhichItIsRead) {
  // The store is given pieces of 64 KiB: the secret lies across their border.
  const std::string before(65536 - 10, 'a');
  const std::string after(100'000, 'b');
  keepFile(before + kSecret + after, 4096);
  STRCMP_EQUAL((before + "***TOKEN***" + after).c_str(), stored().c_str());
  LONGS_EQUAL(before.size() + 11 + after.size(), rows.back().size);
}

TEST(Outputs, aFileThatIsAllHeldBackIsStoredToo) {
  keepFile("abc", 3, Persist::kAlways);
  STRCMP_EQUAL("abc", stored().c_str());
  keepFile("", 0, Persist::kAlways);
  STRCMP_EQUAL("", stored().c_str());
}

TEST(Outputs, ofWhatOnlyTheHeadIsInMemoryAllIsKeptHoweverMuchMayBeInline) {
  on.outputs = std::make_unique<belay::steps::Outputs>(*on.store, *on.vault, on.clock, 1u << 20);
  const std::string text(300'000, 'x');
  CHECK(on.outputs->needsFile(text.size(), Persist::kAuto));
  const auto output = keepFile(text, belay::jobs::kLogHeadBytesMax);
  LONGS_EQUAL(belay::jobs::kLogHeadBytesMax, output.text("text").size());
  CHECK(output.flag("truncated"));
  STRCMP_EQUAL(rows.back().ref.c_str(), output.text("ref").c_str());
  STRCMP_EQUAL(text.c_str(), stored().c_str());
  CHECK(keepFile(text, belay::jobs::kLogHeadBytesMax, Persist::kNever).flag("truncated"));
}

TEST(Outputs, aTextThatOnlyItsMasksMakeTooLongIsTruncated) {
  on.secret("NAME_THAT_IS_LONGER_THAN_ITS_VALUE", "0123456789abcdef");
  const std::string text = "0123456789abcdef 0123456789abcdef 0123456789abcdef";
  CHECK(keepFile(text, text.size(), Persist::kNever).flag("truncated"));
  CHECK(!keepFile("short", 5, Persist::kNever).flag("truncated"));
}

TEST(Outputs, neverPersistMeansThatOnlyTheBeginningIsKept) {
  keepFile(std::string(1000, 'a'), 500, Persist::kNever);
  keepText(std::string(1000, 'a'), Persist::kNever);
  LONGS_EQUAL(0, rows.size());
}

TEST(Outputs, bytesThatAreNoTextBecomeText) {
  STRCMP_EQUAL(
      "a\xEF\xBF\xBD"
      "b\xC3\xA9",
      keepText("a\xFF"
               "b\xC3\xA9")
          .text("text")
          .c_str());
}

TEST(Outputs, aTextIsNeverCutWithinACharacter) {
  std::string text(63, 'a');
  text += "\xC3\xA9 and more";
  STRCMP_EQUAL(std::string(63, 'a').c_str(), keepText(text).text("text").c_str());
}
