// Notes what a durable write asks of the disk, in which order: a power cut at any place between
// must leave the old file or the new one.

#include <string>
#include <vector>

#include "common/base/Files.h"
#include "tests/support/SyncLog.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using namespace belay::base;
using belay::test::SyncLog;
using belay::test::TempFolder;

TEST_GROUP(DurableFiles) {
  TempFolder folder;
  std::string nameOfFolder() { return folder.path().substr(folder.path().rfind('/') + 1); }
};

TEST(DurableFiles, theContentIsOnDiskBeforeTheNameAndTheNameBeforeTheEnd) {
  const SyncLog disk;
  CHECK(writeFileDurably(folder.at("file"), "content").ok());
  const std::vector<std::string> wanted = {"sync file.new", "rename file",
                                           "sync " + nameOfFolder()};
  CHECK(disk.lines() == wanted);
}
