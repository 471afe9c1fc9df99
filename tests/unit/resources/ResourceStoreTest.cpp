// Stores contents in a temporary folder, damages them, and sweeps with a clock that stands still.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "agent/resources/ResourceStore.h"
#include "agent/resources/ResourceStream.h"
#include "common/base/Files.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/SimClock.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using belay::base::Error;
using belay::base::ErrorCode;
using belay::base::Result;
using belay::base::Status;
using belay::base::UniqueFd;
using belay::crypto::Digest;
using belay::crypto::sha256;
using belay::resources::parseResourceRef;
using belay::resources::Resource;
using belay::resources::resourceRef;
using belay::resources::ResourceStore;
using belay::resources::SweepPlan;
using belay::resources::SweepReport;
using belay::test::SeededRandom;
using belay::test::SimClock;
using belay::test::TempFolder;
using std::chrono::hours;
using std::chrono::minutes;

TEST_GROUP(ResourceStore) {
  TempFolder folder;
  SimClock clock;
  SeededRandom random;
  std::string path = folder.at("resources");
  std::unique_ptr<ResourceStore> store = open();
  std::set<Digest> referenced;

  std::unique_ptr<ResourceStore> open() { return ResourceStore::open(path, clock, random).value(); }
  std::string fileOf(const Digest& digest) const {
    return path + "/" + digest.hex().substr(0, 2) + "/" + digest.hex().substr(2);
  }
  SweepPlan plan(std::size_t most = 1'000'000) {
    return {[this](const Digest& digest) -> Result<bool> { return referenced.contains(digest); },
            hours{1}, most};
  }
  void damage(const Digest& digest, const std::string& content) const {
    const std::string file = fileOf(digest);
    LONGS_EQUAL(0, ::chmod(file.c_str(), 0600));
    // Cut only where it must be: some file systems sync a file that was emptied and written anew.
    LONGS_EQUAL(0, ::truncate(file.c_str(), static_cast<off_t>(content.size())));
    std::fstream(file, std::ios::binary | std::ios::in | std::ios::out) << content;
  }
  std::vector<Resource> putNumbers(int count) {
    std::vector<std::string> contents;
    for (int i = 0; i < count; ++i) contents.push_back(std::to_string(i));
    const std::vector<std::string_view> views(contents.begin(), contents.end());
    return store->putAll(views).value();
  }
  std::size_t leftovers() const { return belay::base::listFolder(path + "/tmp").value().size(); }
};

TEST(ResourceStore, givesBackWhatWasPut) {
  const std::string binary("\0\xff\n", 3);
  for (const std::string& content : {std::string(), std::string("text"), binary}) {
    const auto resource = store->put(content);
    LONGS_EQUAL(content.size(), resource->size);
    CHECK(resource->digest == sha256(content));
    CHECK(store->read(resource->digest, 100).value() == content);
    LONGS_EQUAL(content.size(), store->size(resource->digest).value());
  }
  LONGS_EQUAL(0, leftovers());
}

TEST(ResourceStore, namesContentsByTheirDigest) {
  const auto resource = store->put("abc");
  STRCMP_EQUAL("res://sha256/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
               resource->ref().c_str());
  CHECK(parseResourceRef(resource->ref()).value() == resource->digest);
  for (const std::string& bad :
       {std::string(), std::string("res://sha256/"), std::string("res://md5/00"),
        resource->ref() + "0", resource->ref() + "/../x", "x" + resource->ref(),
        std::string(
            "res://sha256/BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")}) {
    CHECK(parseResourceRef(bad).error().code == ErrorCode::kResourceNotFound);
  }
}

TEST(ResourceStore, keepsContentsOverARestart) {
  const auto resource = store->put("kept");
  store = open();
  CHECK(store->read(resource->digest, 100).value() == "kept");
}

TEST(ResourceStore, openingLeavesAloneWhatAnotherProcessWrites) {
  const std::string written = path + "/tmp/being-written";
  std::ofstream(written) << "half";
  store = open();
  CHECK(belay::base::fileExists(written));
  const std::int64_t now = clock.wallMs() / 1000;
  const timespec times[2] = {{static_cast<time_t>(now), 0}, {static_cast<time_t>(now), 0}};
  LONGS_EQUAL(0, ::utimensat(AT_FDCWD, written.c_str(), times, 0));
  clock.advance(minutes{59});
  CHECK(store->sweep(plan()).ok());
  CHECK(belay::base::fileExists(written));
  clock.advance(minutes{2});
  CHECK(store->sweep(plan()).ok());
  CHECK_FALSE(belay::base::fileExists(written));
}

