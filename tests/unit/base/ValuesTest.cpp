// The small types that everything uses: ids, random names, descriptors, the queue between threads.

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/base/BoundedQueue.h"
#include "common/base/Clock.h"
#include "common/base/Ids.h"
#include "common/base/Random.h"
#include "common/base/SecretName.h"
#include "common/base/Text.h"
#include "common/base/UniqueFd.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using namespace belay::base;

TEST_GROUP(Ids){};

TEST(Ids, takesOneShapeOfNamesOnly) {
  for (const std::string& good :
       {std::string("a"), std::string("0"), std::string("a_b-c9"), std::string(64, 'x')}) {
    CHECK(Slug::parse(good).ok());
  }
  for (const std::string& bad :
       {std::string(), std::string(65, 'x'), std::string("A"), std::string("-a"), std::string("_a"),
        std::string("a/b"), std::string("a.b"), std::string(".."), std::string("a\0b", 3),
        std::string("\xc3\xa4"), std::string("a ")}) {
    CHECK(Slug::parse(bad).error().code == ErrorCode::kFlowBadSlug);
  }
}

TEST(Ids, areComparedAndHashedByTheirText) {
  const StepId a = StepId::parse("a").value(), b = StepId::parse("b").value();
  CHECK(a < b);
  CHECK(a == StepId::parse("a").value());
  CHECK(std::hash<StepId>{}(a) == std::hash<StepId>{}(StepId::parse("a").value()));
  CHECK(StepId().empty());
}

TEST_GROUP(SecretName){};

TEST(SecretName, isOfOneShapeInAllPlaces) {
  for (const std::string& good : {std::string("GITHUB_TOKEN"), std::string("tok"), std::string("0"),
                                  std::string("_"), std::string("a-b"), std::string(64, 'Z')}) {
    CHECK_TEXT(belay::base::isSecretName(good), good.c_str());
    CHECK(belay::base::checkSecretName(good).ok());
  }
  for (const std::string& bad :
       {std::string(), std::string(65, 'x'), std::string("-a"), std::string("a b"),
        std::string("a.b"), std::string("a/b"), std::string("a\0b", 3), std::string("\xc3\xa4"),
        std::string("${{x}}")}) {
    CHECK_FALSE_TEXT(belay::base::isSecretName(bad), bad.c_str());
    CHECK(belay::base::checkSecretName(bad).error().code == ErrorCode::kInvalidArgument);
  }
}

TEST_GROUP(Random) { belay::test::SeededRandom random; };

TEST(Random, namesSortByTheirTime) {
  std::string before;
  for (const std::int64_t ms :
       {0LL, 1LL, 31LL, 32LL, 1'000'000LL, 1'800'000'000'000LL, 1'800'000'000'001LL}) {
    const std::string id = makeSortableId(ms, random);
    LONGS_EQUAL(16, id.size());
    CHECK(isIdentifier(id));
    CHECK(id.substr(0, 9) > before);
    before = id.substr(0, 9);
  }
}

TEST(Random, namesOfOneMomentDiffer) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(makeSortableId(1'800'000'000'000, random));
  LONGS_EQUAL(1000, ids.size());
}

TEST(Random, theSystemFillsEveryByte) {
  OsRandom os;
  std::vector<std::uint8_t> first(1000), second(1000);
  os.fill(first);
  os.fill(second);
  CHECK(first != second);
  const std::set<std::uint8_t> values(first.begin(), first.end());
  CHECK(values.size() > 200);
  os.fill({});
}

TEST(Random, tokensAreBase64Url) {
  const std::string token = makeToken(random);
  LONGS_EQUAL(43, token.size());
  LONGS_EQUAL(32, fromBase64Url(token).value().size());
  CHECK(token != makeToken(random));
}

TEST_GROUP(UniqueFd){static bool isOpen(int fd){return ::fcntl(fd, F_GETFD) >= 0;
}
static int open() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
}
;

TEST(UniqueFd, closesOnceAndMoves) {
  const int raw = open();
  {
    UniqueFd first(raw);
    UniqueFd second = std::move(first);
    CHECK_FALSE(first.valid());
    LONGS_EQUAL(raw, second.get());
    CHECK(isOpen(raw));
  }
  CHECK_FALSE(isOpen(raw));
}

TEST(UniqueFd, assignmentClosesWhatWasHeld) {
  const int first = open(), second = open();
  UniqueFd a(first), b(second);
  a = std::move(b);
  CHECK_FALSE(isOpen(first));
  CHECK(isOpen(second));
  const int released = a.release();
  CHECK_FALSE(a.valid());
  LONGS_EQUAL(0, ::close(released));
}

TEST_GROUP(Clock){};

TEST(Clock, goesForwardAndKnowsItsBoot) {
  const PosixClock clock;
  const auto before = clock.sinceBoot();
  CHECK(clock.sinceBoot() >= before);
  CHECK(before.count() > 0);
  CHECK(clock.wallMs() > 1'600'000'000'000);
  CHECK_FALSE(clock.bootId().empty());
  STRCMP_EQUAL(clock.bootId().c_str(), PosixClock().bootId().c_str());
}

TEST_GROUP(BoundedQueue){};

TEST(BoundedQueue, refusesWhenFullAndLeavesTheValue) {
  BoundedQueue<std::string> queue(2);
  CHECK(queue.tryPush("a"));
  CHECK(queue.tryPush("b"));
  std::string third = "c";
  CHECK_FALSE(queue.tryPush(std::move(third)));
  STRCMP_EQUAL("c", third.c_str());
  STRCMP_EQUAL("a", queue.pop().value().c_str());
  CHECK(queue.tryPush(std::move(third)));
  LONGS_EQUAL(2, queue.size());
  const auto all = queue.takeAll();
  LONGS_EQUAL(2, all.size());
  STRCMP_EQUAL("b", all[0].c_str());
}

TEST(BoundedQueue, givesOutWhatItHasAfterClose) {
  BoundedQueue<int> queue(4);
  CHECK(queue.tryPush(1));
  queue.close();
  CHECK_FALSE(queue.tryPush(2));
  CHECK(queue.pop() == 1);
  CHECK_FALSE(queue.pop().has_value());
}

TEST(BoundedQueue, wakesThoseWhoWait) {
  BoundedQueue<int> queue(1000);
  std::atomic<int> sum{0};
  std::vector<std::thread> takers;
  for (int i = 0; i < 3; ++i) {
    takers.emplace_back([&] {
      while (const auto value = queue.pop()) sum += *value;
    });
  }
  for (int i = 1; i <= 100; ++i) CHECK(queue.tryPush(int{i}));
  queue.close();
  for (std::thread& taker : takers) taker.join();
  LONGS_EQUAL(5050, sum.load());
}
