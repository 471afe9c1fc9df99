// Compares the chains with the worked bytes of docs/format/journal.md: these must never change.

#include <string>

#include "agent/journal/Chain.h"
#include "common/base/Text.h"

#include <CppUTest/TestHarness.h>

using belay::base::toHex;
using belay::journal::Hash;
using belay::journal::hostChainNext;
using belay::journal::hostChainStart;
using belay::journal::ledgerChainNext;
using belay::journal::ledgerChainStart;
using belay::journal::runChainNext;
using belay::journal::runChainStart;

TEST_GROUP(Chain){};

TEST(Chain, ofARunIsThatOfTheWorkedExample) {
  const Hash start = runChainStart("r1");
  STRCMP_EQUAL("8567299707da3ba26f160e23bc9e0b8e1240ac856acefa8262ac0fdfa096b59d",
               toHex(start).c_str());
  const Hash first =
      runChainNext(start, 1, 1'800'000'000'000, "run_created", "{\"slug\":\"hello\"}");
  STRCMP_EQUAL("ae4422863b638ada9f35e552cc5a11bc1fce5049a134e7dbe8625da7a3fff53e",
               toHex(first).c_str());
}

TEST(Chain, ofTheHostIsThatOfTheWorkedExample) {
  const Hash start = hostChainStart();
  STRCMP_EQUAL("c1c44987ffaf95652ce1901556ed5746061770ada3058e46af1d4c15910eec8d",
               toHex(start).c_str());
  const Hash run = runChainNext(runChainStart("r1"), 1, 1'800'000'000'000, "run_created",
                                "{\"slug\":\"hello\"}");
  const Hash first = hostChainNext(start, 1, 1'800'000'000'500, "r1", 1, run);
  STRCMP_EQUAL("5af152a398b44155f3c97ecc95e43dea165f3b91068ffc325041e724afd2927e",
               toHex(first).c_str());
}

TEST(Chain, ofTheLedgerIsThatOfTheWorkedExample) {
  const Hash start = ledgerChainStart();
  STRCMP_EQUAL("a7cdb0ff472834792fab354f0cb031dc55d8ecfc495113845321433a33fbdcaf",
               toHex(start).c_str());
  const Hash first =
      ledgerChainNext(start, {1, 1'800'000'001'000, 1, 1},
                      {"hello", "sha256:aa", "first", "/srv/hello.flow.yaml", "uid:1000"});
  STRCMP_EQUAL("bf99fb76373e94c09fa2efafc7ddbe05b32cf0ebd223f17696d4a9b441030628",
               toHex(first).c_str());
}

TEST(Chain, hashesALongNameLikeAShortOne) {
  // Both ways through the code: the fields fit its buffer, or they do not.
  const Hash start = runChainStart("r1");
  for (const std::size_t length : {0u, 183u, 184u, 185u, 500u}) {
    const std::string name(length, 'n');
    const Hash whole = runChainNext(start, 1, 2, name, "body");
    CHECK(whole != runChainNext(start, 1, 2, name + "b", "ody"));
    CHECK(whole != runChainNext(start, 1, 2, name, "body "));
    CHECK(whole != runChainNext(start, 2, 2, name, "body"));
    CHECK(whole != runChainNext(start, 1, 3, name, "body"));
    CHECK(whole != runChainNext(runChainStart("r2"), 1, 2, name, "body"));
  }
}
