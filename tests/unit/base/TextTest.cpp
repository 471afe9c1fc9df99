// Text functions by tables: what is taken, what is refused, and that one thing has one spelling.

#include <array>
#include <string>
#include <vector>

#include "common/base/Text.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using namespace belay::base;

namespace {

struct CodeRow {
  std::string plain;
  const char* base64;
  const char* base64Url;
};

}  // namespace

TEST_GROUP(Text){};

TEST(Text, comparesWithoutCaseInAsciiOnly) {
  CHECK(equalsIgnoringCase("Content-TYPE", "content-type"));
  CHECK_FALSE(equalsIgnoringCase("a", "ab"));
  CHECK_FALSE(equalsIgnoringCase("\xc3\x84", "\xc3\xa4"));
  STRCMP_EQUAL("az09\xc3\x84", toLower("AZ09\xc3\x84").c_str());
}

TEST(Text, trimsAndSplits) {
  STRCMP_EQUAL("a b", std::string(trim(" \t\r\na b\n ")).c_str());
  CHECK(trim(" \n").empty());
  const auto parts = split("a,,b,", ',');
  LONGS_EQUAL(4, parts.size());
  CHECK(parts[1].empty());
  CHECK(parts[3].empty());
  LONGS_EQUAL(1, split("", ',').size());
  const std::vector<std::string> words{"a", "", "b"};
  STRCMP_EQUAL("a--b", join(words, "-").c_str());
  STRCMP_EQUAL("", join({}, "-").c_str());
}

TEST(Text, suggestsOnlyWhatIsNear) {
  constexpr std::array<std::string_view, 4> kWords{"timeout", "retry", "next", "when"};
  STRCMP_EQUAL("timeout", nearest("timeuot", kWords).value().c_str());
  STRCMP_EQUAL("retry", nearest("retyr", kWords).value_or("").c_str());
  STRCMP_EQUAL("next", nearest("Nxet", kWords).value().c_str());
  CHECK_FALSE(nearest("command", kWords).has_value());
  STRCMP_EQUAL("timeout", nearest("tim", kWords).value_or("").c_str());
  CHECK_FALSE(nearest("ti", kWords).has_value());
  CHECK_FALSE(nearest("", kWords).has_value());
  CHECK_FALSE(nearest(std::string(1000, 'x'), kWords).has_value());
}

