// Flows that start flows whose runs are bounded, and flows that are code: who waits for whom, and
// that nobody waits for itself.

#include <string>
#include <vector>

#include "agent/journal/AdmissionTable.h"
#include "agent/runtime/FlowLifecycle.h"
#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using namespace belay;
using base::RunId;
using base::Status;
using runtime::Runtime;
using runtime::Verb;
using test::TestRuntime;

namespace {

std::string child(const std::string& concurrency, const std::string& more = "") {
  return "slug: child\nconcurrency: " + concurrency + "\n" + more +
         "steps:\n  - id: work\n    run: {command: [/bin/true]}\n";
}

std::string parent(const std::string& options = "") {
  return "slug: parent\nsteps:\n  - id: call\n    flow: {slug: child}\n" + options;
}

/// A bounded flow that works, and starts another.
std::string caller(const std::string& slug, const std::string& other,
                   const std::string& concurrency = "{}", const std::string& more = "") {
  return "slug: " + slug + "\nconcurrency: " + concurrency + "\n" + more +
         "steps:\n  - id: work\n    run: {command: [/bin/true]}\n  - id: call\n    flow: {slug: " +
         other + "}\n";
}

/// A flow that starts itself once, with its own bound; `go` says whether it does.
std::string self(const std::string& concurrency, const std::string& more = "") {
  return "slug: self\nconcurrency: " + concurrency + "\n" + more +
         "steps:\n  - id: work\n    run: {command: [/bin/true]}\n"
         "  - id: again\n    when: \"${{ input.go }}\"\n"
         "    flow: {slug: self, input: {go: false}}\n";
}

}  // namespace

/// A run has this status; else its error and events are shown.
#define STATUS(expected, id)                           \
  STRCMP_EQUAL_TEXT(expected, host.status(id).c_str(), \
                    (host.errorOf(id) + " " + host.history(id)).c_str())

TEST_GROUP(ChildAdmission) {
  TestRuntime host;
  const runtime::Author author{"uid:0", "/f"};

  void setup() override { host.boot(); }

  void put(const std::string& yaml) {
    const Status done = host.tell([&](Runtime& on) -> Status {
      const std::string digest = host.put(on, yaml);
      const std::string slug = (*on.journal().flowByDigest(digest))->slug;
      const journal::FlowRow row{digest, slug, "yaml", yaml, host.clock.wallMs()};
      BELAY_TRY(runtime::putDraft(on.journal(), row, {"", true}, author));
      BELAY_TRY(runtime::makeRelease(on.journal(), slug, "", {}, author, host.clock.wallMs()));
      BELAY_TRY(runtime::promote(on.journal(), slug, "", author, host.clock.wallMs()));
      on.promoted(slug);
      return {};
    });
    CHECK_TEXT(done.ok(), done.ok() ? "" : done.error().message.c_str());
  }
  RunId startLive(const std::string& slug, const std::string& inputJson) {
    RunId run;
    const Status done = host.tell([&](Runtime& on) -> Status {
      BELAY_ASSIGN(const auto version, runtime::versionToRun(on.journal(), slug, "live"));
      runtime::StartRequest request;
      request.digest = version.digest;
      request.source = version.source;
      request.by = "uid:1000";
      request.input = *json::parse(inputJson);
      BELAY_ASSIGN(const runtime::Started started, on.start(request));
      run = started.run;
      return {};
    });
    CHECK_TEXT(done.ok(), done.ok() ? "" : done.error().message.c_str());
    return run;
  }
  RunId childOf(const RunId& run, const std::string& path = "call") {
    const engine::RunState state = host.state(run);
    const engine::ActiveStep* active = state.findActive(path);
    return active ? active->started.child : RunId();
  }
  /// Lets the active attempt of a run end well.
  void finish(const RunId& run) {
    std::optional<runtime::Attempt> found;
    for (const auto& all : {host.jobs.recovered(), host.jobs.started()}) {
      for (const runtime::Attempt& one : all)
        if (one.run == run) found = one;
    }
    CHECK_TEXT(found.has_value(), host.history(run).c_str());
    host.succeed(*found);
  }
  Status control(const RunId& run, Verb verb) {
    return host.tell([&](Runtime& on) { return on.control(run, verb, "uid:7"); });
  }
  std::int64_t places() { return host.journal->admissions().lastPlace().value(); }
};

