// What is found, in which order, and what of it is shown.
#include "agent/authoring/DocSearch.h"
#include "embedded/Embedded.h"

#include <CppUTest/TestHarness.h>

using belay::authoring::DocHit;
using belay::authoring::searchDocs;

TEST_GROUP(DocSearch){};

TEST(DocSearch, findsThePageOfAnErrorCodeFirst) {
  const auto hits = searchDocs({"BLY-FLOW-UNKNOWN-KEY"}, 5);
  CHECK(!hits.empty());
  STRCMP_EQUAL("docs/errors/BLY-FLOW-UNKNOWN-KEY.md", std::string(hits[0].path).c_str());
}

TEST(DocSearch, sectionsWithAllWordsComeFirst) {
  const auto hits = searchDocs({"draft", "release", "promote"}, 8);
  CHECK(hits.size() >= 2);
  STRCMP_EQUAL("docs/flows.md", std::string(hits[0].path).c_str());
  for (std::size_t i = 1; i < hits.size(); ++i) CHECK(hits[i - 1].score >= hits[i].score);
}

TEST(DocSearch, findsOtherFormsOfAWordAndNoWordsWithinWords) {
  const auto one = searchDocs({"approvals"}, 50);
  const auto other = searchDocs({"approval"}, 50);
  CHECK(!one.empty());
  LONGS_EQUAL(one.size(), other.size());
  for (const DocHit& hit : searchDocs({"essage"}, 50)) FAIL(hit.excerpt.c_str());
}

TEST(DocSearch, anExcerptHoldsTheWordAndIsShort) {
  for (const DocHit& hit : searchDocs({"idempotency"}, 20)) {
    CHECK_TEXT(hit.excerpt.size() < 260, hit.excerpt.c_str());
    CHECK(!hit.heading.empty());
  }
}

TEST(DocSearch, givesNothingForWhatIsNowhere) {
  CHECK(searchDocs({"xylophone"}, 5).empty());
  CHECK(searchDocs({""}, 5).empty());
  LONGS_EQUAL(3, searchDocs({"run"}, 3).size());
}