TEST(ResourceStore, keepsFilesThatNobodyCanWrite) {
  const auto resource = store->put("content");
  struct stat info {};
  LONGS_EQUAL(0, ::stat(fileOf(resource->digest).c_str(), &info));
  LONGS_EQUAL(0400, info.st_mode & 07777);
}

TEST(ResourceStore, noticesEveryFlippedBit) {
  const std::string content = "0123456789abcdef";
  const auto resource = store->put(content);
  for (std::size_t bit = 0; bit < content.size() * 8; ++bit) {
    std::string bad = content;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    damage(resource->digest, bad);
    CHECK(store->read(resource->digest, 100).error().code == ErrorCode::kResourceDamaged);
    CHECK(store->copyTo(resource->digest, folder.at("copy")).error().code ==
          ErrorCode::kResourceDamaged);
    CHECK_FALSE(belay::base::fileExists(folder.at("copy")));
  }
  damage(resource->digest, content.substr(1));
  CHECK_FALSE(store->read(resource->digest, 100).ok());
  damage(resource->digest, content + "x");
  CHECK_FALSE(store->read(resource->digest, 100).ok());
}

TEST(ResourceStore, aNewPutRepairsADamagedContent) {
  const auto resource = store->put("content");
  damage(resource->digest, "c0ntent");
  CHECK(store->put("content").ok());
  CHECK(store->read(resource->digest, 100).value() == "content");
}

TEST(ResourceStore, putsSeveralAtOnceInTheirOrder) {
  const std::string_view contents[] = {"a", "b", "a", ""};
  const auto put = store->putAll(contents);
  LONGS_EQUAL(4, put->size());
  for (std::size_t i = 0; i < 4; ++i) CHECK(put->at(i).digest == sha256(contents[i]));
  CHECK(store->read(sha256("b"), 10).value() == "b");
  LONGS_EQUAL(0, leftovers());
}

