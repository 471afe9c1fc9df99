// Works on real files in a temporary folder: what must be refused, and what must be left alone.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "common/base/Files.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using namespace belay::base;
using belay::test::TempFolder;

TEST_GROUP(Files) {
  TempFolder folder;

  std::string read(const std::string& name) { return readFile(folder.at(name), 1u << 20).value(); }
  void link(const std::string& to, const std::string& name) {
    LONGS_EQUAL(0, ::symlink(to.c_str(), folder.at(name).c_str()));
  }
};

TEST(Files, writesWholeFilesWithTheirMode) {
  const std::string content("a\0b\n", 4);
  CHECK(writeFileDurably(folder.at("file"), content, 0640).ok());
  CHECK(read("file") == content);
  struct stat info {};
  LONGS_EQUAL(0, ::stat(folder.at("file").c_str(), &info));
  LONGS_EQUAL(0640, info.st_mode & 07777);
  CHECK(writeFileDurably(folder.at("file"), "").ok());
  CHECK(read("file").empty());
  LONGS_EQUAL(1, listFolder(folder.path()).value().size());
}

TEST(Files, replacesLinksInsteadOfFollowingThem) {
  CHECK(writeFileDurably(folder.at("target"), "old").ok());
  link(folder.at("target"), "file");
  CHECK(writeFileDurably(folder.at("file"), "new").ok());
  CHECK(read("target") == "old");
  CHECK(read("file") == "new");
}

TEST(Files, doesNotWriteThroughALinkInPlaceOfItsTemporaryFile) {
  CHECK(writeFileDurably(folder.at("target"), "old").ok());
  link(folder.at("target"), "file.new");
  CHECK_FALSE(writeFileDurably(folder.at("file"), "new").ok());
  CHECK(read("target") == "old");
}

TEST(Files, boundsWhatItReads) {
  CHECK(writeFileDurably(folder.at("file"), std::string(100'000, 'x')).ok());
  LONGS_EQUAL(100'000, readFile(folder.at("file"), 100'000).value().size());
  CHECK(readFile(folder.at("file"), 99'999).error().code == ErrorCode::kLimit);
  CHECK(readFile(folder.at("none"), 10).error().code == ErrorCode::kNotFound);
  CHECK(readFile(folder.path(), 10).error().code == ErrorCode::kIo);
}

TEST(Files, opensForReadingWithoutFollowingLinks) {
  CHECK(writeFileDurably(folder.at("target"), "x").ok());
  link(folder.at("target"), "link");
  const auto opened = openForReading(folder.at("target"));
  CHECK(opened.ok());
  LONGS_EQUAL(FD_CLOEXEC, ::fcntl(opened->get(), F_GETFD) & FD_CLOEXEC);
  CHECK_FALSE(openForReading(folder.at("link")).ok());
}

TEST(Files, makesFoldersWithTheirParents) {
  CHECK(makeFolders(folder.at("a/b/c")).ok());
  CHECK(makeFolders(folder.at("a/b/c/")).ok());
  struct stat info {};
  LONGS_EQUAL(0, ::stat(folder.at("a/b").c_str(), &info));
  LONGS_EQUAL(0700, info.st_mode & 07777);
  CHECK(writeFileDurably(folder.at("file"), "x").ok());
  CHECK_FALSE(makeFolders(folder.at("file")).ok());
  CHECK_FALSE(makeFolders(folder.at("file/below")).ok());
}

TEST(Files, listsInOrder) {
  for (const char* name : {"b", ".hidden", "a"}) CHECK(writeFileDurably(folder.at(name), "").ok());
  const auto names = listFolder(folder.path());
  LONGS_EQUAL(3, names->size());
  STRCMP_EQUAL(".hidden", names->at(0).c_str());
  STRCMP_EQUAL("b", names->at(2).c_str());
  CHECK(listFolder(folder.at("none")).error().code == ErrorCode::kNotFound);
}

// Regression: a tree of a job that is deeper than there are descriptors.
TEST(Files, removesATreeOfAnyDepthAndFoldersThatCannotBeEntered) {
  const std::string top = folder.at("deep");
  CHECK_EQUAL(0, ::mkdir(top.c_str(), 0700));
  UniqueFd at(::open(top.c_str(), O_RDONLY | O_DIRECTORY));
  for (int depth = 0; depth < 5000; ++depth) {
    CHECK_EQUAL(0, ::mkdirat(at.get(), "d", 0700));
    at.reset(::openat(at.get(), "d", O_RDONLY | O_DIRECTORY));
  }
  CHECK_EQUAL(0, ::mkdirat(at.get(), "closed", 0000));
  CHECK_EQUAL(0, ::mkdir((top + "/x").c_str(), 0700));
  CHECK(writeFileDurably(top + "/x/file", "").ok());
  CHECK_EQUAL(0, ::chmod((top + "/x").c_str(), 0500));
  CHECK(removeTree(top).ok());
  CHECK_FALSE(fileExists(top));
}

TEST(Files, removesWhatIsThereAndWhatIsNot) {
  CHECK(writeFileDurably(folder.at("file"), "x").ok());
  CHECK(removeFile(folder.at("file")).ok());
  CHECK(removeFile(folder.at("file")).ok());
  CHECK_FALSE(fileExists(folder.at("file")));
  CHECK(removeTree(folder.at("none")).ok());
}

TEST(Files, removesTreesWithoutFollowingLinksOutOfThem) {
  CHECK(makeFolders(folder.at("outside/kept")).ok());
  CHECK(makeFolders(folder.at("tree/a/b")).ok());
  CHECK(writeFileDurably(folder.at("tree/a/b/file"), "x").ok());
  link(folder.at("outside"), "tree/a/link");
  CHECK(removeTree(folder.at("tree")).ok());
  CHECK_FALSE(fileExists(folder.at("tree")));
  CHECK(fileExists(folder.at("outside/kept")));
  link(folder.at("outside"), "link");
  CHECK_FALSE(removeTree(folder.at("link")).ok());
  CHECK(fileExists(folder.at("outside/kept")));
}

TEST(Files, namesTheReasonOfAnError) {
  CHECK(errnoError(ENOSPC, "write x").code == ErrorCode::kDiskFull);
  CHECK(errnoError(EDQUOT, "write x").code == ErrorCode::kDiskFull);
  CHECK(errnoError(ENOENT, "open x").code == ErrorCode::kNotFound);
  CHECK(errnoError(EACCES, "open x").code == ErrorCode::kIo);
  STRCMP_EQUAL("open x: Permission denied", errnoError(EACCES, "open x").message.c_str());
}

TEST(Files, writesAllThroughAPipeThatTakesLittleAtATime) {
  int ends[2];
  LONGS_EQUAL(0, ::pipe2(ends, O_CLOEXEC));
  const UniqueFd in(ends[0]);
  UniqueFd out(ends[1]);
  CHECK(writeAll(out.get(), std::string(10'000, 'x'), "pipe").ok());
  out.reset();
  std::string got(20'000, '\0');
  LONGS_EQUAL(10'000, ::read(in.get(), got.data(), got.size()));
  CHECK(writeAll(-1, "x", "nothing").error().code == ErrorCode::kIo);
}
