// What every store of a relay must do, asked of each implementation through the interface alone.
// A store that is opened again stands for a process that was killed: what was committed is there.

#include <filesystem>

#include "tests/unit/mailbox/MailboxFixture.h"

using namespace belay;
using namespace belay::mailbox;
using base::ErrorCode;

TEST_GROUP_BASE(MailboxContract, MailboxFixture){
    /// The number of the nth message of a mailbox, at one time.
    static std::int64_t nth(std::int64_t n){return leastNumber(kNow) + n - 1;
}
/// Gives which message it is.
std::int64_t put(const std::string& to, const std::string& body,
                 const std::optional<Quota>& quota = std::nullopt) {
  const auto seq = store->put(to, "callback", body, kNow, quota);
  CHECK(seq.ok());
  return *seq - nth(0);
}
ErrorCode codeOf(const base::Status& status) {
  CHECK(!status.ok());
  return status.error().code;
}
}
;

TEST(MailboxContract, whatWasNotCommittedIsNotThereAfterAKill) {
  host("a");
  put("a", "{\"n\":1}");
  CHECK(store->commit().ok());
  put("a", "{\"n\":2}");
  reopen();
  const auto messages = store->messages("a", 0, 10, 1000);
  CHECK(messages.ok());
  LONGS_EQUAL(1, messages->size());
  STRCMP_EQUAL("{\"n\":1}", messages->front().body.c_str());
  LONGS_EQUAL(1, store->host("a")->value().queued);
}

TEST(MailboxContract, aRollbackForgetsAllSinceTheLastCommit) {
  host("a");
  put("a", "{}");
  store->rollback();
  LONGS_EQUAL(0, store->messages("a", 0, 10, 1000)->size());
  LONGS_EQUAL(0, store->host("a")->value().lastSeq);
  LONGS_EQUAL(1, put("a", "{}"));
  CHECK(store->commit().ok());
}

TEST(MailboxContract, messagesComeInOrderUntilTheyAreAcknowledged) {
  host("a");
  host("b");
  for (int i = 1; i <= 5; ++i) LONGS_EQUAL(i, put("a", std::to_string(i)));
  LONGS_EQUAL(1, put("b", "other"));
  CHECK(store->acknowledge("a", nth(2)).ok());
  CHECK(store->commit().ok());
  const auto left = store->messages("a", 0, 10, 1000);
  LONGS_EQUAL(3, left->size());
  LONGS_EQUAL(nth(3), left->front().seq);
  LONGS_EQUAL(nth(5), left->back().seq);
  LONGS_EQUAL(2, store->messages("a", 0, 2, 1000)->size());
  LONGS_EQUAL(1, store->messages("a", nth(4), 10, 1000)->size());
  LONGS_EQUAL(3, store->host("a")->value().queued);
  LONGS_EQUAL(3, store->host("a")->value().queuedBytes);
  LONGS_EQUAL(1, store->messages("b", 0, 10, 1000)->size());
}

TEST(MailboxContract, aBoundOfBytesLeavesAtLeastOneMessage) {
  host("a");
  put("a", std::string(50, 'x'));
  put("a", std::string(50, 'y'));
  LONGS_EQUAL(1, store->messages("a", 0, 10, 10)->size());
  LONGS_EQUAL(1, store->messages("a", 0, 10, 99)->size());
  LONGS_EQUAL(2, store->messages("a", 0, 10, 100)->size());
}

TEST(MailboxContract, numbersAreNeverGivenTwice) {
  host("a");
  put("a", "1");
  CHECK(store->acknowledge("a", nth(1)).ok());
  CHECK(store->commit().ok());
  reopen();
  LONGS_EQUAL(2, put("a", "2"));
  CHECK(store->commit().ok());
}

TEST(MailboxContract, aStoreThatIsOlderThanItsHostGoesOnBehindIt) {
  host("a");
  CHECK(store->acknowledge("a", nth(41)).ok());
  LONGS_EQUAL(42, put("a", "x"));
  CHECK(store->acknowledge("a", nth(40)).ok());
  LONGS_EQUAL(nth(41), store->host("a")->value().acked);
  LONGS_EQUAL(1, store->host("a")->value().queued);
}

