// The secret of session tickets over restarts: kept while it is young, made anew in all other
// cases.

#include <sys/stat.h>

#include <string>

#include "common/base/Files.h"
#include "common/tls/TlsServerConfig.h"
#include "relay/service/TicketKey.h"
#include "tests/support/MemoryLog.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using namespace belay;

TEST_GROUP(TicketKey) {
  test::TempFolder folder;
  test::SeededRandom random;
  test::MemoryLog log;
  const std::string path = folder.at("relay.sock.tickets");

  std::string at(std::int64_t nowMs) { return service::ticketKey(path, random, nowMs, log); }
};

TEST(TicketKey, isTheSameAfterARestartAndAnotherAfterADay) {
  const std::string first = at(1'000);
  LONGS_EQUAL(tls::TlsServerConfig::kTicketKeyBytes, first.size());
  CHECK(first == at(1'000));
  CHECK(first == at(999 + service::kTicketKeyMs));
  const std::string second = at(1'000 + service::kTicketKeyMs);
  CHECK(first != second);
  CHECK(second == at(2'000 + service::kTicketKeyMs));
  // A clock that was set back: nobody knows how old it is.
  CHECK(second != at(5));
}

TEST(TicketKey, isForItsOwnerAlone) {
  at(1);
  struct stat info {};
  LONGS_EQUAL(0, ::stat(path.c_str(), &info));
  LONGS_EQUAL(0600, info.st_mode & 0777);
}

TEST(TicketKey, isMadeAnewWhereTheFileIsNone) {
  for (const char* text : {"", "1", "1 \n", "1 00\n", "x 00\n", "\n\n"}) {
    CHECK(base::writeFileDurably(path, text, 0600).ok());
    const std::string made = at(10);
    LONGS_EQUAL(tls::TlsServerConfig::kTicketKeyBytes, made.size());
    CHECK(made == at(10));
  }
  LONGS_EQUAL(tls::TlsServerConfig::kTicketKeyBytes,
              service::ticketKey(folder.at("no/such/folder"), random, 1, log).size());
  CHECK(log.contains("tickets.not_kept"));
}
