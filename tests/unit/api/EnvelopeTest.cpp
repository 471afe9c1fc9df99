// The envelope is a promise to programs: its exact text is asked for.

#include "agent/api/Envelope.h"
#include "agent/api/Subscriptions.h"

#include <CppUTest/TestHarness.h>

using namespace belay::api;
using belay::base::Error;
using belay::base::ErrorCode;
using belay::base::RunId;

TEST_GROUP(Envelope){};

TEST(Envelope, successHasDataAndSchema) {
  Envelope envelope;
  envelope.data.set("n", 1);
  envelope.meta.set("source", "daemon");
  STRCMP_EQUAL(R"({"ok":true,"data":{"n":1},"meta":{"schema":1,"source":"daemon"}})",
               printEnvelope(envelope).c_str());
}

TEST(Envelope, anErrorHasCodeMessageAndActions) {
  Envelope envelope;
  envelope.error = Error{ErrorCode::kRunNotFound, "there is no run r1", {"belay run list"}}.at(
      {"f.yaml", 3, 4, "/a"});
  STRCMP_EQUAL(
      R"({"ok":false,"error":{"code":"BLY-RUN-NOT-FOUND","message":"there is no run r1","actions":["belay run list"],)"
      R"("place":{"file":"f.yaml","line":3,"column":4,"pointer":"/a"}},"meta":{"schema":1}})",
      printEnvelope(envelope).c_str());
}

TEST(Envelope, readsBackWhatItWrote) {
  Envelope envelope;
  envelope.error = Error{ErrorCode::kBusy, "later", {"wait"}};
  const auto back = parseEnvelope(printEnvelope(envelope));
  CHECK(back->error->code == ErrorCode::kBusy);
  STRCMP_EQUAL("later", back->error->message.c_str());
  STRCMP_EQUAL("wait", back->error->actions.front().c_str());
}

TEST(Envelope, aCodeOfANewerDaemonIsShown) {
  const auto back =
      parseEnvelope(R"({"ok":false,"error":{"code":"BLY-NEW","message":"m"},"meta":{"schema":1}})");
  STRCMP_EQUAL("BLY-NEW: m", back->error->message.c_str());
}

TEST(Envelope, anythingElseIsRefused) {
  CHECK(!parseEnvelope("<html>").ok());
  CHECK(!parseEnvelope(R"({"ok":true,"data":1})").ok());
  CHECK(!parseEnvelope(R"({"ok":true,"data":1,"meta":{"schema":2}})").ok());
}

TEST_GROUP(Subscriptions) {
  Subscriptions all;
  RunId a = *RunId::parse("ra");
  RunId b = *RunId::parse("rb");
};

TEST(Subscriptions, tellOnlyWhoAskedForTheRun) {
  int told = 0;
  all.add(
      a, [&] { ++told; }, [] {});
  all.tell({b});
  LONGS_EQUAL(0, told);
  all.tell({a, b});
  LONGS_EQUAL(1, told);
}

TEST(Subscriptions, whoIsToldMayEndAnother) {
  int told = 0;
  Subscriptions::Id second = 0;
  const Subscriptions::Id first = all.add(
      a, [&] { all.remove(second); }, [] {});
  second = all.add(
      a, [&] { ++told; }, [] {});
  all.tell({a});
  LONGS_EQUAL(0, told);
  all.remove(first);
  LONGS_EQUAL(0, all.size());
}

TEST(Subscriptions, closeLetsEverybodyGo) {
  int closed = 0;
  all.add(
      a, [] {}, [&] { ++closed; });
  all.add(
      b, [] {}, [&] { ++closed; });
  all.close();
  LONGS_EQUAL(2, closed);
  LONGS_EQUAL(0, all.size());
}
