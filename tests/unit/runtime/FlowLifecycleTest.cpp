// The way of a flow from draft to live, on a journal alone: who may replace what, what is live, and
// what can run.

#include "agent/runtime/FlowLifecycle.h"
#include "tests/support/MemoryLog.h"
#include "tests/support/SimClock.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using base::ErrorCode;

namespace {

const runtime::Author kAlice{"uid:1000 (alice)", "/srv/alice/gate.flow.yaml"};
const runtime::Author kBob{"uid:1001 (bob)", "/srv/bob/gate.flow.yaml"};

std::string digest(char letter) { return "sha256:" + std::string(64, letter); }

}  // namespace

TEST_GROUP(FlowLifecycle) {
  test::TempFolder folder;
  test::SimClock clock;
  test::MemoryLog log;
  std::unique_ptr<journal::Journal> journal;

  void setup() override {
    journal::JournalOptions options;
    options.path = folder.at("journal.db");
    options.reserveBytes = 0;
    journal = std::move(*journal::Journal::open(options, clock, log));
  }

  journal::FlowRow flow(char letter) {
    return {digest(letter), "gate", "yaml", "slug: gate # " + std::string(1, letter),
            clock.wallMs()};
  }
  base::Result<runtime::DraftPut> put(char letter, const runtime::Author& author,
                                      runtime::DraftRule rule = {}) {
    return runtime::putDraft(*journal, flow(letter), rule, author);
  }
  base::Result<journal::FlowChangeRow> release(const runtime::DraftRule& rule = {}) {
    return runtime::makeRelease(*journal, "gate", "note", rule, kAlice, clock.wallMs());
  }
  base::Result<runtime::Promoted> promote(const char* which = "") {
    return runtime::promote(*journal, "gate", which, kAlice, clock.wallMs());
  }
  base::Result<runtime::Promoted> rollBack(const char* which = "") {
    return runtime::rollBack(*journal, "gate", which, kAlice, clock.wallMs());
  }
  runtime::FlowState state() { return *runtime::flowState(*journal, "gate"); }
  /// Releases a, b, c … and makes each live.
  void promoteAll(const char* letters) {
    for (const char* letter = letters; *letter != 0; ++letter) {
      CHECK(put(*letter, kAlice).ok());
      CHECK(release().ok());
      CHECK(promote().ok());
    }
  }
  template <typename T>
  void refused(ErrorCode code, const base::Result<T>& result) {
    CHECK(!result.ok());
    STRCMP_EQUAL(std::string(base::errorText(code)).c_str(),
                 std::string(base::errorText(result.error().code)).c_str());
  }
};

TEST(FlowLifecycle, oneAuthorReplacesTheOwnDraft) {
  CHECK(put('a', kAlice)->replaced.empty());
  const auto second = put('b', kAlice);
  STRCMP_EQUAL(digest('a').c_str(), second->replaced.c_str());
  STRCMP_EQUAL("", second->replacedBy.c_str());
  STRCMP_EQUAL(digest('b').c_str(), state().head.draftDigest.c_str());
}

TEST(FlowLifecycle, aNameThatChangesMakesNoOtherAuthor) {
  CHECK(put('a', kAlice).ok());
  CHECK(put('b', {"uid:1000 (alice-renamed)", kAlice.origin}).ok());
}

TEST(FlowLifecycle, theDraftOfAnotherUserIsNotReplacedUnseen) {
  CHECK(put('a', kAlice).ok());
  const auto refusedPut = put('b', kBob);
  refused(ErrorCode::kFlowDraftChanged, refusedPut);
  for (const std::string& part : {std::string("alice"), kAlice.origin, digest('a')}) {
    CHECK_TEXT(refusedPut.error().message.find(part) != std::string::npos, part.c_str());
  }
  STRCMP_EQUAL(digest('a').c_str(), state().head.draftDigest.c_str());
  CHECK(!journal->flowByDigest(digest('b')).value());
}

TEST(FlowLifecycle, anotherFileOfTheSameUserIsAnotherAuthor) {
  CHECK(put('a', kAlice).ok());
  refused(ErrorCode::kFlowDraftChanged,
          put('b', {kAlice.by, "/srv/alice/worktree/gate.flow.yaml"}));
  refused(ErrorCode::kFlowDraftChanged, put('b', {kAlice.by, ""}));
}

