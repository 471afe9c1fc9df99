// What every store of a relay must do with outgoing events, asked through the interface alone. A
// store that is opened again stands for a process that was killed: what was committed is there.

#include "tests/unit/mailbox/MailboxFixture.h"

using namespace belay;
using namespace belay::mailbox;
using base::ErrorCode;

namespace {


EndpointRow endpoint(const char* id, const char* kinds = "") {
  EndpointRow row;
  row.id = id;
  row.url = "https://bot.test/";
  row.kinds = kinds;
  row.secret = "whsec_x";
  row.createdMs = kNow;
  return row;
}

EventRow event(const char* id, const char* subject, const char* kind = "request.created") {
  EventRow row;
  row.id = id;
  row.kind = kind;
  row.subject = subject;
  row.body = "{}";
  row.atMs = kNow;
  return row;
}

constexpr std::int64_t kHour = 3'600'000;

}  // namespace

TEST_GROUP_BASE(EventContract, MailboxFixture) {
  void add(const char* id, const char* kinds = "") {
    CHECK(store->addEndpoint(endpoint(id, kinds), 16).ok());
  }
  void tell(const EventRow& row, std::int64_t most = 100) {
    CHECK(store->addEvent(row, most).ok());
  }
  EndpointRow row(const std::string& id) {
    const auto rows = store->endpoints();
    for (const EndpointRow& each : *rows) {
      if (each.id == id) return each;
    }
    FAIL("no such endpoint");
    return {};
  }
  /// The id of the event that is due; empty: none.
  std::string due(const char* id, std::int64_t nowMs = kNow) {
    const auto found = store->dueEvent(id, nowMs, kHour);
    CHECK(found.ok());
    return *found ? (*found)->id : "";
  }
  std::int64_t number(const char* id, std::int64_t nowMs = kNow) {
    return (*store->dueEvent(id, nowMs, kHour))->number;
  }
};

TEST(EventContract, eachEndpointGetsWhatItWantsOverAKill) {
  add("a");
  add("b", "host.removed request.created");
  add("c", "host.removed");
  CHECK(*store->wantsEvent("request.created"));
  CHECK(*store->wantsEvent("anything"));
  tell(event("m1", "r1"));
  tell(event("m2", "h", "host.removed"));
  tell(event("m3", "h", "host"));
  CHECK(store->commit().ok());
  tell(event("lost", "r1"));
  reopen();
  LONGS_EQUAL(3, row("a").held);
  LONGS_EQUAL(2, row("b").held);
  LONGS_EQUAL(1, row("c").held);
  STRCMP_EQUAL("m1", due("a").c_str());
  STRCMP_EQUAL("m2", due("c").c_str());
  const auto found = store->dueEvent("b", kNow, kHour);
  STRCMP_EQUAL("request.created", (*found)->kind.c_str());
  STRCMP_EQUAL("{}", (*found)->body.c_str());
  LONGS_EQUAL(kNow, (*found)->atMs);
}

TEST(EventContract, ofOneSubjectTheyGoOutInTheirOrder) {
  add("a");
  tell(event("m1", "r1"));
  tell(event("m2", "r1"));
  tell(event("m3", "r2"));
  CHECK(store->putEventOff(number("a"), 1, kNow, kNow + 500).ok());
  // Its time has not come: another subject goes on, its own waits.
  STRCMP_EQUAL("m3", due("a").c_str());
  CHECK(store->finishEvent(number("a")).ok());
  STRCMP_EQUAL("", due("a").c_str());
  LONGS_EQUAL(kNow + 500, **store->nextEvent("a", kNow));
  STRCMP_EQUAL("m1", due("a", kNow + 500).c_str());
  CHECK(store->finishEvent(number("a", kNow + 500)).ok());
  STRCMP_EQUAL("m2", due("a").c_str());
  LONGS_EQUAL(1, row("a").held);
  CHECK(!*store->nextEvent("a", kNow));
}

TEST(EventContract, aClockThatWasSetBackHoldsUpNothing) {
  add("a");
  tell(event("m1", "r1"));
  CHECK(store->putEventOff(number("a"), 1, kNow, kNow + kHour).ok());
  STRCMP_EQUAL("", due("a").c_str());
  STRCMP_EQUAL("m1", due("a", kNow - 1).c_str());
}