TEST(MailboxContract, whatComesToAStoreThatWasSetBackIsBehindAllThatItsHostHas) {
  host("a");
  put("a", "of the backup");
  CHECK(store->commit().ok());
  store.reset();
  const std::string file = folder.path() + "/relay.db";
  std::filesystem::copy(file, folder.path() + "/backup");
  store = open(folder.path());
  std::int64_t last = 0;
  for (int i = 1; i <= 5; ++i) last = store->put("a", "callback", "{}", kNow + i, {}).value();
  CHECK(store->acknowledge("a", last).ok());
  CHECK(store->commit().ok());
  store.reset();
  std::filesystem::copy(folder.path() + "/backup", file,
                        std::filesystem::copy_options::overwrite_existing);
  std::filesystem::remove(file + "-wal");
  store = open(folder.path());
  // More and fewer of them than were there before.
  for (int i = 0; i < 9; ++i) CHECK(store->put("a", "callback", "new", kNow + 1000, {}).ok());
  CHECK(store->acknowledge("a", last).ok());
  const auto left = store->messages("a", last, 20, 1000);
  LONGS_EQUAL(9, left->size());
  LONGS_EQUAL(9, store->host("a")->value().queued);
  for (const MessageRow& row : *left) STRCMP_EQUAL("new", row.body.c_str());
}

TEST(MailboxContract, aHostThatIsHereAgainGetsNumbersAboveAllThatItHas) {
  host("a");
  const auto before = store->put("a", "callback", "1", kNow, {});
  CHECK(store->removeHost("a").value());
  CHECK(store->removeToken("ta").value());
  host("a");
  CHECK(*before < store->put("a", "callback", "2", kNow + 1, {}).value());
}