TEST(FlowLifecycle, aDraftWithoutAnOriginIsNobodysOwn) {
  CHECK(put('a', {kAlice.by, ""}).ok());
  refused(ErrorCode::kFlowDraftChanged, put('b', {kAlice.by, ""}));
}

TEST(FlowLifecycle, theSameContentIsNoEdit) {
  CHECK(put('a', kAlice).ok());
  CHECK(put('a', kBob)->replaced.empty());
  STRCMP_EQUAL(kAlice.by.c_str(), state().draft->by.c_str());
}

TEST(FlowLifecycle, whoNamesTheDraftReplacesIt) {
  CHECK(put('a', kAlice).ok());
  refused(ErrorCode::kFlowDraftChanged, put('b', kBob, {digest('c')}));
  refused(ErrorCode::kFlowDraftChanged, put('b', kBob, {"sha256:a"}));
  refused(ErrorCode::kFlowDraftChanged, put('b', kBob, {"none"}));
  STRCMP_EQUAL(kAlice.by.c_str(), put('b', kBob, {"sha256:aaaaaaaa"})->replacedBy.c_str());
  CHECK(put('c', kAlice, {digest('b')}).ok());
}

TEST(FlowLifecycle, whoNamesADraftIsHeldToItAlsoInTheOwnFile) {
  CHECK(put('a', kAlice).ok());
  CHECK(put('b', kAlice).ok());
  refused(ErrorCode::kFlowDraftChanged, put('c', kAlice, {digest('a')}));
}

TEST(FlowLifecycle, noneIsTheDraftOfAFlowThatIsNotThere) {
  refused(ErrorCode::kFlowDraftChanged, put('a', kAlice, {digest('b')}));
  CHECK(put('a', kAlice, {"none"}).ok());
}

TEST(FlowLifecycle, forceReplacesAndEveryDraftCanBeHadAgain) {
  CHECK(put('a', kAlice).ok());
  CHECK(put('b', kBob, {"", true}).ok());
  STRCMP_EQUAL(digest('a').c_str(),
               runtime::findVersion(*journal, "gate", digest('a'))->digest.c_str());
}

TEST(FlowLifecycle, releasesAreNumberedFromOne) {
  CHECK(put('a', kAlice).ok());
  LONGS_EQUAL(1, release()->release);
  refused(ErrorCode::kFlowUnchanged, release());
  LONGS_EQUAL(2, release({"", true})->release);
  CHECK(put('b', kAlice).ok());
  refused(ErrorCode::kFlowDraftChanged, release({digest('a')}));
  LONGS_EQUAL(3, release({digest('b')})->release);
  STRCMP_EQUAL(digest('a').c_str(), journal->release("gate", 1).value()->digest.c_str());
}

TEST(FlowLifecycle, anOlderContentCanBeReleasedAgain) {
  promoteAll("ab");
  CHECK(put('a', kAlice).ok());
  LONGS_EQUAL(3, release()->release);
}

TEST(FlowLifecycle, nothingIsLiveBeforeAPromotion) {
  CHECK(put('a', kAlice).ok());
  refused(ErrorCode::kReleaseNotFound, promote());
  CHECK(release().ok());
  refused(ErrorCode::kFlowNotLive, runtime::versionToRun(*journal, "gate", "live"));
  LONGS_EQUAL(0, promote()->before);
  STRCMP_EQUAL("live:1", runtime::versionToRun(*journal, "gate", "live")->source.c_str());
}

TEST(FlowLifecycle, promotesByNumberDigestAndItsBeginning) {
  promoteAll("ab");
  LONGS_EQUAL(1, promote("1")->live.release);
  LONGS_EQUAL(2, promote(digest('b').c_str())->live.release);
  LONGS_EQUAL(1, promote("sha256:aaaaaa")->live.release);
  refused(ErrorCode::kReleaseNotFound, promote("3"));
  refused(ErrorCode::kReleaseNotFound, promote("sha256:a"));
  refused(ErrorCode::kReleaseNotFound, promote("99999999999999999999"));
}

