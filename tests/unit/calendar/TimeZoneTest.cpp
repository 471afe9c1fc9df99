// Zones made of TZif files: the table, the rule after it, local times back to instants, and files
// that are damaged. The zones of the host are compared with another program's reading in
// tests/schedules.

#include <string>

#include "common/calendar/TimeZones.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/TempFolder.h"
#include "tests/support/TestZone.h"

#include <CppUTest/TestHarness.h>

using namespace belay::calendar;
using belay::test::kBerlinRule;
using belay::test::TzifParts;
using belay::test::utc;
using belay::test::zoneByRule;
using std::chrono::seconds;

namespace {

LocalMatch match(const TimeZone& zone, const char* local) {
  return zone.fromLocal(*parseLocalTime(local));
}

void checkRefused(const TzifParts& parts, const char* why) {
  const auto zone = TimeZone::fromTzif("Test/Zone", parts.bytes());
  CHECK_FALSE_TEXT(zone.ok(), why);
  CHECK_TEXT(zone.error().message.find(why) != std::string::npos, zone.error().message.c_str());
}

TzifParts twoChanges() {
  TzifParts parts;
  parts.names = std::string("LMT\0STD\0DST\0", 12);
  parts.types = {{3208, false, 0}, {3600, false, 4}, {7200, true, 8}};
  parts.times = {-1000, 5000};
  parts.indices = {1, 2};
  return parts;
}

}  // namespace

TEST_GROUP(TimeZone){};

TEST(TimeZone, utcHasOneOffsetForEver) {
  const TimeZone zone = TimeZone::utc();
  const OffsetPeriod period = zone.periodAt(utc("2026-01-01T00:00"));
  CHECK(period.begin == kBeginning && period.end == kEnd && period.offset->fromUtc == seconds{0});
  STRCMP_EQUAL("2026-01-01T00:00:00+00:00", zone.format(utc("2026-01-01T00:00")).c_str());
}

TEST(TimeZone, aTableHoldsFromItsTimesOn) {
  const TimeZone zone = *TimeZone::fromTzif("Test/Zone", twoChanges().bytes());
  STRCMP_EQUAL("LMT", zone.offsetAt(Instant{seconds{-1001}}).abbreviation.c_str());
  STRCMP_EQUAL("STD", zone.offsetAt(Instant{seconds{-1000}}).abbreviation.c_str());
  STRCMP_EQUAL("STD", zone.offsetAt(Instant{seconds{4999}}).abbreviation.c_str());
  STRCMP_EQUAL("DST", zone.offsetAt(Instant{seconds{5000}}).abbreviation.c_str());
  CHECK(zone.periodAt(Instant{seconds{0}}).before == seconds{3208});
  CHECK(zone.periodAt(Instant{seconds{6000}}).end == kEnd);
}

TEST(TimeZone, aRuleHoldsAfterTheTable) {
  TzifParts parts = twoChanges();
  parts.rule = kBerlinRule;
  parts.indices = {1, 1};
  const TimeZone zone = *TimeZone::fromTzif("Test/Zone", parts.bytes());
  const OffsetPeriod first = zone.periodAt(Instant{seconds{6000}});
  CHECK(first.begin == Instant{seconds{5000}});
  CHECK(first.end == utc("1970-03-29T01:00"));
  STRCMP_EQUAL("CEST", zone.offsetAt(utc("2500-07-01T00:00")).abbreviation.c_str());
  STRCMP_EQUAL("CET", zone.offsetAt(utc("9999-12-31T23:00")).abbreviation.c_str());
}

TEST(TimeZone, localTimesAreUniqueInAGapOrInAFold) {
  const TimeZone zone = zoneByRule(kBerlinRule);
  LocalMatch found = match(zone, "2026-07-01T12:00");
  CHECK(found.kind == LocalMatch::Kind::kUnique && found.first == utc("2026-07-01T10:00"));
  found = match(zone, "2026-03-29T02:30");
  CHECK(found.kind == LocalMatch::Kind::kGap && found.first == utc("2026-03-29T01:00"));
  found = match(zone, "2026-03-29T02:00");
  CHECK(found.kind == LocalMatch::Kind::kGap);
  found = match(zone, "2026-03-29T03:00");
  CHECK(found.kind == LocalMatch::Kind::kUnique && found.first == utc("2026-03-29T01:00"));
  found = match(zone, "2026-10-25T02:30");
  CHECK(found.kind == LocalMatch::Kind::kFold && found.first == utc("2026-10-25T00:30") &&
        found.last == utc("2026-10-25T01:30"));
  found = match(zone, "2026-10-25T03:00");
  CHECK(found.kind == LocalMatch::Kind::kUnique && found.first == utc("2026-10-25T02:00"));
}