TEST(MailboxContract, numbersRiseThroughAnyClock) {
  host("a");
  std::int64_t last = 0;
  for (const std::int64_t now : {kNow, kNow - 5'000, std::int64_t{-7}, wire::kSequenceMax, kNow}) {
    const auto seq = store->put("a", "callback", "1", now, {});
    CHECK(*seq > last && *seq <= wire::kSequenceMax / 2 + 8);
    last = *seq;
  }
}

TEST(MailboxContract, aFullMailboxRefusesAndSaysSo) {
  host("a");
  const Quota two{2, 1000};
  put("a", "1", two);
  put("a", "2", two);
  LONGS_EQUAL(int(ErrorCode::kRelayQuota),
              int(store->put("a", "callback", "3", kNow, two).error().code));
  const Quota bytes{10, 3};
  put("a", "3", bytes);
  LONGS_EQUAL(int(ErrorCode::kRelayQuota),
              int(store->put("a", "callback", "4", kNow, bytes).error().code));
  // What the relay itself has to say goes through, and the transaction is whole.
  LONGS_EQUAL(4, put("a", "pin"));
  CHECK(store->acknowledge("a", nth(1)).ok());
  CHECK(store->commit().ok());
  LONGS_EQUAL(3, store->host("a")->value().queued);
}

TEST(MailboxContract, eachKindOfRoomHasItsOwnQuota) {
  host("a");
  const Quota one{1, 1000};
  const char* const kinds[] = {"webhook", "callback", "decision"};
  const auto putEach = [&](const Quota& quota, bool taken) {
    for (const char* kind : kinds)
      CHECK_EQUAL(taken, store->put("a", kind, "12345", kNow, quota).ok());
  };
  putEach(one, true);
  putEach(one, false);
  // Starts are signed too.
  CHECK(!store->put("a", "start", "x", kNow, one).ok());
  putEach({9, 9}, false);
  putEach({9, 10}, true);
  CHECK(store->commit().ok());
  reopen();
  CHECK(store->acknowledge("a", nth(3)).ok());
  LONGS_EQUAL(3, store->host("a")->value().queued);
  LONGS_EQUAL(15, store->host("a")->value().queuedBytes);
  putEach(one, false);
  CHECK(store->acknowledge("a", nth(6)).ok());
  putEach(one, true);
}

TEST(MailboxContract, nobodyHasAMailboxWithoutEnrolment) {
  LONGS_EQUAL(int(ErrorCode::kRelayHost),
              int(store->put("a", "callback", "1", kNow, std::nullopt).error().code));
  LONGS_EQUAL(int(ErrorCode::kRelayHost), int(store->openSession("a", "s", kNow).error().code));
  LONGS_EQUAL(int(ErrorCode::kRelayHost), int(codeOf(store->acknowledge("a", nth(1)))));
  LONGS_EQUAL(int(ErrorCode::kRelayHost), int(store->receive("a", 1).error().code));
}

TEST(MailboxContract, aTokenEnrolsOneHostOnceAndTheSameHostAgain) {
  token("good");
  token("late", "host", kNow);
  token("other", "release");
  const HostRow a{"a", "{}", "one"};
  const HostRow b{"b", "{}", "two"};
  for (const char* wrong : {"unknown", "late", "other"}) {
    LONGS_EQUAL(int(ErrorCode::kRelayCredential), int(codeOf(store->enrol(wrong, a, kNow))));
  }
  CHECK(store->enrol("good", a, kNow).ok());
  CHECK(store->commit().ok());
  CHECK(store->enrol("good", a, kNow).ok());
  LONGS_EQUAL(int(ErrorCode::kRelayCredential), int(codeOf(store->enrol("good", b, kNow))));
  CHECK(store->removeHost("a").value());
  LONGS_EQUAL(int(ErrorCode::kRelayCredential), int(codeOf(store->enrol("good", a, kNow))));
  CHECK(!store->host("a")->has_value());
}

TEST(MailboxContract, aHostThatWasRemovedLeavesNothingToTheNextOneOfItsKey) {
  host("a");
  put("a", "secret");
  CHECK(store->openCallback({"r", "a", "w1", 0, 0, ""}, 10).ok());
  CHECK(store->setHooks("a", {"ci.push"}).ok());
  CHECK(store->removeHost("a").value());
  CHECK(!store->removeHost("a").value());
  CHECK(store->removeToken("ta").value());
  host("a");
  LONGS_EQUAL(0, store->messages("a", 0, 10, 1000)->size());
  CHECK(!store->callback("r")->has_value());
  CHECK(!store->hasHook("a", "ci.push").value());
}

TEST(MailboxContract, eachSessionHasAHigherEpoch) {
  host("a");
  const auto first = store->openSession("a", "one", kNow).value();
  LONGS_EQUAL(1, first.epoch);
  STRCMP_EQUAL("", first.previous.c_str());
  CHECK(store->commit().ok());
  reopen();
  const auto second = store->openSession("a", "two", kNow + 5).value();
  LONGS_EQUAL(2, second.epoch);
  STRCMP_EQUAL("one", second.previous.c_str());
  CHECK(store->commit().ok());
  LONGS_EQUAL(kNow + 5, store->host("a")->value().seenMs);
}

TEST(MailboxContract, aRepeatedMessageOfAHostDoesNothing) {
  host("a");
  CHECK(store->receive("a", 1).value());
  CHECK(!store->receive("a", 1).value());
  CHECK(store->receive("a", 7).value());
  CHECK(!store->receive("a", 3).value());
  CHECK(store->commit().ok());
  reopen();
  CHECK(!store->receive("a", 7).value());
  LONGS_EQUAL(7, store->host("a")->value().received);
}

TEST(MailboxContract, aCallbackCountsItsDeliveriesAndBelongsToOneHost) {
  host("a");
  host("b");
  CHECK(store->openCallback({"r", "a", "w1", kNow + 10, 0, ""}, 10).ok());
  LONGS_EQUAL(int(ErrorCode::kConflict),
              int(codeOf(store->openCallback({"r", "b", "w2", 0, 0, ""}, 10))));
  CHECK(store->useCallback("r", "first").ok());
  CHECK(store->useCallback("r", "second").ok());
  // The message that opened it may come again.
  CHECK(store->openCallback({"r", "a", "w1", kNow + 10, 0, ""}, 10).ok());
  const auto row = store->callback("r");
  LONGS_EQUAL(2, row->value().uses);
  STRCMP_EQUAL("second", row->value().lastDelivery.c_str());
  LONGS_EQUAL(kNow + 10, row->value().expiresMs);
  STRCMP_EQUAL("a", row->value().host.c_str());
  CHECK(!store->callback("unknown")->has_value());
}

TEST(MailboxContract, aCallbackIsClosedByItsHostOnlyAndSweptWhenItHasExpired) {
  host("a");
  host("b");
  CHECK(store->openCallback({"r1", "a", "w1", kNow + 10, 0, ""}, 2).ok());
  CHECK(store->openCallback({"r2", "a", "w2", 0, 0, ""}, 2).ok());
  LONGS_EQUAL(int(ErrorCode::kRelayQuota),
              int(codeOf(store->openCallback({"r3", "a", "w3", 0, 0, ""}, 2))));
  CHECK(store->closeCallback("b", "w2").ok());
  CHECK(store->callback("r2")->has_value());
  CHECK(store->closeCallback("a", "w2").ok());
  CHECK(!store->callback("r2")->has_value());
  CHECK(store->sweep(kNow + 9, 100).ok());
  CHECK(store->callback("r1")->has_value());
  CHECK(store->sweep(kNow + 10, 100).ok());
  CHECK(!store->callback("r1")->has_value());
}

TEST(MailboxContract, hooksAreReplacedAsAWhole) {
  host("a");
  CHECK(store->setHooks("a", {"ci.push", "ci.tag", "ci.tag"}).ok());
  CHECK(store->hasHook("a", "ci.push").value());
  CHECK(store->setHooks("a", {"ci.tag"}).ok());
  CHECK(!store->hasHook("a", "ci.push").value());
  CHECK(store->hasHook("a", "ci.tag").value());
  CHECK(!store->hasHook("b", "ci.tag").value());
}

TEST(MailboxContract, pinsAreKeptOnceAndTheNewestOfAChain) {
  const PinBounds bounds{3, 2, 2};
  for (int i = 0; i < 5; ++i) {
    const std::string digest = "d" + std::to_string(i);
    CHECK(store->addPin({digest, "p" + digest, "f/stable", "r1", "text", kNow}, bounds).value());
  }
  CHECK(store->addPin({"other", "po", "g/stable", "r2", "text", kNow}, bounds).value());
  CHECK(!store->addPin({"d4", "pd4", "f/stable", "r1", "text", kNow}, bounds).value());
  // It was passed on twice.
  CHECK(store->addPin({"d4", "pd4", "f/stable", "r1", "text", kNow}, bounds).error().code ==
        ErrorCode::kRelayQuota);
  CHECK(store->commit().ok());
  const auto pins = store->pins();
  LONGS_EQUAL(4, pins->size());
  STRCMP_EQUAL("d2", pins->front().digest.c_str());
  STRCMP_EQUAL("other", pins->back().digest.c_str());
}

TEST(MailboxContract, aPinWithOtherSignaturesTakesNoRoomFromOtherPins) {
  const PinBounds bounds{3, 2, 9};
  CHECK(store->addPin({"first", "p1", "f/stable", "r1", "text", kNow}, bounds).value());
  for (const char* digest : {"a", "b", "c", "d"})
    CHECK(store->addPin({digest, "p2", "f/stable", "r1", "text", kNow}, bounds).value());
  const auto pins = store->pins();
  LONGS_EQUAL(3, pins->size());
  STRCMP_EQUAL("first", pins->at(0).digest.c_str());
  STRCMP_EQUAL("c", pins->at(1).digest.c_str());
  STRCMP_EQUAL("d", pins->at(2).digest.c_str());
}

TEST(MailboxContract, releasesAreKeptByTheirDigest) {
  CHECK(store->addRelease("d", "content", kNow).value());
  CHECK(!store->addRelease("d", "content", kNow).value());
  STRCMP_EQUAL("content", store->release("d")->value().c_str());
  CHECK(!store->release("e")->has_value());
}

TEST(MailboxContract, tokensAreFoundByTheBeginningOfTheirDigest) {
  token("aa11");
  token("aa22");
  token("bb33", "host", kNow - 1);
  LONGS_EQUAL(int(ErrorCode::kInvalidArgument), int(store->removeToken("aa").error().code));
  CHECK(!store->removeToken("").value());
  CHECK(!store->removeToken("cc").value());
  CHECK(store->removeToken("aa1").value());
  CHECK(store->sweep(kNow, 10).ok());
  LONGS_EQUAL(1, store->tokens()->size());
}

TEST(MailboxContract, totalsCountWhatIsThere) {
  host("a");
  put("a", "12345");
  const auto totals = store->totals();
  LONGS_EQUAL(1, totals->hosts);
  LONGS_EQUAL(1, totals->queued);
  LONGS_EQUAL(5, totals->queuedBytes);
}

TEST(MailboxContract, manyMessagesGoThroughUpkeep) {
  host("a");
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 50; ++i) put("a", std::string(2000, 'x'));
    CHECK(store->commit().ok());
    CHECK(store->upkeep(true).ok());
  }
  LONGS_EQUAL(1000, store->host("a")->value().queued);
  LONGS_EQUAL(1000, store->messages("a", 0, 2000, 1 << 30)->size());
  CHECK(store->acknowledge("a", nth(999)).ok());
  CHECK(store->commit().ok());
  LONGS_EQUAL(2000, store->host("a")->value().queuedBytes);
}