TEST(ResourceStore, streamsLargeContentsThroughBoundedMemory) {
  const std::string source = folder.at("source");
  {
    std::ofstream out(source, std::ios::binary);
    const std::string piece(1u << 20, 'x');
    for (int i = 0; i < 5; ++i) out << piece << i;
  }
  const UniqueFd fd(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
  const auto resource = store->putStream(fd.get(), 1u << 30);
  CHECK(resource->size > 5u << 20);
  std::uint64_t bytes = 0;
  std::size_t largest = 0;
  CHECK(store
            ->stream(resource->digest,
                     [&](std::string_view piece) {
                       bytes += piece.size();
                       largest = std::max(largest, piece.size());
                       return Status{};
                     })
            .ok());
  LONGS_EQUAL(resource->size, bytes);
  CHECK(largest <= 65536);
  CHECK(store->copyTo(resource->digest, folder.at("copy")).ok());
  const auto original = belay::base::readFile(source, 1u << 30);
  CHECK(belay::base::readFile(folder.at("copy"), 1u << 30).value() == original.value());
}

TEST(ResourceStore, refusesStreamsThatAreTooLong) {
  int ends[2];
  LONGS_EQUAL(0, ::pipe(ends));
  const UniqueFd in(ends[0]);
  {
    const UniqueFd out(ends[1]);
    CHECK(belay::base::writeAll(out.get(), "0123456789", "pipe").ok());
  }
  CHECK(store->putStream(in.get(), 9).error().code == ErrorCode::kLimit);
  LONGS_EQUAL(0, leftovers());
  CHECK(store->read(store->put("0123456789")->digest, 9).error().code == ErrorCode::kLimit);
}

TEST(ResourceStore, takesPiecesAndTheErrorOfTheirSource) {
  int calls = 0;
  const auto put = store->putPieces(
      [&]() -> Result<std::string_view> { return std::string_view(++calls <= 3 ? "piece " : ""); },
      100);
  CHECK(store->read(put->digest, 100).value() == "piece piece piece ");
  const auto failed = store->putPieces(
      []() -> Result<std::string_view> {
        return Error{ErrorCode::kCancelled, "enough"};
      },
      100);
  CHECK(failed.error().code == ErrorCode::kCancelled);
  LONGS_EQUAL(0, leftovers());
}

TEST(ResourceStore, passesTheErrorOfASinkOn) {
  const auto resource = store->put("content");
  const Status status = store->stream(resource->digest, [](std::string_view) -> Status {
    return Error{ErrorCode::kCancelled, "enough"};
  });
  CHECK(status.error().code == ErrorCode::kCancelled);
}

TEST(ResourceStore, copiesAreReadOnlyAndNeverReplaceAFile) {
  const auto resource = store->put("content");
  CHECK(store->copyTo(resource->digest, folder.at("copy")).ok());
  struct stat info {};
  LONGS_EQUAL(0, ::stat(folder.at("copy").c_str(), &info));
  LONGS_EQUAL(0400, info.st_mode & 07777);
  CHECK_FALSE(store->copyTo(resource->digest, folder.at("copy")).ok());
  LONGS_EQUAL(0, ::symlink(folder.at("target").c_str(), folder.at("link").c_str()));
  CHECK_FALSE(store->copyTo(resource->digest, folder.at("link")).ok());
  CHECK_FALSE(belay::base::fileExists(folder.at("target")));
}

TEST(ResourceStore, saysWhatIsNotThere) {
  const Digest none = sha256("never put");
  CHECK_FALSE(store->exists(none));
  CHECK(store->read(none, 10).error().code == ErrorCode::kResourceNotFound);
  CHECK(store->size(none).error().code == ErrorCode::kResourceNotFound);
  CHECK(store->copyTo(none, folder.at("copy")).error().code == ErrorCode::kResourceNotFound);
  CHECK_FALSE(belay::base::fileExists(folder.at("copy")));
  CHECK(store->remove(none).ok());
}

TEST(ResourceStore, listsAllContentsInOrder) {
  std::set<Digest> put;
  for (const Resource& resource : putNumbers(50)) put.insert(resource.digest);
  std::ofstream(path + "/" + put.begin()->hex().substr(0, 2) + "/foreign") << "x";
  std::vector<Digest> seen;
  CHECK(store
            ->forEach([&](const Resource& resource) {
              seen.push_back(resource.digest);
              return Status{};
            })
            .ok());
  CHECK(std::vector<Digest>(put.begin(), put.end()) == seen);
}

TEST(ResourceStore, sweepsWhatIsOldAndUnused) {
  const auto kept = store->put("kept"), old = store->put("old");
  referenced.insert(kept->digest);
  clock.advance(minutes{61});
  const auto fresh = store->put("fresh");
  const auto report = store->sweep(plan());
  CHECK(report->finished);
  LONGS_EQUAL(3, report->examined);
  LONGS_EQUAL(1, report->removed);
  LONGS_EQUAL(3, report->bytes);
  CHECK(store->exists(kept->digest));
  CHECK(store->exists(fresh->digest));
  CHECK_FALSE(store->exists(old->digest));
}

TEST(ResourceStore, sparesWhatWasPutAgain) {
  const auto resource = store->put("content");
  clock.advance(minutes{61});
  CHECK(store->put("content").ok());
  LONGS_EQUAL(0, store->sweep(plan())->removed);
  clock.advance(minutes{59});
  store = open();  // Only the time of the file is left to go by.
  LONGS_EQUAL(0, store->sweep(plan())->removed);
  clock.advance(minutes{2});
  LONGS_EQUAL(1, store->sweep(plan())->removed);
  CHECK_FALSE(store->exists(resource->digest));
}

TEST(ResourceStore, sparesWhatIsFreshWhenTheWallClockJumps) {
  CHECK(store->put("content").ok());
  clock.jumpWall(hours{24 * 365});
  LONGS_EQUAL(0, store->sweep(plan())->removed);
  clock.jumpWall(-hours{24 * 365 * 2});
  clock.advance(minutes{61});
  LONGS_EQUAL(0, store->sweep(plan())->removed);
}

TEST(ResourceStore, sweepsInBoundedBatches) {
  CHECK(putNumbers(100).size() == 100);
  clock.advance(hours{2});
  std::uint64_t removed = 0;
  int calls = 0;
  SweepReport report;
  while (!report.finished) {
    report = store->sweep(plan(7)).value();
    CHECK(report.examined <= 7);
    removed += report.removed;
    CHECK(++calls < 100);
  }
  LONGS_EQUAL(100, removed);
  CHECK(calls >= 100 / 7);
}

TEST(ResourceStore, anErrorOfTheQuestionRemovesNothing) {
  const auto resource = store->put("content");
  clock.advance(hours{2});
  SweepPlan failing = plan();
  failing.isReferenced = [](const Digest&) -> Result<bool> {
    return Error{ErrorCode::kJournalIo, "no answer"};
  };
  CHECK(store->sweep(failing).error().code == ErrorCode::kJournalIo);
  CHECK(store->exists(resource->digest));
}

TEST(ResourceStore, sweepsAndPutsAtOnce) {
  // New files have the time of the kernel until they get the clock's: both must be the same here,
  // or the sweep takes a file that was made just now for one that was left over.
  struct stat info {};
  LONGS_EQUAL(0, ::stat(path.c_str(), &info));
  clock.jumpWall(std::chrono::seconds{info.st_mtim.tv_sec} -
                 std::chrono::milliseconds{clock.wallMs()});
  std::vector<std::thread> threads;
  std::vector<int> lost(2, 0);
  for (std::size_t t = 0; t < lost.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i) {
        const auto put = store->put("content " + std::to_string(i % 4));
        if (!put.ok() || !store->read(put->digest, 100).ok()) ++lost[t];
      }
    });
  }
  for (int i = 0; i < 40; ++i) CHECK(store->sweep(plan()).ok());
  for (std::thread& thread : threads) thread.join();
  for (const int count : lost) LONGS_EQUAL(0, count);
}

