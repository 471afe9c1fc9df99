// Turns what people look for into the language of the index, and holds it against texts.

#include <string>

#include "agent/steps/SearchQuery.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::steps::SearchQuery;

TEST_GROUP(SearchQuery) {
  static std::string fts(const std::string& text, const std::string& slug = "") {
    const auto query = SearchQuery::parse(text);
    return query.ok() ? query->fts(slug) : query.error().message;
  }
  static bool matches(const std::string& query, const std::string& text) {
    return SearchQuery::parse(query)->matches(text);
  }
};

TEST(SearchQuery, wordsMustAllBeThere) {
  STRCMP_EQUAL(R"(({name body} : (("red") AND ("fox"))))", fts("red fox").c_str());
  STRCMP_EQUAL(R"((slug : "my-flow") AND ({name body} : (("red"))))", fts("red", "my-flow").c_str());
}

TEST(SearchQuery, knowsPhrasesBeginningsAlternativesAndNegatives) {
  STRCMP_EQUAL(R"(({name body} : (("red fox"))))", fts("\"red fox\"").c_str());
  STRCMP_EQUAL(R"(({name body} : (("re" *))))", fts("re*").c_str());
  STRCMP_EQUAL(R"(({name body} : (("a" OR "b") AND ("c"))))", fts("a OR b c").c_str());
  STRCMP_EQUAL(R"((({name body} : (("a"))) NOT {name body} : ("b" OR "c")))", fts("a -b -c").c_str());
}

TEST(SearchQuery, nothingOfATermIsAnOperator) {
  STRCMP_EQUAL(R"-(({name body} : (("NEAR(a") AND ("slug:x)"))))-", fts("NEAR(a slug:x)").c_str());
  STRCMP_EQUAL(R"(({name body} : (("it's"))))", fts("it's ; -- *").c_str());
}

TEST(SearchQuery, saysWhatCannotBeUnderstood) {
  for (const char* text : {"", "   ", "\"red", "OR a", "a OR", "a OR OR b", "-a", "* - !", "\"\""}) {
    const auto query = SearchQuery::parse(text);
    CHECK_FALSE(query.ok());
    CHECK(query.error().code == ErrorCode::kSearchQuery);
  }
  std::string many;
  for (int i = 0; i < 51; ++i) many += "w" + std::to_string(i) + " ";
  CHECK_FALSE(SearchQuery::parse(many).ok());
}

TEST(SearchQuery, holdsItselfAgainstTexts) {
  CHECK(matches("Red fox", "a red FOX runs"));
  CHECK_FALSE(matches("red wolf", "a red fox runs"));
  CHECK(matches("wolf OR fox", "a red fox runs"));
  CHECK_FALSE(matches("red -fox", "a red fox runs"));
}