namespace {

ApprovalRow approvalRow(const char* request, const char* host, std::int64_t expires = kNow + 1000) {
  ApprovalRow row;
  row.request = request;
  row.host = host;
  row.atMs = kNow;
  row.expiresMs = expires;
  row.content = R"({"sealed":"x"})";
  return row;
}

}  // namespace

TEST(MailboxContract, approvalsAreListedByTheirChanges) {
  host("a");
  CHECK(store->openApproval(approvalRow("r1", "a"), 10).ok());
  CHECK(store->openApproval(approvalRow("r2", "a"), 10).ok());
  const auto all = store->approvals(0, 10);
  LONGS_EQUAL(2, all->size());
  STRCMP_EQUAL("r1", (*all)[0].request.c_str());
  STRCMP_EQUAL("", (*all)[0].content.c_str());
  STRCMP_EQUAL(R"({"sealed":"x"})", (*store->approval("r1"))->content.c_str());
  const std::int64_t last = (*all)[1].change;
  CHECK(store->approvals(last, 10)->empty());
  CHECK(store->handIn("r1", "d1", "t", kNow).ok());
  const auto changed = store->approvals(last, 10);
  LONGS_EQUAL(1, changed->size());
  STRCMP_EQUAL("r1", (*changed)[0].request.c_str());
  CHECK(store->commit().ok());
  reopen();
  LONGS_EQUAL(2, store->approvals(0, 10)->size());
}