TEST(ChildAdmission, aStepWaitsWhileItsRunIsQueued) {
  put(child("{}"));
  const RunId first = host.start(parent());
  const RunId second = host.start(parent());
  const RunId waits = childOf(second);
  STATUS("queued", waits);
  STATUS("waiting", second);
  host.cutPower();
  STATUS("queued", waits);
  finish(childOf(first));
  STATUS("succeeded", first);
  STATUS("running", waits);
  finish(waits);
  STATUS("succeeded", second);
  LONGS_EQUAL(0, places());
}

TEST(ChildAdmission, aSkippedStartFailsItsStepAndMayBeTriedAgain) {
  put(child("{on_conflict: skip}"));
  const RunId first = host.start(parent());
  const RunId second = host.start(parent());
  STATUS("failed", second);
  STRCMP_EQUAL(("BLY-FLOW-BUSY flow child was not started: " + childOf(first).str() +
                " has not ended (on_conflict: skip)")
                   .c_str(),
               host.errorOf(second).c_str());
  const RunId third = host.start(parent("    retry: {max_attempts: 2, backoff: {initial: 10s}}\n"));
  STATUS("running", third);
  finish(childOf(first));
  host.pass(20s);
  STATUS("waiting", third);
  finish(childOf(third));
  STATUS("succeeded", third);
}

TEST(ChildAdmission, aRefusedStartNamesTheRunInTheWay) {
  put(child("{on_conflict: reject}"));
  const RunId first = host.start(parent());
  const RunId second = host.start(parent());
  STATUS("failed", second);
  STRCMP_EQUAL(
      ("BLY-FLOW-BUSY flow child may have 1 active: " + childOf(first).str() + " has not ended")
          .c_str(),
      host.errorOf(second).c_str());
}

TEST(ChildAdmission, aRunDoesNotWaitForTheSlotOfTheRunAboveIt) {
  put(self("{}"));
  const RunId run = startLive("self", R"({"go":true})");
  finish(run);
  STATUS("failed", run);
  STRCMP_EQUAL(("BLY-FLOW-BUSY flow self: run " + run.str() +
                " holds a slot and waits for this one, which cannot wait for it in turn")
                   .c_str(),
               host.errorOf(run).c_str());
  LONGS_EQUAL(0, places());
}

TEST(ChildAdmission, twoRunsDoNotWaitForEachOthersSlots) {
  put(self("{limit: 2}"));
  const RunId first = startLive("self", R"({"go":true})");
  const RunId second = startLive("self", R"({"go":true})");
  finish(first);
  // Its slot is free: what the other starts can begin at once.
  STATUS("failed", first);
  finish(second);
  STATUS("waiting", second);
  finish(childOf(second, "again"));
  STATUS("succeeded", second);
}

TEST(ChildAdmission, whoClosesACircleOfQueuesIsRefused) {
  put(caller("a", "b"));
  put(caller("b", "a"));
  const RunId a = startLive("a", "{}");
  const RunId b = startLive("b", "{}");
  finish(a);
  const RunId queued = childOf(a);
  STATUS("queued", queued);
  STATUS("waiting", a);
  host.cutPower();
  finish(b);
  STATUS("failed", b);
  STRCMP_EQUAL(("BLY-FLOW-BUSY flow a: it would be queued behind run " + a.str() +
                ", which waits for run " + queued.str() + ", which is queued behind run " +
                b.str() + ", which waits for it: none of them could go on")
                   .c_str(),
               host.errorOf(b).c_str());
  // Its slot is free: the other one goes on, and what it started starts one in turn.
  STATUS("running", queued);
  finish(queued);
  STATUS("failed", queued);
  CHECK(host.errorOf(queued).find(" holds a slot and waits for this one") != std::string::npos);
  STATUS("failed", a);
  LONGS_EQUAL(0, places());
}

TEST(ChildAdmission, aCircleOverManyRunsIsFound) {
  put(caller("a", "b"));
  put(caller("b", "c"));
  put(caller("c", "a"));
  const RunId a = startLive("a", "{}");
  const RunId b = startLive("b", "{}");
  const RunId c = startLive("c", "{}");
  finish(a);
  finish(b);
  const RunId queued = childOf(a), second = childOf(b);
  STATUS("queued", second);
  finish(c);
  STATUS("failed", c);
  STRCMP_EQUAL(
      ("BLY-FLOW-BUSY flow a: it would be queued behind run " + a.str() + ", which waits for run " +
       queued.str() + ", which is queued behind run " + b.str() + ", which waits for run " +
       second.str() + ", which is queued behind run " + c.str() +
       ", which waits for it: none of them could go on")
          .c_str(),
      host.errorOf(c).c_str());
}