TEST(EventContract, whatIsGivenUpIsKeptAndCanBeTriedAgain) {
  add("a");
  tell(event("m1", "r1"));
  tell(event("m2", "r1"));
  const std::int64_t first = number("a");
  CHECK(store->giveEventUp(first, kNow).ok());
  CHECK(store->giveEventUp(first, kNow).ok());
  LONGS_EQUAL(1, row("a").dead);
  LONGS_EQUAL(2, row("a").held);
  STRCMP_EQUAL("m2", due("a").c_str());
  CHECK(store->reviveEvents("a").ok());
  LONGS_EQUAL(0, row("a").dead);
  STRCMP_EQUAL("m1", due("a").c_str());
  CHECK(store->giveEventUp(first, kNow).ok());
  CHECK(store->sweep(kNow + 29 * 24 * kHour, 10).ok());
  LONGS_EQUAL(2, row("a").held);
  CHECK(store->sweep(kNow + 31 * 24 * kHour, 10).ok());
  LONGS_EQUAL(1, row("a").held);
  LONGS_EQUAL(0, row("a").dead);
}

TEST(EventContract, whatThereIsNoRoomForIsCounted) {
  add("a");
  add("b", "host.removed");
  for (const char* id : {"m1", "m2", "m3"}) tell(event(id, id), 2);
  LONGS_EQUAL(2, row("a").held);
  LONGS_EQUAL(1, row("a").missed);
  LONGS_EQUAL(0, row("b").missed);
  // What is for it alone goes in.
  EventRow alone = event("m4", "test");
  alone.endpoint = "a";
  tell(alone, 2);
  LONGS_EQUAL(3, row("a").held);
}

TEST(EventContract, oneThatIsDownMissesAndOneThatIsGoneWantsNothing) {
  add("a");
  EndpointRow changed = row("a");
  changed.state = EndpointRow::State::kDown;
  changed.failures = 7;
  changed.failingSinceMs = kNow;
  changed.lastOutcome = "500";
  changed.oldSecret = "whsec_y";
  CHECK(store->saveEndpoint(changed).ok());
  tell(event("m1", "r1"));
  CHECK(store->commit().ok());
  reopen();
  LONGS_EQUAL(1, row("a").missed);
  LONGS_EQUAL(0, row("a").held);
  LONGS_EQUAL(7, row("a").failures);
  STRCMP_EQUAL("500", row("a").lastOutcome.c_str());
  STRCMP_EQUAL("whsec_y", row("a").oldSecret.c_str());
  CHECK(row("a").state == EndpointRow::State::kDown);
  changed.state = EndpointRow::State::kGone;
  CHECK(store->saveEndpoint(changed).ok());
  CHECK(!*store->wantsEvent("request.created"));
  tell(event("m2", "r1"));
  LONGS_EQUAL(1, row("a").missed);
}

TEST(EventContract, anEndpointGoesWithAllThatItHolds) {
  add("a");
  LONGS_EQUAL(int(ErrorCode::kRelayQuota), int(store->addEndpoint(endpoint("b"), 1).error().code));
  tell(event("m1", "r1"));
  const std::int64_t first = number("a");
  CHECK(*store->removeEndpoint("a"));
  CHECK(!*store->removeEndpoint("a"));
  // An attempt was under way: what became of it is nobody's business any more.
  CHECK(store->finishEvent(first).ok());
  CHECK(store->putEventOff(first, 1, kNow, kNow).ok());
  CHECK(store->giveEventUp(first, kNow).ok());
  add("a");
  STRCMP_EQUAL("", due("a").c_str());
  LONGS_EQUAL(0, row("a").held);
}

TEST(EventContract, ofTheCardsOfAHostTheHighestCounts) {
  host("h");
  STRCMP_EQUAL("", store->card("h")->c_str());
  CHECK(*store->setCard("h", 2, "two", "web-2"));
  CHECK(!*store->setCard("h", 2, "two", "web-2"));
  CHECK(!*store->setCard("h", 2, "other", "web-3"));
  CHECK(!*store->setCard("h", 1, "one", "web-1"));
  CHECK(store->commit().ok());
  reopen();
  STRCMP_EQUAL("two", store->card("h")->c_str());
  STRCMP_EQUAL("web-2", (*store->host("h"))->label.c_str());
  LONGS_EQUAL(1, store->offersOf("web-2")->size());
  CHECK(*store->setCard("h", 3, "three", "web-3"));
  STRCMP_EQUAL("three", store->card("h")->c_str());
  LONGS_EQUAL(int(ErrorCode::kRelayHost), int(store->setCard("x", 1, "one", "x").error().code));
}

TEST(EventContract, whetherAHostIsConnectedIsKept) {
  CHECK(store->addToken({"t", "host", "", kNow, kNow + 1, ""}).ok());
  HostRow host;
  host.id = "h";
  host.jwk = "{}";
  CHECK(store->enrol("t", host, kNow).ok());
  CHECK(!store->host("h")->value().connected);
  CHECK(store->setConnected("h", true, 7).ok());
  CHECK(store->setConnected("nobody", true, 7).ok());
  CHECK(store->commit().ok());
  reopen();
  CHECK(store->host("h")->value().connected);
  CHECK(store->hosts()->front().connected);
}