TEST(MailboxContract, anApprovalIsOfOneHostAndRenewedByIt) {
  host("a");
  host("b");
  CHECK(store->openApproval(approvalRow("r1", "a"), 1).ok());
  CHECK(store->openApproval(approvalRow("r1", "b"), 1).error().code == ErrorCode::kConflict);
  CHECK(store->openApproval(approvalRow("r2", "a"), 1).error().code == ErrorCode::kRelayQuota);
  CHECK(store->openApproval(approvalRow("r3", "c"), 1).error().code == ErrorCode::kRelayHost);
  ApprovalRow again = approvalRow("r1", "a");
  again.content = R"({"sealed":"y"})";
  CHECK(store->openApproval(again, 1).ok());
  STRCMP_EQUAL(R"({"sealed":"y"})", (*store->approval("r1"))->content.c_str());
  // A closed one leaves room.
  CHECK(store->addReceipt("a", "r1", "", "receipt", true, kNow).ok());
  CHECK((*store->approval("r1"))->closed);
  CHECK(store->openApproval(approvalRow("r2", "a"), 1).ok());
}

TEST(MailboxContract, decisionsAreKeptOnceWithTheirReceipts) {
  host("a");
  host("b");
  CHECK(store->openApproval(approvalRow("r1", "a"), 10).ok());
  CHECK(*store->wantsDecision("r1", "d1", "t", 2, 2));
  CHECK(*store->wantsDecision("r1", "d1", "t", 2, 2));  // to ask writes nothing
  CHECK(store->handIn("r1", "d1", "t", kNow).ok());
  CHECK(*store->wantsDecision("r1", "d1", "t", 2, 2));  // nobody has heard of it
  CHECK(store->handIn("r1", "d1", "t", kNow).ok());
  CHECK(store->wantsDecision("r1", "d1", "t", 2, 2).error().code == ErrorCode::kRelayQuota);
  CHECK(store->handIn("r1", "d2", "t", kNow).ok());
  CHECK(store->wantsDecision("r1", "d3", "t", 2, 2).error().code == ErrorCode::kRelayQuota);
  // Whose room is used up is nobody else's loss.
  CHECK(*store->wantsDecision("r1", "d4", "other", 2, 2));
  CHECK(store->handIn("r1", "d4", "other", kNow).ok());
  CHECK(store->addReceipt("b", "r1", "d1", "lie", true, kNow).ok());
  CHECK(store->addReceipt("a", "r1", "d2", "first", false, kNow).ok());
  CHECK(store->addReceipt("a", "r1", "d2", "second", false, kNow).ok());
  CHECK(!*store->wantsDecision("r1", "d2", "t", 2, 2));  // it has its receipt
  const auto handed = store->handedIn("r1");
  LONGS_EQUAL(3, handed->size());
  STRCMP_EQUAL("", (*handed)[0].receipt.c_str());
  STRCMP_EQUAL("first", (*handed)[1].receipt.c_str());
  CHECK(!(*store->approval("r1"))->closed);
}