TEST(TimeZone, readsEveryKindOfRule) {
  // The south, half hours, days of the year, hours beyond the day, and everlasting summer.
  STRCMP_EQUAL("-02", zoneByRule("<-03>3<-02>,M3.5.0/-2,M10.5.0/-1")
                          .offsetAt(utc("2026-07-01T00:00"))
                          .abbreviation.c_str());
  CHECK(zoneByRule("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0")
            .offsetAt(utc("2026-01-01T00:00"))
            .fromUtc == seconds{39600});
  CHECK(zoneByRule("IST-2IDT,M3.4.4/26,M10.5.0").periodAt(utc("2026-07-01T00:00")).begin ==
        utc("2026-03-27T00:00"));
  CHECK(zoneByRule("AAA0BBB,J60/0,J300/0").periodAt(utc("2024-07-01T00:00")).begin ==
        utc("2024-03-01T00:00"));
  CHECK(zoneByRule("AAA0BBB,59/0,300/0").periodAt(utc("2024-07-01T00:00")).begin ==
        utc("2024-02-29T00:00"));
  const TimeZone summer = zoneByRule("EST5EDT,0/0,J365/25");
  for (const char* when :
       {"2026-01-01T04:59", "2026-01-01T05:00", "2026-07-01T00:00", "2026-12-31T23:59"}) {
    STRCMP_EQUAL("EDT", summer.offsetAt(utc(when)).abbreviation.c_str());
  }
}

TEST(TimeZone, refusesRulesThatAreNone) {
  for (const char* rule :
       {"CE", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-25", "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J5",
        "CET-1CEST,366,5", "CET-1CEST,M3.5.0/168,M10.5.0", "<CET-1", "CET-1 ",
        "CET-1CEST,M3.5.0,M10.5.0/3x", "CET-1:60"}) {
    CHECK_FALSE_TEXT(PosixRule::parse(rule).ok(), rule);
  }
}

TEST(TimeZone, theMostExtremeRulesHaveAPeriodForEachInstant) {
  for (const char* rule :
       {"AAA0BBB,365/167,365/167", "AAA0BBB,0/-167,0/-167", "AAA24BBB-24,J1/167,J365/167",
        "AAA-24BBB24,365/167,0/-167", "AAA0BBB0,J1/0,J1/0"}) {
    const TimeZone zone = zoneByRule(rule);
    for (Instant at = utc("2019-12-01T00:00"); at < utc("2024-02-01T00:00");
         at += std::chrono::hours{7}) {
      const OffsetPeriod period = zone.periodAt(at);
      CHECK_TEXT(period.begin <= at && at < period.end, rule);
    }
  }
}

TEST(TimeZone, refusesDamagedFiles) {
  CHECK_FALSE(TimeZone::fromTzif("Test/Zone", "").ok());
  CHECK_FALSE(
      TimeZone::fromTzif("Test/Zone", "not a file of a zone, but a text of some length, really")
          .ok());
  TzifParts parts = twoChanges();
  parts.times = {5000, 5000};
  checkRefused(parts, "not in order");
  parts = twoChanges();
  parts.indices = {1, 3};
  checkRefused(parts, "index");
  parts = twoChanges();
  parts.types[1].name = 12;
  checkRefused(parts, "name");
  parts = twoChanges();
  parts.types[1].offset = 100'000;
  checkRefused(parts, "26 hours");
  parts = twoChanges();
  parts.leaps = 1;
  checkRefused(parts, "leap seconds");
  parts = twoChanges();
  parts.rule = "nonsense";
  checkRefused(parts, "nonsense");
}

