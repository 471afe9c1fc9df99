// Runs flows that start other flows, with effects that a test holds: what becomes of the one when
// something is asked of the other, or when the host dies between.

#include <string>
#include <vector>

#include "agent/runtime/FlowLifecycle.h"
#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using namespace belay;
using base::RunId;
using base::Status;
using flow::FailureClass;
using runtime::Runtime;
using runtime::Verb;
using test::TestRuntime;

namespace {

const char* const kChild = R"(slug: child
input: {type: object, required: [n], properties: {n: {type: integer}}}
steps:
  - id: work
    run: {command: [/bin/true]}
output: {n: "${{ input.n }}", code: "${{ steps.work.output.exit_code }}"}
)";

const char* const kBook =
    "slug: book\nsteps:\n"
    "  - {id: pay, run: {command: [pay]}, compensate: {run: {command: [refund]}, effect: "
    "idempotent}}\n"
    "  - {id: confirmed, wait: {event: {name: confirmed}, timeout: 1h}}\n";

/// A step that can be undone, and a parallel whose branch `right` can be made to fail.
std::string fan(const std::string& left, const std::string& more = "") {
  return "slug: trip\nsteps:\n"
         "  - {id: hold, run: {command: [hold]}, compensate: {run: {command: [drop]}, effect: "
         "idempotent}}\n"
         "  - id: fan\n    parallel:\n      branches:\n        left: " +
         left + "\n        right: [{id: get, http: {url: \"http://peer.test/\"}}]\n" + more;
}

/// A flow whose step `call` runs the flow `child`.
std::string parent(const std::string& options = "", const std::string& spec = "input: {n: \"2\"}") {
  return "slug: parent\nsteps:\n  - id: call\n    flow: {slug: child, " + spec + "}\n" + options +
         "output: {call: \"${{ steps.call.output }}\", run: \"${{ steps.call.run }}\", "
         "code: \"${{ steps.call.error?.code }}\"}\n";
}

}  // namespace

TEST_GROUP(ChildRuns) {
  TestRuntime host;

  void setup() override { host.boot(); }

  void put(const std::string& yaml, bool isLive = true) {
    const Status done = host.tell([&](Runtime& on) -> Status {
      const runtime::Author author{"uid:0", "/f"};
      auto flow = flow::parseFlow(yaml, "test.flow.yaml", flow::Format::kYaml);
      BELAY_CHECK(flow.ok());
      const std::string slug = flow->slug.str();
      const journal::FlowRow row{flow->digest, slug, "yaml", yaml, host.clock.wallMs()};
      BELAY_TRY(runtime::putDraft(on.journal(), row, {"", true}, author));
      if (!isLive) return {};
      BELAY_TRY(runtime::makeRelease(on.journal(), slug, "", {}, author, host.clock.wallMs()));
      BELAY_TRY(runtime::promote(on.journal(), slug, "", author, host.clock.wallMs()));
      return {};
    });
    CHECK_TRUE(done.ok());
  }
  RunId childOf(const RunId& run, const std::string& path = "call") {
    const engine::RunState state = host.state(run);
    const engine::ActiveStep* active = state.findActive(path);
    return active ? active->started.child : RunId();
  }
  RunId start(const std::string& yaml = parent()) { return host.start(yaml); }
  Status control(const RunId& run, Verb verb) {
    return host.tell([&](Runtime& on) { return on.control(run, verb, "uid:7"); });
  }
  std::vector<journal::RunRow> children(const RunId& run) {
    journal::RunFilter filter;
    filter.parent = run.str();
    return *host.journal->runs(filter);
  }
  void is(const char* status, const RunId& run) {
    STRCMP_EQUAL_TEXT(status, host.status(run).c_str(), host.errorOf(run).c_str());
  }
  const runtime::Attempt lastJob() { return host.jobs.started().back(); }
};

TEST(ChildRuns, theOutputOfTheChildIsTheOutputOfTheStep) {
  put(kChild);
  const RunId run = start();
  is("waiting", run);
  const RunId child = childOf(run);
  is("running", child);
  host.succeed(lastJob());
  is("succeeded", child);
  is("succeeded", run);
  const std::string output = R"({"call":{"n":2,"code":0},"run":")" + child.str() + R"("})";
  STRCMP_EQUAL(output.c_str(), host.output(run).c_str());
}

