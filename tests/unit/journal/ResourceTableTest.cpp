// Keeps rows of resources over the ends of their runs, counts what flows take, and finds texts by
// their words.

#include <string>

#include "agent/journal/ResourceTable.h"
#include "tests/unit/journal/JournalFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::engine::RunStatus;
using belay::flow::Keep;
using belay::journal::ResourceFilter;
using belay::journal::ResourceRow;
using belay::journal::ResourcesRemoved;
using belay::journal::ResourceTable;
using belay::test::JournalFixture;

TEST_GROUP(ResourceTable) {
  JournalFixture on;

  void setup() override { CHECK(on.open().ok()); }
  ResourceTable& table() const { return on.journal->resourceTable(); }
  void begin(const std::string& id, const std::string& slug = "flow") {
    CHECK(on.addRun(id, 1, slug).ok());
  }
  void add(const std::string& run, const std::string& name, Keep keep = Keep::kRun,
           const std::string& text = "", std::uint64_t size = 10) const {
    ResourceRow row{"res://" + name, name, on.runId(run), "step", name, "text/plain", size, 1};
    row.keep = keep;
    row.indexText = text;
    CHECK(table().add(row).ok());
  }
  std::string found(const std::string& match, const std::string& slug = "",
                    std::size_t most = 10) const {
    const auto rows = table().search({match, slug, most});
    CHECK(rows.ok());
    std::string out;
    for (const ResourceRow& row : *rows) out += row.name + " ";
    return out;
  }
  std::string all() const {
    std::string out;
    const auto rows = table().list({});
    for (const ResourceRow& row : *rows) out += row.name + ":" + row.run.str() + " ";
    return out;
  }
};

TEST(ResourceTable, countsWhatEachFlowTakes) {
  begin("r1", "one");
  begin("r2", "two");
  add("r1", "a");
  add("r1", "a");
  add("r2", "b", Keep::kRun, "", 5);
  LONGS_EQUAL(20, table().usage("one")->bytes);
  LONGS_EQUAL(2, table().usage("one")->resources);
  LONGS_EQUAL(0, table().usage("none")->bytes);
  const auto usages = table().usages();
  LONGS_EQUAL(2, usages->size());
  STRCMP_EQUAL("one", usages->front().slug.c_str());
  ResourcesRemoved removed;
  CHECK(table().remove("res://a", removed).ok());
  LONGS_EQUAL(2, removed.resources);
  LONGS_EQUAL(20, removed.bytes);
  LONGS_EQUAL(0, table().usage("one")->bytes);
}

TEST(ResourceTable, listsByFlowAndSize) {
  begin("r1", "one");
  begin("r2", "two");
  add("r1", "small");
  add("r2", "large", Keep::kRun, "", 1000);
  add("r1", "last");
  ResourceFilter filter;
  filter.slug = "one";
  LONGS_EQUAL(2, table().list(filter)->size());
  filter.slug.clear();
  filter.largestFirst = true;
  STRCMP_EQUAL("large", table().list(filter)->front().name.c_str());
}

TEST(ResourceTable, findsTextsByTheirWords) {
  begin("r1", "one");
  begin("r2", "two");
  add("r1", "fox", Keep::kRun, "The quick brown Füchse jump");
  add("r2", "dog", Keep::kRun, "the lazy dog sleeps; brown too");
  add("r2", "silent");
  STRCMP_EQUAL("fox ", found("\"quick\"").c_str());
  STRCMP_EQUAL("fox ", found("\"fuchse\"").c_str());
  STRCMP_EQUAL("fox ", found("{name body} : \"fox\"").c_str());
  STRCMP_EQUAL("dog ", found("(slug : \"two\") AND ({name body} : \"brown\")", "two").c_str());
  STRCMP_EQUAL("", found("\"silent\"").c_str());
  ResourcesRemoved removed;
  CHECK(table().remove("res://fox", removed).ok());
  STRCMP_EQUAL("", found("\"quick\"").c_str());
  STRCMP_EQUAL("dog ", found("\"brown\"").c_str());
}

TEST(ResourceTable, someStayBeyondTheirRun) {
  begin("r1");
  add("r1", "plain", Keep::kRun, "words");
  add("r1", "kept", Keep::kRetained, "words");
  CHECK(on.endRun("r1", RunStatus::kSucceeded).ok());
  CHECK(on.journal->commit().ok());
  on.clock.advance(std::chrono::hours{1});
  const auto report = on.journal->prune(on.clock.wallMs(), 10);
  LONGS_EQUAL(1, report->runs);
  LONGS_EQUAL(1, report->resources);
  STRCMP_EQUAL("plain", report->freedDigests.at(0).c_str());
  STRCMP_EQUAL("kept: ", all().c_str());
  STRCMP_EQUAL("kept ", found("\"words\"").c_str());
  STRCMP_EQUAL("flow", table().find("res://kept").value()->slug.c_str());
  // A new run may get the number of the one that is gone: what was kept is not its.
  begin("r2");
  STRCMP_EQUAL("kept: ", all().c_str());
  ResourcesRemoved removed;
  CHECK(table().expire(0, 1, 10, removed).ok());
  LONGS_EQUAL(0, removed.resources);
  CHECK(table().expire(0, 2, 10, removed).ok());
  LONGS_EQUAL(1, removed.resources);
}

TEST(ResourceTable, someGoSoonAfterTheEndOfTheirRun) {
  begin("r1");
  begin("r2");
  add("r1", "a", Keep::kEphemeral);
  add("r1", "b");
  add("r2", "c", Keep::kEphemeral);
  CHECK(on.endRun("r1", RunStatus::kFailed).ok());
  CHECK(on.journal->commit().ok());
  ResourcesRemoved removed;
  CHECK(table().expire(on.clock.wallMs(), 0, 10, removed).ok());
  LONGS_EQUAL(0, removed.resources);
  CHECK(table().expire(on.clock.wallMs() + 1, 0, 10, removed).ok());
  LONGS_EQUAL(1, removed.resources);
  STRCMP_EQUAL("a", removed.digests.at(0).c_str());
  STRCMP_EQUAL("c:r2 b:r1 ", all().c_str());
}

TEST(ResourceTable, saysWhoStillHasOne) {
  begin("r1");
  add("r1", "a");
  STRCMP_EQUAL("r1", table().usedBy("res://a")->c_str());
  CHECK(on.endRun("r1", RunStatus::kSucceeded).ok());
  STRCMP_EQUAL("", table().usedBy("res://a")->c_str());
}

TEST(ResourceTable, whatIsRolledBackIsNeitherCountedNorFound) {
  begin("r1");
  CHECK(on.journal->commit().ok());
  add("r1", "a", Keep::kRun, "words");
  on.journal->rollback();
  LONGS_EQUAL(0, table().usage("flow")->bytes);
  STRCMP_EQUAL("", found("\"words\"").c_str());
}
