// Changes rows of one run between two lives of the process and asks for that run in every way there
// is: who asks is told, the daemon goes on, and so do all other runs. An error of the disk still
// ends the process.

#include <chrono>
#include <memory>
#include <string>

#include "common/sqlite/Database.h"
#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using belay::base::ErrorCode;
using belay::base::RunId;
using belay::base::Status;
using belay::journal::WaitRow;
using belay::runtime::Runtime;
using belay::runtime::Verb;
using belay::test::FaultVfs;
using belay::test::TestRuntime;

namespace {

const char* const kGate = R"(slug: gate
steps:
  - id: ask
    wait: {approval: {summary: "Go on?"}, timeout: 1h}
)";
const char* const kPhone =
    "slug: phone\nsteps:\n  - id: ring\n    wait: {callback: {}, timeout: 1h}\n";
const char* const kListen =
    "slug: listen\nsteps:\n  - id: hear\n    wait: {event: {name: built}, timeout: 1h}\n";
const char* const kWork = "slug: work\nsteps:\n  - id: work\n    run: {command: [/bin/true]}\n";
const char* const kNap = "slug: nap\nsteps:\n  - id: nap\n    sleep: {for: 30d}\n";

}  // namespace

TEST_GROUP(DamagedRun) {
  TestRuntime host;

  void setup() override { host.boot(); }

  /// The process ends, `sql` changes the file, and another process starts.
  void damage(const std::string& sql) {
    // What is last in the file is checked at each start, which is not what is tested here.
    for (int i = 0; i < 40; ++i) host.start(kNap);
    host.end();
    belay::sqlite::OpenOptions options;
    options.path = host.folder.at("journal.db");
    options.vfs = host.disk.name();
    const auto database = belay::sqlite::Database::open(options);
    CHECK(database.ok() && (*database)->setPragma("locking_mode", "EXCLUSIVE", "exclusive").ok());
    CHECK((*database)->exec(sql.c_str(), "damage").ok());
    LONGS_EQUAL(1, (*database)->changes());
  }
  void damageEventOf(const RunId& run) {
    damage(
        "UPDATE events SET at_ms = at_ms + 1 WHERE seq = 1 AND run ="
        " (SELECT number FROM runs WHERE id = '" +
        run.str() + "')");
    host.boot();
  }
  void damageWaitOf(const RunId& run, const std::string& change) {
    damage("UPDATE waits SET " + change + " WHERE run = (SELECT number FROM runs WHERE id = '" +
           run.str() + "')");
    host.boot();
  }
  WaitRow waitOf(const RunId& run) {
    belay::journal::WaitFilter filter;
    filter.run = run.str();
    const auto waits = host.journal->waits(filter);
    CHECK(waits.ok() && waits->size() == 1);
    return waits->front();
  }
  /// Asks; the loop must go on whatever the answer is.
  Status ask(std::function<Status(Runtime&)> work) {
    const auto asked = host.ask(std::move(work));
    CHECK(host.settle().ok());
    CHECK(asked->answered);
    return asked->status;
  }
  Status control(const RunId& run, Verb verb) {
    return ask([&](Runtime& on) { return on.control(run, verb, "uid:0"); });
  }
  Status approve(const WaitRow& wait) {
    const auto decision = host.sign(wait.requestJson, true);
    CHECK(decision.ok());
    return ask(
        [&](Runtime& on) { return on.waits().answerApproval(wait.id, *decision, "uid:1000"); });
  }
  std::size_t emit() {
    std::size_t answered = 0;
    CHECK(ask([&](Runtime& on) -> Status {
            BELAY_ASSIGN(const auto emitted, on.waits().emit("built", "null", "uid:1000"));
            answered = emitted.answered;
            return {};
          }).ok());
    return answered;
  }
  void refused(const Status& status) {
    CHECK_TEXT(TestRuntime::failedWith(status, ErrorCode::kJournalChainBroken),
               status.ok() ? "ok" : status.error().message.c_str());
  }
};

TEST(DamagedRun, cannotBeAnsweredAndOthersCan) {
  const RunId damaged = host.start(kGate);
  const RunId other = host.start(kGate);
  const WaitRow wait = waitOf(damaged);
  damageEventOf(damaged);
  refused(approve(wait));
  CHECK(host.log.contains("error run.unreadable"));
  CHECK(approve(waitOf(other)).ok());
  STRCMP_EQUAL("succeeded", host.status(other).c_str());
  STRCMP_EQUAL("waiting", host.status(damaged).c_str());
}

TEST(DamagedRun, takesNoCallbackAndOthersDo) {
  const RunId damaged = host.start(kPhone);
  const RunId other = host.start(kPhone);
  const WaitRow wait = waitOf(damaged);
  damageEventOf(damaged);
  const auto answer = [this](const WaitRow& to) {
    return ask([&](Runtime& on) { return on.waits().answerCallback(to.id, "1", "uid:1000"); });
  };
  refused(answer(wait));
  CHECK(answer(waitOf(other)).ok());
  STRCMP_EQUAL("succeeded", host.status(other).c_str());
}

