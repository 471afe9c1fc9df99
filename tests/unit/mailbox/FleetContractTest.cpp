// Starts and offers, of every store of a relay: what was committed is there after a kill, each host
// answers for its own, and nothing grows without a bound.

#include "tests/unit/mailbox/MailboxFixture.h"

using namespace belay;
using namespace belay::mailbox;
using base::ErrorCode;

TEST_GROUP_BASE(FleetContract,
                MailboxFixture){StartRow row(const char* start, const char* to = "a"){StartRow out;
out.start = start;
out.host = to;
out.atMs = kNow;
out.expiresMs = kNow + 1000;
return out;
}
ErrorCode refusal(const base::Result<bool>& result) {
  CHECK(!result.ok());
  return result.error().code;
}
}
;

TEST(FleetContract, aStartIsPassedOnUntilItsHostHasAnswered) {
  host("a");
  CHECK(*store->putStart(row("s"), 10, 3));
  CHECK(store->commit().ok());
  reopen();
  CHECK(store->start("s")->value().receipt.empty());
  CHECK(*store->putStart(row("s"), 10, 3));
  CHECK(store->addStartReceipt("a", "s", "one").ok());
  CHECK(store->addStartReceipt("a", "s", "two").ok());
  CHECK(store->addStartReceipt("a", "nothing", "x").ok());
  CHECK(store->commit().ok());
  reopen();
  STRCMP_EQUAL("one", store->start("s")->value().receipt.c_str());
  STRCMP_EQUAL("a", store->start("s")->value().host.c_str());
  CHECK(!*store->putStart(row("s"), 10, 3));
  CHECK(!store->start("t")->has_value());
}

TEST(FleetContract, aStartHasBounds) {
  host("a");
  host("b");
  LONGS_EQUAL(int(ErrorCode::kRelayHost), int(refusal(store->putStart(row("s", "x"), 10, 3))));
  CHECK(*store->putStart(row("s"), 2, 2));
  CHECK(*store->putStart(row("s"), 2, 2));
  LONGS_EQUAL(int(ErrorCode::kRelayQuota), int(refusal(store->putStart(row("s"), 2, 2))));
  LONGS_EQUAL(int(ErrorCode::kConflict), int(refusal(store->putStart(row("s", "b"), 2, 2))));
  CHECK(*store->putStart(row("t"), 2, 2));
  LONGS_EQUAL(int(ErrorCode::kRelayQuota), int(refusal(store->putStart(row("u"), 2, 2))));
  CHECK(*store->putStart(row("u", "b"), 2, 2));
}

TEST(FleetContract, noHostAnswersForAnother) {
  host("a");
  host("b");
  CHECK(*store->putStart(row("s"), 10, 3));
  CHECK(store->addStartReceipt("b", "s", "lie").ok());
  STRCMP_EQUAL("", store->start("s")->value().receipt.c_str());
}

TEST(FleetContract, startsGoWithTheirHostAndADayAfterTheirEnd) {
  host("a");
  host("b");
  CHECK(*store->putStart(row("s"), 10, 3));
  CHECK(*store->putStart(row("t", "b"), 10, 3));
  CHECK(*store->removeHost("b"));
  CHECK(!store->start("t")->has_value());
  constexpr std::int64_t kDay = 24 * 3'600'000;
  CHECK(store->sweep(kNow + kDay, 100).ok());
  CHECK(store->start("s")->has_value());
  CHECK(store->sweep(kNow + kDay + 1000, 100).ok());
  CHECK(!store->start("s")->has_value());
}

TEST(FleetContract, offersAreListedByHost) {
  for (const char* id : {"c", "a", "b"}) host(id);
  CHECK(store->setOffer("b", "old", kNow).ok());
  CHECK(store->setOffer("b", "offer", kNow + 1).ok());
  CHECK(store->setOffer("nobody", "offer", kNow).ok());
  CHECK(store->setConnected("b", true, kNow + 5).ok());
  CHECK(store->commit().ok());
  reopen();
  const auto all = store->offers("", 10);
  LONGS_EQUAL(3, all->size());
  STRCMP_EQUAL("a", all->front().host.c_str());
  const OfferRow& b = all->at(1);
  STRCMP_EQUAL("offer", b.offer.c_str());
  STRCMP_EQUAL("label-b", b.label.c_str());
  LONGS_EQUAL(kNow + 1, b.offeredMs);
  LONGS_EQUAL(kNow + 5, b.seenMs);
  CHECK(b.connected);
  CHECK(all->front().offer.empty());
  LONGS_EQUAL(1, store->offers("b", 10)->size());
  LONGS_EQUAL(2, store->offers("", 2)->size());
}

TEST(FleetContract, aHostIsFoundByItsIdFirstAndThenByItsLabel) {
  host("a");
  host("label-a");
  STRCMP_EQUAL("label-a", store->offersOf("label-a")->front().host.c_str());
  STRCMP_EQUAL("a", store->offersOf("a")->front().host.c_str());
  STRCMP_EQUAL("label-a", store->offersOf("label-label-a")->front().host.c_str());
  CHECK(store->offersOf("x")->empty());
}