TEST(Text, knowsUtf8) {
  for (const char* good : {"", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xef\xbf\xbf",
                           "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    CHECK_TRUE_TEXT(isUtf8(good), good);
  }
  for (const char* bad : {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80",
                          "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "\xe2\x28\xa1", "a\xc3"}) {
    CHECK_FALSE(isUtf8(bad));
  }
  CHECK(isUtf8(std::string_view("\0", 1)));
}

TEST(Text, showsWhatWouldHide) {
  STRCMP_EQUAL("plain \xc3\xa4", visible("plain \xc3\xa4").c_str());
  STRCMP_EQUAL("\\x1b[2J\\x0a", visible("\x1b[2J\n").c_str());
  STRCMP_EQUAL("a\nb\tc\\x0d", visible("a\nb\tc\r", true).c_str());
  STRCMP_EQUAL("\\x0a", visible("\n").c_str());
  STRCMP_EQUAL("\\x7f\\x9b", visible("\x7f\xc2\x9b").c_str());
  STRCMP_EQUAL("\\u{202e}\\u{200b}\\u{2066}\\u{feff}",
               visible("\xe2\x80\xae\xe2\x80\x8b\xe2\x81\xa6\xef\xbb\xbf").c_str());
  STRCMP_EQUAL("\\u{e0001}", visible("\xf3\xa0\x80\x81").c_str());
  STRCMP_EQUAL("\\xff\\xc3", visible("\xff\xc3").c_str());
  STRCMP_EQUAL("\\x00", visible(std::string_view("\0", 1)).c_str());
}

TEST(Text, readsUnsignedNumbersWhole) {
  CHECK(parseUnsigned("0") == 0u);
  CHECK(parseUnsigned("007") == 7u);
  CHECK(parseUnsigned("18446744073709551615") == 18446744073709551615u);
  for (const char* bad : {"", "-1", "+1", " 1", "1 ", "1x", "0x1", "18446744073709551616", "1.0"}) {
    CHECK_FALSE(parseUnsigned(bad).has_value());
  }
}

TEST(Text, writesAndReadsHex) {
  constexpr std::array<std::uint8_t, 4> kBytes{0x00, 0x0f, 0xa0, 0xff};
  STRCMP_EQUAL("000fa0ff", toHex(kBytes).c_str());
  CHECK(fromHex("000FA0ff").value() == std::vector<std::uint8_t>(kBytes.begin(), kBytes.end()));
  CHECK(fromHex("").value().empty());
  for (const char* bad : {"0", "0g", "-1", "+1", "0x", " 1", "000"}) {
    CHECK_FALSE(fromHex(bad).has_value());
  }
}

TEST(Text, writesAndReadsBase64) {
  const std::array<CodeRow, 8> rows{{{"", "", ""},
                                     {"f", "Zg==", "Zg"},
                                     {"fo", "Zm8=", "Zm8"},
                                     {"foo", "Zm9v", "Zm9v"},
                                     {"foob", "Zm9vYg==", "Zm9vYg"},
                                     {"fooba", "Zm9vYmE=", "Zm9vYmE"},
                                     {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
                                     {"\xfb\xff\xfe", "+//+", "-__-"}}};
  for (const CodeRow& row : rows) {
    STRCMP_EQUAL(row.base64, toBase64(row.plain).c_str());
    STRCMP_EQUAL(row.base64Url, toBase64Url(row.plain).c_str());
    CHECK(fromBase64(row.base64) == row.plain);
    CHECK(fromBase64Url(row.base64Url) == row.plain);
  }
}

TEST(Text, refusesOtherSpellingsOfBase64) {
  for (const char* bad :
       {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm9v\n", " Zm9v", "Zm-v",
        "Zm9v=", "=Zm9v", "Zm=v", "Zm9vY", "\xc3\xa4=="}) {
    CHECK_FALSE_TEXT(fromBase64(bad).has_value(), bad);
  }
  for (const char* bad : {"Zg==", "Zh", "Zm9", "Zm9v\n", "Zm+v", "Zm/v", "Z", "Zm9vY"}) {
    CHECK_FALSE_TEXT(fromBase64Url(bad).has_value(), bad);
  }
  CHECK_FALSE(fromBase64(std::string_view("Zm9\0", 4)).has_value());
}

TEST(Text, everyByteStringHasOneBase64) {
  belay::test::SeededRandom random(11);
  for (int round = 0; round < 300; ++round) {
    std::string bytes(random.below(80), '\0');
    for (char& c : bytes) c = static_cast<char>(random.below(256));
    CHECK(fromBase64(toBase64(bytes)) == bytes);
    CHECK(fromBase64Url(toBase64Url(bytes)) == bytes);
    std::string changed = toBase64Url(bytes);
    if (changed.empty()) continue;
    char& last = changed.back();
    last = last == 'z' ? 'y' : last == '9' ? '8' : static_cast<char>(last + 1);
    const auto other = fromBase64Url(changed);
    CHECK_FALSE(other.has_value() && *other == bytes);
  }
}

TEST(Text, comparesSecretsWhole) {
  CHECK(equalsInConstantTime("", ""));
  CHECK(equalsInConstantTime("token", "token"));
  CHECK_FALSE(equalsInConstantTime("token", "tokem"));
  CHECK_FALSE(equalsInConstantTime("token", "uoken"));
  CHECK_FALSE(equalsInConstantTime("token", "toke"));
  CHECK_FALSE(equalsInConstantTime(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
}