TEST(MailboxContract, approvalsAreClosedByTheirEndUntilTheirHostSaysMore) {
  host("a");
  CHECK(!*store->nextExpiry());
  CHECK(store->openApproval(approvalRow("r1", "a", kNow + 10), 2).ok());
  CHECK(store->openApproval(approvalRow("r2", "a", kNow + 20), 2).ok());
  LONGS_EQUAL(kNow + 10, **store->nextExpiry());
  LONGS_EQUAL(0, store->closeExpired(kNow + 9, 10)->size());
  const std::int64_t before = (*store->approval("r2"))->change;
  const auto closed = store->closeExpired(kNow + 10, 10);
  LONGS_EQUAL(1, closed->size());
  STRCMP_EQUAL("r1", closed->front().c_str());
  const auto row = **store->approval("r1");
  CHECK(row.closed && row.expired && row.change > before);
  LONGS_EQUAL(kNow + 20, **store->nextExpiry());
  // There is room for another one, and none is closed twice.
  CHECK(store->openApproval(approvalRow("r3", "a", kNow + 99), 2).ok());
  LONGS_EQUAL(0, store->closeExpired(kNow + 11, 10)->size());
  // Its host still asks: the clocks differ.
  CHECK(store->openApproval(approvalRow("r1", "a", kNow + 50), 2).ok());
  CHECK(!(*store->approval("r1"))->closed);
  LONGS_EQUAL(2, store->closeExpired(kNow + 50, 10)->size());
  CHECK(store->addReceipt("a", "r1", "", "over", true, kNow + 51).ok());
  CHECK((*store->approval("r1"))->closed && !(*store->approval("r1"))->expired);
}

TEST(MailboxContract, approvalsGoADayAfterTheirEnd) {
  constexpr std::int64_t kDay = 24 * 3'600'000;
  host("a");
  CHECK(store->openApproval(approvalRow("r1", "a"), 10).ok());
  CHECK(store->handIn("r1", "d1", "t", kNow).ok());
  CHECK(store->openApproval(approvalRow("r2", "a", kNow + 9 * kDay), 10).ok());
  CHECK(store->sweep(kNow + 1001, 100).ok());
  CHECK(store->approval("r1")->has_value());
  CHECK(store->sweep(kNow + 1001 + kDay, 100).ok());
  CHECK(!store->approval("r1")->has_value());
  CHECK(store->handedIn("r1")->empty());
  // The newest stays whatever its age: changes are counted on from it.
  CHECK(store->sweep(kNow + 99 * kDay, 100).ok());
  CHECK(store->approval("r2")->has_value());
  CHECK(*store->removeHost("a"));
  CHECK(!store->approval("r2")->has_value());
}