TEST(TimeZone, noTruncatedOrGarbledFileIsTakenForMoreThanItIs) {
  TzifParts parts = twoChanges();
  parts.rule = kBerlinRule;
  const std::string whole = parts.bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK_FALSE(TimeZone::fromTzif("Test/Zone", whole.substr(0, size)).ok());
  }
  belay::test::SeededRandom random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string garbled = whole;
    for (int i = 0; i < 3; ++i)
      garbled[random.below(garbled.size())] = static_cast<char>(random.below(256));
    const auto zone = TimeZone::fromTzif("Test/Zone", garbled);
    if (!zone) continue;
    const Instant at{seconds{static_cast<std::int64_t>(random.below(1ULL << 36)) - (1LL << 35)}};
    const OffsetPeriod period = zone->periodAt(at);
    CHECK(period.begin <= at && at < period.end);
    static_cast<void>(zone->fromLocal(zone->toLocal(at)));
  }
}

TEST_GROUP(TimeZones){};

TEST(TimeZones, namesThatCouldLeaveTheFolderAreNone) {
  for (const char* name : {"Europe/Berlin", "UTC", "America/Argentina/ComodRivadavia", "Etc/GMT+12",
                           "Asia/Ust-Nera"}) {
    CHECK_TEXT(isZoneName(name), name);
  }
  for (const char* name :
       {"", "/etc/passwd", "..", "../x", "Europe/../x", "Europe//Berlin", "Europe/", "/", ".",
        "Europe/.x", "-x", "Europe\\Berlin", "posix/Europe/Berlin", "right/UTC", "localtime",
        "posixrules", "Europe/Ber lin", "1x"}) {
    CHECK_FALSE_TEXT(isZoneName(name), name);
  }
  CHECK_FALSE(isZoneName(std::string(65, 'a')));
  STRCMP_EQUAL("\"Europe/\" is not the name of a time zone; write for example Europe/Berlin or UTC",
               TimeZones("/nowhere").find("Europe/").error().message.c_str());
}

TEST(TimeZones, utcNeedsNoFiles) {
  TimeZones zones("/nowhere/at/all");
  CHECK(zones.find("UTC").ok());
  const auto missing = zones.find("Europe/Berlin");
  CHECK_FALSE(missing.ok());
  STRCMP_EQUAL(
      "time zone Europe/Berlin: this host has no time zone data in /nowhere/at/all; only UTC is "
      "known",
      missing.error().message.c_str());
  STRCMP_EQUAL("install the package tzdata (apt-get install tzdata)",
               missing.error().actions.at(0).c_str());
}

TEST(TimeZones, readsAZoneOnceAndProposesTheNearest) {
  belay::test::TempFolder folder;
  CHECK(belay::base::makeFolders(folder.at("Europe")).ok());
  TzifParts parts;
  parts.rule = kBerlinRule;
  CHECK(belay::base::writeFileDurably(folder.at("Europe/Berlin"), parts.bytes()).ok());
  CHECK(belay::base::writeFileDurably(folder.at("Europe/Broken"), "TZif").ok());
  TimeZones zones(folder.path());
  const auto berlin = zones.find("Europe/Berlin");
  CHECK(berlin.ok());
  STRCMP_EQUAL("Europe/Berlin", (*berlin)->name().c_str());
  POINTERS_EQUAL(*berlin, *zones.find("Europe/Berlin"));
  const auto wrong = zones.find("Europe/Berln");
  CHECK_FALSE(wrong.ok());
  STRCMP_EQUAL("there is no time zone Europe/Berln on this host; did you mean Europe/Berlin?",
               wrong.error().message.c_str());
  LONGS_EQUAL(2, wrong.error().actions.size());
  STRCMP_EQUAL("an old tzdata may lack it: apt-get install tzdata",
               wrong.error().actions[1].c_str());
  STRCMP_CONTAINS("there is no time zone Europe", zones.find("Europe").error().message.c_str());
  STRCMP_CONTAINS("time zone Europe/Broken: it is not a TZif file",
                  zones.find("Europe/Broken").error().message.c_str());
  CHECK(zones.find("../etc").error().code == belay::base::ErrorCode::kTimeZone);
}