TEST(DamagedRun, canBeControlledByNoVerbAndOthersCan) {
  const RunId damaged = host.start(kWork);
  const RunId other = host.start(kWork);
  damageEventOf(damaged);
  for (const Verb verb : {Verb::kPause, Verb::kResume, Verb::kStop, Verb::kCancel})
    refused(control(damaged, verb));
  refused(ask([&](Runtime& on) { return on.retry(damaged, "work", "uid:0"); }));
  refused(ask([&](Runtime& on) {
    return on.resolve(damaged, "work", belay::engine::Resolution::kRetry, "uid:0", "");
  }));
  CHECK(control(other, Verb::kCancel).ok());
  STRCMP_EQUAL("cancelled", host.status(other).c_str());
}

TEST(DamagedRun, endsNothingWhenItsAttemptComesBack) {
  const RunId damaged = host.start(kWork);
  const RunId other = host.start(kWork);
  const auto attempts = host.jobs.started();
  damageEventOf(damaged);
  host.succeed(attempts.front());
  host.succeed(attempts.back());
  STRCMP_EQUAL("running", host.status(damaged).c_str());
  STRCMP_EQUAL("succeeded", host.status(other).c_str());
}

TEST(DamagedRun, hearsNoEventAndOthersDo) {
  const RunId damaged = host.start(kListen);
  const RunId other = host.start(kListen);
  damageEventOf(damaged);
  LONGS_EQUAL(1, emit());
  CHECK(host.log.contains("error run.unreadable"));
  STRCMP_EQUAL("succeeded", host.status(other).c_str());
  STRCMP_EQUAL("waiting", host.status(damaged).c_str());
}

TEST(DamagedRun, keepsNoTimerOfOthersFromFiring) {
  const RunId damaged = host.start(kListen);
  const RunId other = host.start(kListen);
  damageEventOf(damaged);
  host.pass(2h);
  STRCMP_EQUAL("waiting", host.status(damaged).c_str());
  STRCMP_EQUAL("failed", host.status(other).c_str());
}

TEST(DamagedRun, mayHaveAChainThatFitsAndAnEventThatNobodyKnows) {
  const RunId damaged = host.start(kGate);
  const RunId other = host.start(kGate);
  const WaitRow wait = waitOf(damaged);
  auto head = host.journal->head(damaged);
  CHECK(head.ok() &&
        host.journal->appendEvent(*head, "run.melted", host.clock.wallMs(), "{}").ok());
  CHECK(host.journal->commit().ok());
  host.boot();
  refused(approve(wait));
  refused(control(damaged, Verb::kCancel));
  CHECK(approve(waitOf(other)).ok());
}

TEST(DamagedRun, mayHaveARowOfItsWaitThatMakesNoSense) {
  const RunId damaged = host.start(kGate);
  const RunId other = host.start(kGate);
  const WaitRow wait = waitOf(damaged);
  const WaitRow intact = waitOf(other);
  damageWaitOf(damaged, "kind = 99");
  refused(approve(wait));
  CHECK(approve(intact).ok());
  // Its history is whole, so that it can be ended.
  CHECK(control(damaged, Verb::kCancel).ok());
  STRCMP_EQUAL("cancelled", host.status(damaged).c_str());
}

TEST(DamagedRun, canBeCancelledThoughTheRowOfItsWaitIsNotReadableOrGone) {
  const RunId damaged = host.start(kGate);
  const RunId gone = host.start(kGate);
  damageWaitOf(damaged, "status = 99");
  CHECK(control(damaged, Verb::kCancel).ok());
  STRCMP_EQUAL("cancelled", host.status(damaged).c_str());
  CHECK(host.log.contains("error wait.unreadable"));
  damage("DELETE FROM waits WHERE run = (SELECT number FROM runs WHERE id = '" + gone.str() + "')");
  host.boot();
  CHECK(control(gone, Verb::kCancel).ok());
  STRCMP_EQUAL("cancelled", host.status(gone).c_str());
}

TEST(DamagedRun, keepsNoTimerFromFiringWhenTheRowOfItsWaitMakesNoSense) {
  const RunId damaged = host.start(kListen);
  const RunId other = host.start(kListen);
  damageWaitOf(damaged, "kind = 99");
  host.pass(2h);
  CHECK(host.log.contains("error wait.unreadable"));
  STRCMP_EQUAL("failed", host.status(other).c_str());
}

TEST(DamagedRun, isNotCalledAtAStepThatItsFlowDoesNotHave) {
  const RunId damaged = host.start(kListen);
  const RunId other = host.start(kListen);
  damageWaitOf(damaged, "step = 'nowhere'");
  LONGS_EQUAL(1, emit());
  STRCMP_EQUAL("succeeded", host.status(other).c_str());
}

TEST(DamagedRun, isNotWhatAnErrorOfTheDiskMakesOfARun) {
  const RunId run = host.start(kGate);
  const WaitRow wait = waitOf(run);
  const auto decision = host.sign(wait.requestJson, true);
  host.boot();
  host.disk.setFault({host.disk.operations() + 1, FaultVfs::Failure::kIoError, true});
  const auto asked = host.ask(
      [&](Runtime& on) { return on.waits().answerApproval(wait.id, *decision, "uid:1000"); });
  const auto ended = host.settle();
  CHECK(!ended.ok() && ended.error().code == ErrorCode::kJournalIo);
  CHECK(!asked->answered);
  CHECK(!host.log.contains("run.unreadable"));
  host.disk.clearFault();
}