TEST(ChildRuns, eachKnowsTheOther) {
  put(kChild);
  const RunId run = start();
  const RunId child = childOf(run);
  const engine::RunCreated created = host.state(child).created;
  STRCMP_EQUAL(run.str().c_str(), created.parent.run.str().c_str());
  STRCMP_EQUAL("call", created.parent.key.path.c_str());
  LONGS_EQUAL(1, created.depth);
  STRCMP_EQUAL("live:1", created.source.c_str());
  STRCMP_EQUAL(("{\"type\":\"flow\",\"run\":\"" + run.str() + "\",\"step\":\"call\"}").c_str(),
               created.triggerJson.c_str());
  LONGS_EQUAL(1, children(run).size());
  CHECK(host.journal->run(child).value()->parent == run);
  CHECK(host.journal->run(run).value()->parent.empty());
  LONGS_EQUAL(0, children(child).size());
}

TEST(ChildRuns, aFailureOfTheChildNamesItsRunAndItsError) {
  put(kChild);
  const RunId run = start();
  const RunId child = childOf(run);
  host.fail(lastJob(), FailureClass::kExitCode);
  is("failed", run);
  STRCMP_EQUAL(("BLY-CHILD-FAILED run " + child.str() +
                " of flow child failed in step work: the world said no [BLY-TEST]")
                   .c_str(),
               host.errorOf(run).c_str());
}

TEST(ChildRuns, onErrorGoesOnWithoutTheChild) {
  put(kChild);
  const RunId run = start(parent("    on_error: skip\n"));
  const RunId child = childOf(run);
  host.fail(lastJob(), FailureClass::kExitCode);
  is("succeeded", run);
  STRCMP_CONTAINS(("\"run\":\"" + child.str() + "\",\"code\":\"BLY-CHILD-FAILED\"").c_str(),
                  host.output(run).c_str());
}

TEST(ChildRuns, anotherAttemptIsAnotherChild) {
  put(kChild);
  const RunId run = start(parent("    retry: {max_attempts: 2, backoff: {initial: 10s}}\n"));
  const RunId first = childOf(run);
  host.fail(lastJob(), FailureClass::kExitCode);
  is("running", run);
  host.pass(10s);
  const RunId second = childOf(run);
  CHECK(!second.empty() && first != second);
  LONGS_EQUAL(2, children(run).size());
  host.succeed(lastJob());
  is("succeeded", run);
  STRCMP_CONTAINS(second.str().c_str(), host.output(run).c_str());
}

TEST(ChildRuns, theRetriesOfDefaultsAreNotForChildren) {
  put(kChild);
  const RunId run = start(parent() + "defaults: {retry: {max_attempts: 3}}\n");
  host.fail(lastJob(), FailureClass::kExitCode);
  is("failed", run);
}

TEST(ChildRuns, whatTheChildDoesNotTakeIsAFailureBeforeThereIsOne) {
  put(kChild);
  const RunId run = start(parent("", "input: {n: many}"));
  is("failed", run);
  STRCMP_CONTAINS("BLY-INPUT-INVALID", host.errorOf(run).c_str());
  LONGS_EQUAL(0, children(run).size());
  const RunId list = start(parent("", "input: [1]"));
  STRCMP_CONTAINS("must be an object", host.errorOf(list).c_str());
}

TEST(ChildRuns, aFlowThatCannotRunIsAFailureWithItsCode) {
  STRCMP_CONTAINS("BLY-NOT-FOUND", host.errorOf(start()).c_str());
  put(kChild, false);
  STRCMP_CONTAINS("BLY-FLOW-NOT-LIVE", host.errorOf(start()).c_str());
  put(kChild);
  STRCMP_CONTAINS("BLY-RELEASE-NOT-FOUND",
                  host.errorOf(start(parent("", "release: 9, input: {n: 1}"))).c_str());
  const Status archived = host.tell([&](Runtime& on) -> Status {
    BELAY_TRY(runtime::archive(on.journal(), "child", false, {"uid:0", ""}, 0));
    return {};
  });
  CHECK(archived.ok());
  STRCMP_CONTAINS("BLY-FLOW-ARCHIVED", host.errorOf(start()).c_str());
}

TEST(ChildRuns, onlyARunOfADraftStartsADraft) {
  put(kChild, false);
  const std::string yaml = parent("", "release: draft, input: {n: 1}");
  STRCMP_EQUAL("draft", host.state(childOf(start(yaml))).created.source.c_str());
  const auto run = std::make_shared<std::string>();
  runtime::StartRequest request;
  request.source = "live:1";
  const auto asked = host.post(yaml, run, request);
  CHECK(host.settle().ok());
  STRCMP_CONTAINS("BLY-FLOW-NOT-LIVE", host.errorOf(*RunId::parse(*run)).c_str());
}

