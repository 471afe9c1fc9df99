#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "relay/mailbox/SqliteMailbox.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

namespace belay::mailbox {

inline constexpr std::int64_t kNow = 1'800'000'000'000;

inline std::unique_ptr<Mailbox> openSqlite(const std::string& folder) {
  SqliteOptions options;
  options.path = folder + "/relay.db";
  options.lockWait = std::chrono::milliseconds{0};
  auto opened = SqliteMailbox::open(options);
  BELAY_CHECK(opened.ok());
  return std::move(*opened);
}

/// A store that is asked through the interface alone, and opened again.
class MailboxFixture : public Utest {
 public:
  test::TempFolder folder;
  std::function<std::unique_ptr<Mailbox>(const std::string&)> open = &openSqlite;
  std::unique_ptr<Mailbox> store;

  void setup() override { store = open(folder.path()); }
  void teardown() override { store.reset(); }

  /// As after kill -9: nothing of the open transaction is there.
  void reopen() {
    store.reset();
    store = open(folder.path());
  }
  void token(const char* digest, const char* role = "host", std::int64_t expires = kNow + 1000) {
    CHECK(store->addToken({digest, role, "", kNow, expires, ""}).ok());
  }
  void host(const std::string& id) {
    token(("t" + id).c_str());
    HostRow row;
    row.id = id;
    row.jwk = "{}";
    row.label = "label-" + id;
    CHECK(store->enrol("t" + id, row, kNow).ok());
    CHECK(store->commit().ok());
  }
};

}  // namespace belay::mailbox
