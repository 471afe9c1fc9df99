// Scrubs a journal: what stays because it is named by its digest, what is refused because nothing
// readable would be left, and what the file on the disk has at the end.

#include "agent/journal/JournalScrub.h"
#include "common/base/Files.h"
#include "tests/unit/journal/JournalFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using base::ErrorCode;
using journal::ContentNames;
using journal::renameContents;
using journal::ScrubPlan;
using redaction::Redactor;
using redaction::SecretValue;

TEST_GROUP(JournalScrub) {
  test::JournalFixture on;
  Redactor values;

  void setup() override { CHECK(on.open().ok()); }

  void note(const std::string& name, const std::string& value) {
    CHECK(on.journal->setMeta(name, value).ok());
    CHECK(on.journal->commit().ok());
  }
  std::string noteOf(const std::string& name) {
    return on.journal->meta(name).value().value_or("");
  }
  base::Result<journal::ScrubReport> scrub(bool apply = true) {
    return on.journal->scrub(ScrubPlan{values, "S", "uid:1", apply, {}, {}});
  }
  /// All that stands in the file and its WAL.
  std::string onDisk() {
    std::string all;
    for (const char* end : {"", "-wal"}) {
      const std::string path = on.options.path + end;
      if (base::fileExists(path)) all += base::readFile(path, 64u << 20).value();
    }
    return all;
  }
};

TEST(JournalScrub, renamesContentsAndNoFlow) {
  const std::string before(64, 'a');
  const std::string after(64, 'b');
  const ContentNames names{{before, after}};
  const std::string longer = before + "a";
  const std::string text = "res://sha256/" + before + " sha256:" + before + " " + longer + " x" + before;
  std::string changed = text;
  LONGS_EQUAL(2, renameContents(names, changed, changed.size()));
  CHECK(changed == "res://sha256/" + after + " sha256:" + before + " " + longer + " x" + after);
  changed = text;
  LONGS_EQUAL(1, renameContents(names, changed, 14));
  CHECK(changed == "res://sha256/" + after + text.substr(13 + 64));
}

TEST(JournalScrub, refusesWhatWouldBeNoJsonUnlessItStays) {
  CHECK(values.add("S", SecretValue("48151623,\"b\":")));
  const std::string broken = R"({"a":48151623,"b":1})";
  note("link.pin.p", broken);
  const auto report = scrub();
  CHECK(report.ok());
  LONGS_EQUAL(1, report->places.size());
  CHECK(report->places[0].kept);
  CHECK(noteOf("link.pin.p") == broken);
  note("other", broken);
  CHECK(scrub(false).error().code == ErrorCode::kInvalidArgument);
  CHECK(scrub().error().code == ErrorCode::kInvalidArgument);
  CHECK(noteOf("other") == broken);
}

TEST(JournalScrub, takesOffTheDiskWhatNoRowHasAnyMore) {
  const std::string value = "the-leaked-value";
  CHECK(values.add("S", SecretValue(value)));
  // Long enough to have pages of its own, which are free afterwards.
  note("x", std::string(50'000, '.') + value);
  CHECK(on.journal->close().ok());
  CHECK(on.open().ok());
  note("x", "y");
  CHECK(onDisk().find(value) != std::string::npos);
  const auto report = scrub();
  CHECK(report.ok());
  CHECK(report->places.empty());
  CHECK(onDisk().find(value) == std::string::npos);
  CHECK(noteOf("x") == "y");
  CHECK(on.verifyAll().value().ok);
}