TEST(ChildRuns, aReleaseThatIsNamedRunsAlsoWhenAnotherIsLive) {
  put(kChild);
  put(std::string(kChild) + "name: two\n");
  const RunId run = start(parent("", "release: 1, input: {n: 1}"));
  STRCMP_EQUAL("release:1", host.state(childOf(run)).created.source.c_str());
}

TEST(ChildRuns, aFlowThatStartsItselfEndsAtTheDepth) {
  put("slug: self\nsteps:\n  - id: again\n    flow: {slug: self}\n");
  const RunId run = start("slug: top\nsteps:\n  - id: call\n    flow: {slug: self}\n");
  is("failed", run);
  LONGS_EQUAL(9, host.journal->runs({})->size());
  STRCMP_CONTAINS("[BLY-CHILD-DEPTH]", host.errorOf(run).c_str());
}

TEST(ChildRuns, pauseAndResumeGoDown) {
  put(kChild);
  const RunId run = start();
  const RunId child = childOf(run);
  CHECK(control(run, Verb::kPause).ok());
  is("paused", run);
  is("paused", child);
  CHECK(control(run, Verb::kResume).ok());
  is("waiting", run);
  is("running", child);
}

TEST(ChildRuns, whomSomebodyElsePausedIsNotResumedWithItsParent) {
  put(kChild);
  const RunId run = start();
  const RunId child = childOf(run);
  CHECK(control(child, Verb::kPause).ok());
  is("waiting", run);
  CHECK(control(run, Verb::kPause).ok());
  CHECK(control(run, Verb::kResume).ok());
  is("paused", child);
  CHECK(control(child, Verb::kResume).ok());
  is("running", child);
  host.succeed(lastJob());
  is("succeeded", run);
}

TEST(ChildRuns, aStopLetsTheChildEndWhatIsInFlight) {
  put(kChild);
  const RunId run = start();
  const RunId child = childOf(run);
  CHECK(control(run, Verb::kStop).ok());
  is("stopping", run);
  is("stopping", child);
  host.succeed(lastJob());
  is("stopped", child);
  is("stopped", run);
}

TEST(ChildRuns, aCancelEndsBothAtOnce) {
  put(kChild);
  const RunId run = start();
  const RunId child = childOf(run);
  CHECK(control(run, Verb::kCancel).ok());
  is("cancelled", run);
  is("cancelled", child);
  LONGS_EQUAL(1, host.jobs.cancelled().size());
}

TEST(ChildRuns, whoEndsTheChildAloneFailsTheStep) {
  put(kChild);
  for (const Verb verb : {Verb::kCancel, Verb::kStop}) {
    const RunId run = start();
    const RunId child = childOf(run);
    CHECK(control(child, verb).ok());
    host.succeed(lastJob());
    is("failed", run);
    STRCMP_CONTAINS(("BLY-CHILD-ENDED run " + child.str() + " of flow child was ").c_str(),
                    host.errorOf(run).c_str());
  }
}

TEST(ChildRuns, aBranchThatFailsEndsTheChildOfTheOtherAtOnce) {
  put(kChild);
  const RunId run = start(
      "slug: fan\nsteps:\n  - id: fan\n    parallel:\n      branches:\n"
      "        left: [{id: call, flow: {slug: child, input: {n: 1}}}]\n"
      "        right: [{id: get, http: {url: \"http://peer.test/\"}}]\n");
  const RunId child = childOf(run, "fan[left]/call");
  is("running", child);
  host.fail(host.requests.started().back(), FailureClass::kServerError);
  LONGS_EQUAL(1, host.jobs.cancelled().size());
  is("stopped", child);
  is("failed", run);
  STRCMP_CONTAINS("get: the world said no", host.errorOf(run).c_str());
  LONGS_EQUAL(0, host.state(run).finished->uncompensated.size());
}

TEST(ChildRuns, whatTheChildOfAnEndedBranchHasDoneIsUndoneBeforeAllElse) {
  put(kBook);
  const RunId run = start(fan("[{id: call, flow: {slug: book}}]"));
  host.succeed(lastJob());  // hold, of the parent
  const RunId child = childOf(run, "fan[left]/call");
  host.succeed(lastJob());  // pay
  is("waiting", child);
  host.fail(host.requests.started().back(), FailureClass::kServerError);
  STRCMP_EQUAL("pay~undo", lastJob().key.path.c_str());
  is("stopping", child);
  is("waiting", run);
  host.cutPower();
  host.succeed(host.jobs.recovered().back());
  is("stopped", child);
  STRCMP_EQUAL("hold~undo", lastJob().key.path.c_str());
  host.succeed(lastJob());
  is("failed", run);
  STRCMP_EQUAL("fan", host.state(run).finished->failedStep.c_str());
  LONGS_EQUAL(0, host.state(run).finished->uncompensated.size());
}

