// Notes what storing a resource asks of the disk: whoever has a reference after a power cut has the
// content too.

#include <algorithm>
#include <string>
#include <vector>

#include "agent/resources/ResourceStore.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/SimClock.h"
#include "tests/support/SyncLog.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using namespace belay;

TEST_GROUP(DurableResources){};

TEST(DurableResources, theContentIsOnDiskBeforeTheNameAndTheNameBeforeTheEnd) {
  test::TempFolder folder;
  test::SimClock clock;
  test::SeededRandom random;
  auto store = resources::ResourceStore::open(folder.at("resources"), clock, random).value();
  CHECK(store->put("of the same shard or not").ok());

  const test::SyncLog disk;
  const auto resource = store->put("content");
  CHECK(resource.ok());
  const std::string hex = resource->digest.hex();
  const auto& lines = disk.lines();
  const auto named = std::find(lines.begin(), lines.end(), "rename " + hex.substr(2));
  CHECK(named != lines.end());
  // Folders are synced before that too.
  CHECK(std::any_of(lines.begin(), named, [&](const std::string& line) {
    return line.starts_with("sync ") && line != "sync resources" &&
           line != "sync " + hex.substr(0, 2);
  }));
  STRCMP_EQUAL(("sync " + hex.substr(0, 2)).c_str(), lines.back().c_str());
}