TEST(ChildAdmission, whoeverCanStillEndMakesNoCircle) {
  put(caller("a", "b"));
  put(caller("b", "a", "{limit: 2}"));
  const RunId a = startLive("a", "{}");
  const RunId b = startLive("b", "{}");
  const RunId works = startLive("b", "{}");
  finish(a);
  const RunId queued = childOf(a);
  STATUS("queued", queued);
  finish(b);
  // The slot of the run that works lets what `a` waits for begin.
  STATUS("waiting", b);
  CHECK(control(works, Verb::kCancel).ok());
  STATUS("running", queued);
  CHECK(control(queued, Verb::kCancel).ok());
  STATUS("failed", a);
  STATUS("waiting", b);
  STATUS("running", childOf(b));
}

TEST(ChildAdmission, theRunThatBeginsFromTheQueueCanCloseTheCircle) {
  put(caller("a", "b"));
  put(caller("b", "a"));
  const RunId first = startLive("b", "{}");
  const RunId next = startLive("b", "{}");
  STATUS("queued", next);
  const RunId a = startLive("a", "{}");
  finish(a);
  STATUS("queued", childOf(a));
  CHECK(control(first, Verb::kCancel).ok());
  STATUS("running", next);
  finish(next);
  STATUS("failed", next);
  CHECK_TEXT(host.errorOf(next).find("none of them could go on") != std::string::npos,
             host.errorOf(next).c_str());
}

TEST(ChildAdmission, branchesThatWaitAreSeen) {
  put(caller("a", "b"));
  put("slug: b\nconcurrency: {}\nsteps:\n  - id: work\n    run: {command: [/bin/true]}\n"
      "  - id: all\n    parallel:\n      on_branch_error: wait_all\n      branches:\n"
      "        one: [{id: free, flow: {slug: child}}]\n"
      "        two: [{id: call, flow: {slug: a}}]\n");
  put(child("{}"));
  const RunId a = startLive("a", "{}");
  const RunId b = startLive("b", "{}");
  finish(a);
  finish(b);
  STATUS("waiting", b);
  finish(childOf(b, "all[one]/free"));
  STATUS("failed", b);
  STRCMP_CONTAINS("none of them could go on", host.errorOf(b).c_str());
}

TEST(ChildAdmission, aChildThatWasRetriedAloneHoldsNobody) {
  put(caller("b", "a"));
  put("slug: a\nconcurrency: {}\nsteps:\n  - id: call\n    flow: {slug: b}\n    on_error: skip\n"
      "  - id: work\n    run: {command: [/bin/true]}\n");
  const RunId a = startLive("a", "{}");
  const RunId alone = childOf(a);
  for (const runtime::Attempt& one : host.jobs.started())
    if (one.run == alone) host.fail(one, flow::FailureClass::kExitCode);
  STATUS("failed", alone);
  STATUS("running", a);
  const RunId b = startLive("b", "{}");
  const Status again = host.tell([&](Runtime& on) { return on.retry(alone, "", "uid:7"); });
  CHECK(again.ok());
  STATUS("queued", alone);
  finish(b);
  // `a` works on, and waits for no run.
  STATUS("waiting", b);
  STATUS("queued", childOf(b));
  finish(a);
  STATUS("succeeded", a);
  STATUS("running", childOf(b));
}

TEST(ChildAdmission, whoWaitsForOtherReleasesIsInTheCircleToo) {
  put(caller("a", "b", "{limit: 9}", "on_new_release: drain\n"));
  put(caller("b", "a"));
  const RunId b = startLive("b", "{}");
  const RunId a = startLive("a", "{}");
  finish(a);
  STATUS("queued", childOf(a));
  put(caller("a", "b", "{limit: 9}", "on_new_release: drain\nname: two\n"));
  finish(b);
  STATUS("failed", b);
  STRCMP_EQUAL(("BLY-FLOW-BUSY flow a: it would be queued behind run " + a.str() +
                ", which waits for run " + childOf(a).str() + ", which is queued behind run " +
                b.str() + ", which waits for it: none of them could go on")
                   .c_str(),
               host.errorOf(b).c_str());
}

TEST(ChildAdmission, aRunDoesNotSupersedeTheRunAboveIt) {
  put(self("{on_conflict: supersede}"));
  const RunId run = startLive("self", R"({"go":true})");
  finish(run);
  STATUS("failed", run);
  CHECK(host.errorOf(run).starts_with("BLY-FLOW-BUSY"));
}