TEST(ChildRuns, aChildThatCouldNotUndoIsNamed) {
  put(kBook);
  const RunId run = start(fan("[{id: call, flow: {slug: book}, retry: {max_attempts: 3}}]"));
  host.succeed(lastJob());
  host.succeed(lastJob());
  host.fail(host.requests.started().back(), FailureClass::kServerError);
  host.fail(lastJob(), FailureClass::kExitCode);
  host.succeed(lastJob());
  is("failed", run);
  const auto names = host.state(run).finished->uncompensated;
  LONGS_EQUAL(1, names.size());
  STRCMP_EQUAL("fan[left]/call", names.front().c_str());
  LONGS_EQUAL(1, children(run).size());
}

TEST(ChildRuns, blocksWithinBlocksWaitForTheChildrenToo) {
  put(kBook);
  const RunId run = start(
      fan("[{id: each, for_each: {items: [1, 2], max_parallel: 2, steps: [{id: call, flow: {slug: "
          "book}}]}}]"));
  host.succeed(lastJob());
  const RunId first = childOf(run, "fan[left]/each[0]/call");
  const RunId second = childOf(run, "fan[left]/each[1]/call");
  const auto begun = host.jobs.started();
  for (const runtime::Attempt& job : begun) host.succeed(job);
  for (const RunId& child : {first, second}) is("waiting", child);
  host.fail(host.requests.started().back(), FailureClass::kServerError);
  const auto undos = host.jobs.started();
  is("stopping", first);
  is("stopping", second);
  host.succeed(undos[undos.size() - 2]);
  is("waiting", run);
  // Asked to stop meanwhile, it has the same to wait for.
  CHECK(control(run, Verb::kStop).ok());
  is("stopping", run);
  host.succeed(undos.back());
  is("stopped", first);
  is("stopped", second);
  host.succeed(lastJob());
  STRCMP_EQUAL("hold~undo", lastJob().key.path.c_str());
  is("stopped", run);
}

TEST(ChildRuns, aCancelOfTheParentEndsAlsoWhatAChildUndoes) {
  put(kBook);
  const RunId run = start(fan("[{id: call, flow: {slug: book}}]"));
  host.succeed(lastJob());
  const RunId child = childOf(run, "fan[left]/call");
  host.succeed(lastJob());
  host.fail(host.requests.started().back(), FailureClass::kServerError);
  CHECK(control(run, Verb::kCancel).ok());
  is("cancelled", child);
  is("cancelled", run);
  STRCMP_EQUAL("pay", host.state(child).finished->uncompensated.front().c_str());
  STRCMP_EQUAL("hold", host.state(run).finished->uncompensated.front().c_str());
}

TEST(ChildRuns, finalizeRunsBehindTheChildThatWasEnded) {
  put(kBook);
  const RunId run = start(fan("[{id: call, flow: {slug: book}}]",
                              "      finalize: [{id: tidy, run: {command: [tidy]}}]\n"));
  host.succeed(lastJob());
  host.succeed(lastJob());
  host.fail(host.requests.started().back(), FailureClass::kServerError);
  STRCMP_EQUAL("pay~undo", lastJob().key.path.c_str());
  host.succeed(lastJob());
  STRCMP_EQUAL("fan[finalize]/tidy", lastJob().key.path.c_str());
  host.succeed(lastJob());
  host.succeed(lastJob());
  is("failed", run);
}

TEST(ChildRuns, whatCodeGivesUpIsUndoneBeforeTheRunEnds) {
  put(kBook);
  const RunId run = start(
      "export const flow = {slug: 'top'};\nexport default async (ctx) => {\n"
      "  await ctx.step('hold', {run: {command: ['hold']}, compensate: {run: {command: "
      "['drop']}}});\n"
      "  await ctx.parallel('fan', {left: c => c.flow('call', {slug: 'book'}),\n"
      "    right: c => c.step('get', {http: {url: 'http://peer.test/'}})});\n};\n");
  host.succeed(lastJob());
  const RunId child = childOf(run, "fan[left]/call");
  host.succeed(lastJob());
  is("waiting", child);
  host.fail(host.requests.started().back(), FailureClass::kServerError);
  STRCMP_EQUAL("pay~undo", lastJob().key.path.c_str());
  host.cutPower();
  host.succeed(host.jobs.recovered().back());
  is("stopped", child);
  STRCMP_EQUAL("hold~undo", lastJob().key.path.c_str());
  host.cutPower();
  host.succeed(host.jobs.recovered().back());
  is("failed", run);
  STRCMP_EQUAL("hold", host.state(run).finished->compensated.front().c_str());
}

