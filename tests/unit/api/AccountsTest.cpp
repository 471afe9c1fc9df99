// Account files as texts, and what they let a peer do.

#include "agent/api/Accounts.h"
#include "common/base/Files.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using namespace belay::api;
using belay::http::PeerCredentials;

namespace {

constexpr const char* kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "alice:x:1000:1000::/home/alice:/bin/sh\n"
    "bob:x:1001:1001::/home/bob:/bin/sh\n"
    "broken line\n"
    "twin:x:1000:7::/x:/bin/sh\n"
    "huge:x:4294967295:1::/x:/bin/sh\n";
constexpr const char* kGroup = "ops:x:500:bob,carol\nalice:x:1000:\n";

}  // namespace

TEST_GROUP(Accounts) {
  belay::test::TempFolder folder;
  void setup() override {
    CHECK(belay::base::writeFileDurably(folder.at("passwd"), kPasswd).ok());
    CHECK(belay::base::writeFileDurably(folder.at("group"), kGroup).ok());
  }
  AccountFiles files() { return AccountFiles(folder.at("passwd"), folder.at("group")); }
  static Role roleOf(Access & access, uid_t uid, gid_t gid) {
    return access.callerOf(PeerCredentials{uid, gid, 1}).role;
  }
};

TEST(Accounts, knowsNamesHomesAndMembers) {
  const Accounts accounts(kPasswd, kGroup);
  STRCMP_EQUAL("alice", accounts.nameOf(1000)->c_str());
  STRCMP_EQUAL("/home/bob", accounts.homeOf(1001).c_str());
  CHECK(accounts.isMember(1001, 500));
  CHECK(accounts.isMember(1000, 1000));
  CHECK(!accounts.isMember(1000, 500));
  CHECK(!accounts.nameOf(4294967295u).has_value());
}

TEST(Accounts, everybodyIsRefusedWhoIsNotNamed) {
  auto access = Access::create({}, {}, 1000, files());
  CHECK(roleOf(*access, 0, 0) == Role::kOperator);
  CHECK(roleOf(*access, 1000, 1000) == Role::kOperator);
  CHECK(roleOf(*access, 1001, 1001) == Role::kNone);
}

TEST(Accounts, listsNameUsersAndGroupsByWordOrNumber) {
  auto access = Access::create({"group:ops", "2000"}, {"alice", "group:77"}, 5, files());
  CHECK(roleOf(*access, 1001, 1001) == Role::kOperator);
  CHECK(roleOf(*access, 2000, 1) == Role::kOperator);
  CHECK(roleOf(*access, 1000, 1000) == Role::kReader);
  CHECK(roleOf(*access, 3000, 77) == Role::kReader);
  STRCMP_EQUAL("uid:1001 (bob)", access->callerOf(PeerCredentials{1001, 1, 1}).shown().c_str());
}

TEST(Accounts, aNameThatDoesNotExistIsAnErrorOfTheSettings) {
  const auto access = Access::create({"group:nobody-here"}, {}, 5, files());
  CHECK(access.error().code == belay::base::ErrorCode::kSettingsInvalid);
  CHECK(access.error().message.find("api.operators") != std::string::npos);
}

TEST(Accounts, whoJoinsAGroupLaterIsSeen) {
  auto access = Access::create({"group:ops"}, {}, 5, files());
  CHECK(roleOf(*access, 1000, 1000) == Role::kNone);
  CHECK(belay::base::writeFileDurably(folder.at("group"), "ops:x:500:bob,alice\n").ok());
  CHECK(roleOf(*access, 1000, 1000) == Role::kOperator);
}