TEST(ChildAdmission, aSupersededChildSaysByWhom) {
  put(child("{on_conflict: supersede}"));
  const RunId first = host.start(parent());
  const RunId old = childOf(first);
  const RunId second = host.start(parent());
  STATUS("failed", first);
  STRCMP_EQUAL(("BLY-CHILD-ENDED run " + old.str() +
                " of flow child was cancelled, superseded by " + childOf(second).str())
                   .c_str(),
               host.errorOf(first).c_str());
  STATUS("running", childOf(second));
}

TEST(ChildAdmission, whatEndsTheParentTakesTheChildOutOfTheQueue) {
  put(child("{}"));
  const RunId first = host.start(parent());
  const RunId second = host.start(parent());
  const RunId third = host.start(parent());
  const RunId taken = childOf(second);
  CHECK(control(second, Verb::kCancel).ok());
  STATUS("cancelled", taken);
  CHECK(control(third, Verb::kPause).ok());
  const RunId held = childOf(third);
  finish(childOf(first));
  STATUS("paused", held);
  CHECK(control(third, Verb::kResume).ok());
  STATUS("running", held);
  CHECK(control(third, Verb::kStop).ok());
  finish(held);
  STATUS("stopped", third);
  LONGS_EQUAL(0, places());
}

TEST(ChildAdmission, drainRefusesToWaitForTheRunAbove) {
  put(self("{limit: 5}", "on_new_release: drain\n"));
  const RunId run = startLive("self", R"({"go":true})");
  put(self("{limit: 5}", "on_new_release: drain\nname: two\n"));
  finish(run);
  STATUS("failed", run);
  STRCMP_EQUAL(("BLY-FLOW-BUSY flow self: run " + run.str() +
                " of release 1 waits for this one, and runs of release 2 begin when it has ended "
                "(on_new_release: drain)")
                   .c_str(),
               host.errorOf(run).c_str());
}

TEST(ChildAdmission, aNewReleaseDoesNotReplaceWhatAStepWaitsFor) {
  put(child("{}", "on_new_release: supersede\n"));
  const RunId first = host.start(parent());
  const RunId second = host.start(parent());
  const RunId own = startLive("child", "{}");
  put(child("{}", "on_new_release: supersede\nname: two\n"));
  STATUS("queued", childOf(second));
  STATUS("cancelled", own);
  finish(childOf(first));
  const RunId next = childOf(second);
  STRCMP_EQUAL("live:1", host.state(next).created.source.c_str());
  finish(next);
  STATUS("succeeded", second);
}

TEST(ChildAdmission, aParentGivesItsPlaceOnTheHostToItsChild) {
  host.settings.concurrentRunsMax = 1;
  host.boot();
  put(child("{}"));
  const RunId run = host.start(parent());
  STATUS("waiting", run);
  STATUS("running", childOf(run));
  finish(childOf(run));
  STATUS("succeeded", run);
}

TEST(ChildAdmission, codeDoesNotGoOnWhileItsRunIsQueued) {
  const std::string code =
      "export const flow = {slug: 'coded', concurrency: {key: '${{ input.k }}'}};\n"
      "export default async function (ctx, input) {\n"
      "  return await ctx.step('a', {run: {command: ['/bin/true']}});\n}\n";
  const RunId first = host.start(code, R"({"k":"x"})");
  const RunId second = host.start(code, R"({"k":"x"})");
  const RunId third = host.start(code, R"({"k":"x"})");
  const RunId other = host.start(code, R"({"k":"y"})");
  STATUS("running", other);
  STATUS("queued", second);
  STRCMP_EQUAL("run_created", host.history(second).c_str());
  CHECK(control(second, Verb::kPause).ok());
  CHECK(control(second, Verb::kResume).ok());
  CHECK(control(third, Verb::kPause).ok());
  host.cutPower();
  STRCMP_EQUAL("run_created run_paused run_resumed", host.history(second).c_str());
  finish(first);
  STATUS("succeeded", first);
  STATUS("running", second);
  finish(second);
  STRCMP_EQUAL(
      "run_created run_paused run_resumed run_admitted code_advanced step_started step_finished "
      "code_advanced run_finished",
      host.history(second).c_str());
  // It has its slot, and begins when it is resumed.
  STATUS("paused", third);
  STRCMP_EQUAL("run_created run_paused run_admitted", host.history(third).c_str());
  CHECK(control(third, Verb::kResume).ok());
  finish(third);
  STATUS("succeeded", third);
  CHECK(control(other, Verb::kStop).ok());
  const RunId last = host.start(code, R"({"k":"y"})");
  STATUS("queued", last);
  CHECK(control(last, Verb::kStop).ok());
  STATUS("stopped", last);
}