TEST(ChildRuns, codeThatGoesOnEndsBehindWhatItHasGivenUp) {
  put(kBook);
  const RunId run = start(
      "export const flow = {slug: 'top'};\nexport default async (ctx) => {\n"
      "  try { await ctx.parallel('fan', {left: c => c.flow('call', {slug: 'book'}),\n"
      "    right: c => c.step('get', {http: {url: 'http://peer.test/'}})}); } catch (e) {}\n"
      "  return 7;\n};\n");
  host.succeed(lastJob());
  host.fail(host.requests.started().back(), FailureClass::kServerError);
  STRCMP_EQUAL("pay~undo", lastJob().key.path.c_str());
  is("waiting", run);
  host.cutPower();
  host.succeed(host.jobs.recovered().back());
  is("succeeded", run);
  STRCMP_EQUAL("7", host.output(run).c_str());
}

TEST(ChildRuns, manyRunTogetherAndTheirOutputsAreInOrder) {
  put(kChild);
  const RunId run = start(
      "slug: many\nsteps:\n  - id: each\n    for_each:\n      items: [5, 6, 7]\n"
      "      max_parallel: 2\n"
      "      steps: [{id: call, flow: {slug: child, input: {n: \"${{ item }}\"}}}]\n"
      "output: \"${{ steps.each.output.map(o => o.n) }}\"\n");
  LONGS_EQUAL(2, host.jobs.started().size());
  host.succeed(host.jobs.started()[1]);
  LONGS_EQUAL(3, host.jobs.started().size());
  host.succeed(host.jobs.started()[2]);
  host.succeed(host.jobs.started()[0]);
  STRCMP_EQUAL("[5,6,7]", host.output(run).c_str());
  LONGS_EQUAL(3, children(run).size());
}

TEST(ChildRuns, aRunThatIsRetriedStartsAnotherChild) {
  put(kChild);
  const RunId run = start();
  const RunId first = childOf(run);
  host.fail(lastJob(), FailureClass::kExitCode);
  CHECK(host.tell([&](Runtime& on) { return on.retry(run, "", "uid:7"); }).ok());
  CHECK(childOf(run) != first);
  // The first one goes on alone: its parent has another.
  CHECK(host.tell([&](Runtime& on) { return on.retry(first, "", "uid:7"); }).ok());
  host.succeed(lastJob());
  is("succeeded", first);
  is("waiting", run);
  host.succeed(host.jobs.started()[1]);
  is("succeeded", run);
}

TEST(ChildRuns, aPowerCutLosesNeitherAndMakesNoSecond) {
  put(kChild);
  const RunId run = start();
  const RunId child = childOf(run);
  host.cutPower();
  CHECK(childOf(run) == child);
  LONGS_EQUAL(1, children(run).size());
  LONGS_EQUAL(0, host.jobs.started().size());
  host.succeed(host.jobs.recovered().back());
  is("succeeded", child);
  is("succeeded", run);
}

TEST(ChildRuns, aChildStaysAsLongAsTheRunThatNamesIt) {
  put(kChild);
  const RunId run = start();
  const RunId child = childOf(run);
  host.fail(lastJob(), FailureClass::kExitCode);
  CHECK(host.tell([&](Runtime& on) { return on.retry(run, "", "uid:7"); }).ok());
  const std::int64_t later = host.clock.wallMs() + 1;
  auto pruned = host.journal->prune(later, 10);
  LONGS_EQUAL(0, pruned->runs);
  CHECK(host.journal->run(child).value().has_value());
  host.succeed(lastJob());
  is("succeeded", run);
  pruned = host.journal->prune(host.clock.wallMs() + 1, 10);
  LONGS_EQUAL(1, pruned->runs);
  CHECK(pruned->more);
  pruned = host.journal->prune(host.clock.wallMs() + 1, 10);
  LONGS_EQUAL(2, pruned->runs);
  LONGS_EQUAL(0, host.journal->runs({})->size());
}

TEST(ChildRuns, aFullHostIsAnAttemptThatMayBeMadeAgain) {
  host.settings.activeRunsMax = 1;
  host.boot();
  put(kChild);
  const RunId run = start(parent("    retry: {max_attempts: 2, backoff: {initial: 10s}}\n"));
  is("running", run);
  LONGS_EQUAL(0, children(run).size());
  host.pass(10s);
  is("failed", run);
  STRCMP_CONTAINS("BLY-QUEUE-FULL", host.errorOf(run).c_str());
}