TEST(FlowLifecycle, aBeginningOfSeveralDigestsNamesNone) {
  journal::FlowRow one = flow('a'), other = flow('a');
  other.digest.back() = 'b';
  for (const auto& row : {one, other}) {
    CHECK(runtime::putDraft(*journal, row, {}, kAlice).ok());
    CHECK(release().ok());
  }
  refused(ErrorCode::kReleaseNotFound, promote("sha256:aaaaaaaa"));
  LONGS_EQUAL(2, promote(other.digest.c_str())->live.release);
}

TEST(FlowLifecycle, aPromotionOfWhatIsLiveChangesNothing) {
  promoteAll("a");
  const std::int64_t row = state().live->number;
  CHECK(promote("1")->existing);
  LONGS_EQUAL(row, state().live->number);
}

TEST(FlowLifecycle, eachRollbackGoesOneReleaseFurtherBack) {
  promoteAll("abc");
  LONGS_EQUAL(2, rollBack()->live.release);
  LONGS_EQUAL(1, rollBack()->live.release);
  refused(ErrorCode::kFlowNotLive, rollBack());
  LONGS_EQUAL(1, state().live->release);
}

TEST(FlowLifecycle, aRollbackAfterAPromotionGoesToWhatWasLiveBefore) {
  promoteAll("abc");
  CHECK(rollBack("1").ok());
  CHECK(promote("3").ok());
  LONGS_EQUAL(1, rollBack()->live.release);
}

TEST(FlowLifecycle, aRollbackIsForWhatWasLive) {
  promoteAll("a");
  CHECK(put('b', kAlice).ok());
  CHECK(release().ok());
  refused(ErrorCode::kFlowNotLive, rollBack("2"));
  refused(ErrorCode::kReleaseNotFound, rollBack("7"));
}

TEST(FlowLifecycle, anArchivedFlowTakesAndStartsNothing) {
  promoteAll("a");
  CHECK(runtime::archive(*journal, "gate", false, kBob, clock.wallMs()).value());
  CHECK(!runtime::archive(*journal, "gate", false, kBob, clock.wallMs()).value());
  refused(ErrorCode::kFlowArchived, put('b', kAlice, {"", true}));
  refused(ErrorCode::kFlowArchived, release());
  refused(ErrorCode::kFlowArchived, promote());
  refused(ErrorCode::kFlowArchived, rollBack());
  refused(ErrorCode::kFlowArchived, runtime::importRelease(*journal, flow('b'), "", kAlice));
  for (const char* which : {"live", "draft", "1"})
    refused(ErrorCode::kFlowArchived, runtime::versionToRun(*journal, "gate", which));
  CHECK(runtime::findVersion(*journal, "gate", "live").ok());
  CHECK(runtime::archive(*journal, "gate", true, kBob, clock.wallMs()).value());
  CHECK(runtime::versionToRun(*journal, "gate", "live").ok());
}

TEST(FlowLifecycle, anImportIsAReleaseThatIsNotLive) {
  const auto first = runtime::importRelease(*journal, flow('a'), "from afar", kAlice);
  LONGS_EQUAL(1, first->release.release);
  CHECK(!state().live);
  // There was no draft: it is where editing goes on from.
  STRCMP_EQUAL(digest('a').c_str(), state().head.draftDigest.c_str());
  CHECK(runtime::importRelease(*journal, flow('a'), "again", kAlice)->existing);
  CHECK(put('b', kAlice, {"", true}).ok());
  LONGS_EQUAL(2, runtime::importRelease(*journal, flow('c'), "", kAlice)->release.release);
  STRCMP_EQUAL(digest('b').c_str(), state().head.draftDigest.c_str());
}

TEST(FlowLifecycle, contentsOfOtherFlowsAreNotFoundByDigest) {
  promoteAll("a");
  journal::FlowRow other = flow('f');
  other.slug = "other";
  CHECK(runtime::putDraft(*journal, other, {}, kAlice).ok());
  refused(ErrorCode::kReleaseNotFound, runtime::findVersion(*journal, "gate", digest('f')));
}

TEST(FlowLifecycle, aMisspelledSlugGetsTheNearest) {
  promoteAll("a");
  const auto found = runtime::flowState(*journal, "gaet");
  refused(ErrorCode::kNotFound, found);
  CHECK(found.error().message.find("did you mean \"gate\"?") != std::string::npos);
}
