// What is read of an event's row, when the row is not what encodeBody has written.

#include <string>

#include "agent/engine/Event.h"

#include <CppUTest/TestHarness.h>

using namespace belay;

TEST_GROUP(Event){};

TEST(Event, aRowThatIsNoJsonIsACorruptJournal) {
  for (const std::string row : {"", "{", "{\"by\":\"uid:0\"", "{\"by\":\"\\u0000\"}", "[]", "{}"}) {
    const auto body = engine::decodeBody("run_paused", row);
    CHECK(!body.ok());
    LONGS_EQUAL(static_cast<int>(base::ErrorCode::kJournalCorrupt),
                static_cast<int>(body.error().code));
    STRCMP_CONTAINS("run_paused", body.error().message.c_str());
  }
}

TEST(Event, aNameOfALaterVersionIsACorruptJournal) {
  const auto body = engine::decodeBody("run_teleported", "{}");
  CHECK(!body.ok());
  LONGS_EQUAL(static_cast<int>(base::ErrorCode::kJournalCorrupt),
              static_cast<int>(body.error().code));
}
