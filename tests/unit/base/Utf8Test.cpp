// Texts that are cut end with a whole character, wherever the bound falls.

#include <string>
#include <string_view>

#include "common/base/Text.h"
#include "common/base/Utf8.h"

#include <CppUTest/TestHarness.h>

using namespace belay::base;

TEST_GROUP(Utf8){};

TEST(Utf8, cutsNoCharacterInTwo) {
  const std::string text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";  // Of 1, 2, 3, 4 and 1 bytes.
  for (std::size_t most = 0; most <= text.size() + 1; ++most) {
    const std::string_view cut = wholeCharacters(text, most);
    CHECK(cut.size() <= most);
    CHECK(text.starts_with(cut));
    CHECK(isUtf8(cut));
    // Never more than one character is missing.
    CHECK(most >= text.size() ? cut == text : most - cut.size() < 4);
  }
}

TEST(Utf8, bytesThatAreNoTextAreCutToo) {
  LONGS_EQUAL(0, wholeCharacters(std::string(9, '\x80'), 5).size());
  LONGS_EQUAL(5, wholeCharacters(std::string(9, '\xff'), 5).size());
  LONGS_EQUAL(0, wholeCharacters("", 0).size());
}
