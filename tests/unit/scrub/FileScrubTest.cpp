// Files of some windows' size are scrubbed, and compared byte by byte with what a search for the
// value itself would leave.

#include <fcntl.h>

#include <string>

#include "agent/scrub/FileScrub.h"
#include "common/base/Files.h"
#include "common/base/UniqueFd.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using belay::redaction::Redactor;
using belay::redaction::SecretValue;

namespace {

const std::string kValue = "the-leaked-value";

std::string masked(std::string text) {
  std::string mask = "***S***";
  mask.resize(kValue.size(), '*');
  for (std::size_t at = text.find(kValue); at != std::string::npos; at = text.find(kValue, at))
    text.replace(at, kValue.size(), mask);
  return text;
}

}  // namespace

TEST_GROUP(FileScrub) {
  belay::test::TempFolder folder;
  belay::test::SeededRandom random{5};
  Redactor values;

  void setup() override { CHECK(values.add("S", SecretValue(kValue))); }

  belay::base::UniqueFd fileOf(const std::string& text) {
    CHECK(belay::base::writeFileDurably(folder.at("file"), text).ok());
    return belay::base::UniqueFd(::open(folder.at("file").c_str(), O_RDWR | O_CLOEXEC));
  }
  std::string content() { return belay::base::readFile(folder.at("file"), 16u << 20).value(); }
};

TEST(FileScrub, masksInPlaceWhereverAValueLies) {
  std::string text(3'300'000, '.');
  // Over the ends of windows too, whose length is one MiB.
  for (const std::size_t window : {1u << 20, 2u << 20, 3u << 20}) {
    for (std::size_t i = 0; i < 12; ++i)
      text.replace(window - 100 + i * 20 + random.below(3), kValue.size(), kValue);
  }
  text.replace(text.size() - kValue.size(), kValue.size(), kValue);
  const auto fd = fileOf(text);
  LONGS_EQUAL(37, belay::scrub::countIn(fd.get(), values).value());
  CHECK(content() == text);
  LONGS_EQUAL(37, belay::scrub::overwriteIn(fd.get(), values).value());
  CHECK(content() == masked(text));
  LONGS_EQUAL(0, belay::scrub::countIn(fd.get(), values).value());
}

TEST(FileScrub, givesTheSamePieceByPiece) {
  std::string text;
  while (text.size() < 2'500'000)
    text += random.below(50) == 0 ? kValue : std::string(random.below(40), 'x');
  const auto fd = fileOf(text);
  belay::scrub::MaskedReader reader(fd.get(), values);
  std::string out;
  while (true) {
    const auto piece = reader.next();
    CHECK(piece.ok());
    if (piece->empty()) break;
    out += *piece;
  }
  CHECK(out == masked(text));
  CHECK(content() == text);
}

TEST(FileScrub, leavesNoTailOfValuesThatOverlap) {
  Redactor two;
  CHECK(two.add("A", SecretValue("abcdefgh")));
  CHECK(two.add("B", SecretValue("efghijkl")));
  const auto fd = fileOf("1abcdefghijkl2 abcdefgh");
  LONGS_EQUAL(2, belay::scrub::overwriteIn(fd.get(), two).value());
  STRCMP_EQUAL("1***A********2 ***A****", content().c_str());
}

TEST(FileScrub, takesFilesThatAreEmptyOrShorterThanAnyForm) {
  for (const char* text : {"", "abc"}) {
    const auto fd = fileOf(text);
    LONGS_EQUAL(0, belay::scrub::overwriteIn(fd.get(), values).value());
    STRCMP_EQUAL(text, content().c_str());
  }
}