TEST(ResourceStore, takesAContentAsItComes) {
  std::string all;
  {
    auto writer = std::move(*store->write(1000));
    for (const char* piece : {"one ", "two ", "", "three"}) {
      CHECK(writer->write(piece).ok());
      all += piece;
    }
    LONGS_EQUAL(all.size(), writer->size());
    CHECK_FALSE(store->exists(sha256(all)));
    const auto resource = writer->commit();
    CHECK(resource->digest == sha256(all));
    LONGS_EQUAL(all.size(), resource->size);
  }
  CHECK(store->read(sha256(all), 100).value() == all);
  LONGS_EQUAL(0, leftovers());
}

TEST(ResourceStore, aWriterThatIsDroppedLeavesNothing) {
  {
    auto writer = std::move(*store->write(5));
    CHECK(writer->write("12345").ok());
    CHECK(writer->write("6").error().code == ErrorCode::kLimit);
    LONGS_EQUAL(1, leftovers());
  }
  LONGS_EQUAL(0, leftovers());
  CHECK_FALSE(store->exists(sha256("12345")));
}

TEST(ResourceStore, aReaderGivesPiecesAndNoticesDamageAtTheEnd) {
  const std::string content(200'000, 'x');
  const auto resource = store->put(content);
  auto reader = std::move(*store->reader(resource->digest));
  LONGS_EQUAL(content.size(), reader->size());
  std::string got;
  while (true) {
    const auto piece = reader->next();
    CHECK(piece.ok());
    if (piece->empty()) break;
    CHECK(piece->size() <= 65536);
    got += *piece;
  }
  CHECK(got == content);
  CHECK(reader->next().value().empty());
  damage(resource->digest, std::string(199'999, 'x'));
  auto again = std::move(*store->reader(resource->digest));
  Result<std::string_view> piece = again->next();
  while (piece.ok() && !piece->empty()) piece = again->next();
  CHECK(piece.error().code == ErrorCode::kResourceDamaged);
  CHECK(store->reader(sha256("nothing")).error().code == ErrorCode::kResourceNotFound);
}

TEST(ResourceStore, storesNothingBeyondItsBound) {
  store->setBytesMax(100);
  CHECK(store->put(std::string(60, 'a')).ok());
  LONGS_EQUAL(60, store->bytesUsed());
  CHECK(store->put(std::string(60, 'b')).error().code == ErrorCode::kResourceQuota);
  // What is there already takes no more room.
  CHECK(store->put(std::string(60, 'a')).ok());
  LONGS_EQUAL(60, store->bytesUsed());
  auto writer = std::move(*store->write(1000));
  CHECK(writer->write(std::string(30, 'c')).ok());
  CHECK(writer->write(std::string(30, 'c')).error().code == ErrorCode::kResourceQuota);
  writer.reset();
  LONGS_EQUAL(0, leftovers());
  CHECK(store->put(std::string(40, 'd')).ok());
}

TEST(ResourceStore, countsWhatItFindsAndWhatItSweeps) {
  CHECK(store->put(std::string(60, 'a')).ok());
  const auto kept = store->put(std::string(10, 'b'));
  referenced.insert(kept->digest);
  store = open();
  LONGS_EQUAL(0, store->bytesUsed());
  CHECK(store->sweep(plan())->finished);
  LONGS_EQUAL(70, store->bytesUsed());
  clock.advance(hours{2});
  const auto report = store->sweep(plan());
  LONGS_EQUAL(60, report->bytes);
  LONGS_EQUAL(10, report->kept);
  LONGS_EQUAL(10, store->bytesUsed());
}
