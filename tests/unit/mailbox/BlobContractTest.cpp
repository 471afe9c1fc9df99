// What every store of a relay must do with sealed artifacts, asked through the interface alone. A
// store that is opened again stands for a process that was killed: what was committed is there.

#include "tests/unit/mailbox/MailboxFixture.h"

using namespace belay;
using namespace belay::mailbox;
using base::ErrorCode;

namespace {

constexpr std::int64_t kExpires = kNow + 1'000;

}  // namespace

TEST_GROUP_BASE(BlobContract, MailboxFixture) {
  void setup() override {
    MailboxFixture::setup();
    host("a");
    host("b");
    ask("a", "r1");
    ask("b", "r2");
    CHECK(store->commit().ok());
  }
  void ask(const char* host, const char* request) {
    ApprovalRow row;
    row.request = request;
    row.host = host;
    row.expiresMs = kExpires;
    row.content = "{}";
    CHECK(store->openApproval(row, 10).ok());
  }
  base::Status put(const char* host, const char* request, int part, int parts,
                   const std::string& content = "x", const char* seal = "s",
                   std::int64_t most = 1'000) {
    BlobPart row;
    row.request = request;
    row.name = "n";
    row.seal = seal;
    row.part = part;
    row.parts = parts;
    row.content = content;
    return store->putBlob(host, row, most);
  }
  int codeOf(const base::Status& status) {
    CHECK(!status.ok());
    return int(status.error().code);
  }
  std::int64_t have(const char* request) {
    const auto state = store->blob(request, "n");
    CHECK(state.ok());
    return *state ? (*state)->have : -1;
  }
  std::string part(const char* request, int number) {
    return store->blobPart(request, "n", number)->value_or("none");
  }
};

TEST(BlobContract, partsComeInTheirOrderAndOnceOverAKill) {
  CHECK(put("a", "r1", 0, 3, "one").ok());
  CHECK(store->commit().ok());
  CHECK(put("a", "r1", 1, 3, "lost").ok());
  reopen();
  LONGS_EQUAL(1, have("r1"));
  CHECK(put("a", "r1", 0, 3, "again").ok());
  STRCMP_EQUAL("one", part("r1", 0).c_str());
  LONGS_EQUAL(int(ErrorCode::kConflict), codeOf(put("a", "r1", 2, 3)));
  CHECK(put("a", "r1", 1, 3, "two").ok());
  CHECK(put("a", "r1", 2, 3, "three").ok());
  LONGS_EQUAL(3, have("r1"));
  STRCMP_EQUAL("two", part("r1", 1).c_str());
  STRCMP_EQUAL("none", part("r1", 3).c_str());
}

TEST(BlobContract, anotherSealBeginsAnew) {
  CHECK(put("a", "r1", 0, 2, "old").ok());
  CHECK(put("a", "r1", 1, 2, "old").ok());
  LONGS_EQUAL(int(ErrorCode::kConflict), codeOf(put("a", "r1", 1, 2, "new", "t")));
  CHECK(put("a", "r1", 0, 2, "new", "t").ok());
  LONGS_EQUAL(1, have("r1"));
  STRCMP_EQUAL("none", part("r1", 1).c_str());
  STRCMP_EQUAL("t", (*store->blob("r1", "n"))->seal.c_str());
}

TEST(BlobContract, onlyItsOwnHostAndOnlyWhileTheRequestIsOpen) {
  LONGS_EQUAL(int(ErrorCode::kRelayApproval), codeOf(put("b", "r1", 0, 1)));
  LONGS_EQUAL(int(ErrorCode::kRelayApproval), codeOf(put("a", "r9", 0, 1)));
  LONGS_EQUAL(int(ErrorCode::kRelayHost), codeOf(put("c", "r1", 0, 1)));
  CHECK(put("a", "r1", 0, 1).ok());
  CHECK(store->addReceipt("a", "r1", "", "jws", true, kNow).ok());
  LONGS_EQUAL(-1, have("r1"));
  STRCMP_EQUAL("none", part("r1", 0).c_str());
  LONGS_EQUAL(int(ErrorCode::kRelayApproval), codeOf(put("a", "r1", 0, 1)));
}

TEST(BlobContract, aHostHasAQuotaOfItsOwn) {
  CHECK(put("a", "r1", 0, 2, std::string(60, 'x'), "s", 100).ok());
  LONGS_EQUAL(int(ErrorCode::kRelayQuota),
              codeOf(put("a", "r1", 1, 2, std::string(60, 'x'), "s", 100)));
  CHECK(put("b", "r2", 0, 1, std::string(60, 'x'), "s", 100).ok());
  // What took the place of another has its room.
  CHECK(put("a", "r1", 0, 1, std::string(90, 'x'), "t", 100).ok());
}

TEST(BlobContract, theyGoWithTheirHostAndWithTheirTime) {
  CHECK(put("a", "r1", 0, 1).ok());
  CHECK(put("b", "r2", 0, 1).ok());
  CHECK(*store->removeHost("b"));
  LONGS_EQUAL(-1, have("r2"));
  CHECK(store->sweep(kExpires - 1, 10).ok());
  LONGS_EQUAL(1, have("r1"));
  CHECK(store->sweep(kExpires, 10).ok());
  LONGS_EQUAL(-1, have("r1"));
  STRCMP_EQUAL("none", part("r1", 0).c_str());
}
