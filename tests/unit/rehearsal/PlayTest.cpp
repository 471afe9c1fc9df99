// Rehearses flows with answers that are written down, and looks at the way they take and at the
// simulated time. The engine, the loop and the journal are the real ones.
#include <string>

#include "common/base/Text.h"
#include "tests/unit/rehearsal/Rehearse.h"

#include <CppUTest/TestHarness.h>

using belay::rehearsal::Played;
using belay::rehearsal::Scenario;
using belay::test::pathText;
using belay::test::problems;
using belay::test::rehearse;
using belay::test::scenarioOf;

namespace {

const std::string kDeploy = R"(slug: deploy
input: {type: object, required: [env], properties: {env: {type: string}}}
steps:
  - id: build
    run: {command: [make]}
    effect: idempotent
    retry: {max_attempts: 3, backoff: {initial: 10s, factor: 1, jitter: 0}, on: [exit_code]}
  - id: review
    wait: {approval: {summary: "Ship ${{ steps.build.output.stdout }}?"}, timeout: 24h}
  - id: route
    switch: [{when: "${{ steps.review.output.approved }}", next: ship}, {next: end}]
  - id: ship
    http: {url: "https://example.org/${{ input.env }}", method: POST, json: {}}
    on_error: skip
output: {shipped: "${{ steps.ship?.output?.status === 201 }}"}
)";

}  // namespace

TEST_GROUP(Play){};

TEST(Play, answersLeadTheRunAndTimeIsSimulated) {
  const Scenario scenario = scenarioOf(R"(
input: {env: prod}
given:
  build: [{fails: {class: exit_code}, takes: 1m}, {output: {exit_code: 0, stdout: v1}, takes: 30s}]
  review: {approve: true, takes: 2h}
  ship: {output: {status: 201}}
expect: {path: [build, review, route, ship], output: {shipped: true}, takes: 2h1m40s}
)");
  const Played played = rehearse(kDeploy, scenario);
  STRCMP_EQUAL("", problems(played, scenario).c_str());
  STRCMP_EQUAL("", played.missing.c_str());
  CHECK(played.unused.empty());
}

TEST(Play, aWaitThatNobodyAnswersTimesOut) {
  const Scenario scenario = scenarioOf(R"(
input: {env: prod}
given: {build: {output: {exit_code: 0}}, review: {nothing: true}}
expect: {path: [build, review, route], output: {shipped: false}, takes: 24h}
)");
  STRCMP_EQUAL("", problems(rehearse(kDeploy, scenario), scenario).c_str());
}

TEST(Play, aStepWithoutAnAnswerStopsItThere) {
  const Played played =
      rehearse(kDeploy, scenarioOf("input: {env: x}\ngiven: {build: {output: {}}}\n"));
  STRCMP_EQUAL("review", played.missing.c_str());
  STRCMP_EQUAL("build", pathText(played).c_str());
}

TEST(Play, anAnswerOfTheWrongKindIsNone) {
  STRCMP_EQUAL("build",
               rehearse(kDeploy, scenarioOf("input: {env: x}\ngiven: {build: {approve: true}}\n"))
                   .missing.c_str());
  STRCMP_EQUAL(
      "review",
      rehearse(kDeploy,
               scenarioOf("input: {env: x}\ngiven: {build: {output: {}}, review: {body: 1}}\n"))
          .missing.c_str());
}

TEST(Play, answersThatNobodyAskedForAreTold) {
  const Played played =
      rehearse(kDeploy, scenarioOf("input: {env: x}\ngiven: {build: {output: {}}, review: {reject: "
                                   "true}, ship: {output: {}}}\n"));
  LONGS_EQUAL(1, played.unused.size());
  STRCMP_EQUAL("ship", played.unused.front().c_str());
}

TEST(Play, inputThatDoesNotFitIsRefused) {
  const auto refused = belay::rehearsal::play({belay::test::scriptOf(kDeploy)},
                                              scenarioOf("input: {}\n"), &belay::test::noResource);
  CHECK(!refused.ok() && refused.error().code == belay::base::ErrorCode::kInputInvalid);
}

TEST(Play, callbacksAndEventsHaveBodies) {
  const Scenario scenario = scenarioOf(R"(
given: {cb: {body: {n: 1}}, ev: {body: {n: 2}}}
expect: {output: [1, 2], path: [cb, ev]}
)");
  const Played played = rehearse(R"(slug: w
steps:
  - {id: cb, wait: {callback: {}, timeout: 1h}}
  - {id: ev, wait: {event: {name: go}, timeout: 1h}}
output: ["${{ steps.cb.output.body.n }}", "${{ steps.ev.output.body.n }}"]
)",
                                 scenario);
  STRCMP_EQUAL("", problems(played, scenario).c_str());
}

TEST(Play, itemsAreAnsweredByPathOrForAll) {
  const Scenario scenario = scenarioOf(R"(
given: {"each[1]/work": {output: {exit_code: 0, stdout: special}}, work: {output: {exit_code: 0, stdout: usual}}}
expect: {output: [usual, special, usual]}
)");
  const Played played = rehearse(R"(slug: e
steps:
  - id: each
    for_each: {items: [1, 2, 3], max_parallel: 3, steps: [{id: work, run: {command: [x]}}]}
output: "${{ steps.each.output.map(o => String(o.stdout)) }}"
)",
                                 scenario);
  STRCMP_EQUAL("", problems(played, scenario).c_str());
}

TEST(Play, theStoreBeginsAsTheTestSaysAndCanBeAnswered) {
  const Scenario scenario = scenarioOf(R"(
kv: {seen: 41}
given: {other: {output: {value: 7, exists: true}}}
expect: {output: [42, 7]}
)");
  const Played played = rehearse(R"(slug: k
steps:
  - {id: count, kv: {increment: seen}}
  - {id: other, kv: {get: elsewhere}}
output: ["${{ steps.count.output.value }}", "${{ steps.other.output.value }}"]
)",
                                 scenario);
  STRCMP_EQUAL("", problems(played, scenario).c_str());
}

TEST(Play, clocksShowTheTimeOfTheTest) {
  const Scenario scenario = scenarioOf(R"(
now: 2026-03-29T00:30:00Z
expect: {output: "2026-03-29T02:30:00.000Z", takes: 2h}
)");
  const Played played = rehearse(
      "slug: t\nsteps: [{id: nap, sleep: {for: 2h}}, {id: now, function: {code: "
      "\"return new Date().toISOString()\"}}]\noutput: \"${{ steps.now.output }}\"\n",
      scenario);
  STRCMP_EQUAL("", problems(played, scenario).c_str());
}

TEST(Play, aStepThatRunsAFlowIsAnsweredOrRehearsedOrMissed) {
  const std::string above = R"(slug: above
steps: [{id: call, flow: {slug: below, input: {n: 2}}, on_error: skip}]
output: {got: "${{ steps.call.output }}", code: "${{ steps.call.error?.code }}", ran: "${{ !!steps.call.run }}"}
)";
  const auto below = belay::test::scriptOf(
      "slug: below\ninput: {type: object, properties: {n: {type: integer}}}\n"
      "steps: [{id: job, run: {command: [job]}}]\noutput: {twice: \"${{ input.n * 2 }}\"}\n");
  const auto outputOf = [&](const std::string& given, bool there) {
    const Scenario scenario = scenarioOf("given: " + given + "\n");
    const Played played = there ? rehearse(above, scenario, {below}) : rehearse(above, scenario);
    if (!played.missing.empty()) return "missing " + played.missing;
    return played.state.finished->outputJson + " " + std::to_string(played.tookMs);
  };
  STRCMP_EQUAL(R"({"got":{"twice":9},"ran":true} 5000)",
               outputOf("{call: {output: {twice: 9}, takes: 5s}}", false).c_str());
  // An answer counts also where the flow is there.
  STRCMP_EQUAL(R"({"got":{"twice":9},"ran":true} 0)",
               outputOf("{call: {output: {twice: 9}}}", true).c_str());
  STRCMP_EQUAL(R"({"code":"BLY-CHILD-FAILED","ran":true} 0)",
               outputOf("{call: {fails: {code: BLY-CHILD-FAILED}}}", false).c_str());
  STRCMP_EQUAL(R"({"got":{"twice":4},"ran":true} 1000)",
               outputOf("{\"below:job\": {output: {exit_code: 0}, takes: 1s}}", true).c_str());
  STRCMP_EQUAL("missing call", outputOf("{}", false).c_str());
  STRCMP_EQUAL("missing call", outputOf("{call: {approve: true}}", false).c_str());
  STRCMP_EQUAL("missing call", outputOf("{call: {unknown: true}}", true).c_str());
  STRCMP_EQUAL("missing below:job", outputOf("{}", true).c_str());
}

TEST(Play, twiceTheSameHistory) {
  const Scenario scenario =
      scenarioOf("input: {env: x}\ngiven: {build: {output: {}}, review: {reject: true}}\n");
  const Played one = rehearse(kDeploy, scenario);
  const Played other = rehearse(kDeploy, scenario);
  LONGS_EQUAL(one.events.size(), other.events.size());
  for (std::size_t i = 0; i < one.events.size(); ++i)
    STRCMP_EQUAL(one.events[i].body.c_str(), other.events[i].body.c_str());
}

TEST(Play, whatIsNotAsExpectedIsSaid) {
  const Scenario scenario = scenarioOf(R"(
input: {env: x}
given: {build: {output: {exit_code: 0}}, review: {reject: true, comment: no}}
expect:
  status: failed
  path: [build, ship]
  path_has: [review, build]
  output: {shipped: true, more: 1}
  steps: {ship: {status: succeeded}, review: {output: {comment: yes, approved: false}}}
  takes: 1s
)");
  STRCMP_EQUAL(
      "the run is succeeded, expected failed\n"
      "the path is build, review, route, expected build, ship\n"
      "the path is build, review, route, expected in it, in this order, review, build\n"
      "of the output, /shipped is false, expected true\n"
      "of the step ship, /status is \"not run\", expected \"succeeded\"\n"
      "of the step review, /output/comment is \"no\", expected \"yes\"\n"
      "it takes 0s, expected 1s\n",
      problems(rehearse(kDeploy, scenario), scenario).c_str());
}

TEST(Play, aLongValueIsShownToTheEndOfACharacter) {
  std::string euros;
  for (int i = 0; i < 150; ++i) euros += "\u20ac";
  const Scenario scenario = scenarioOf(
      "input: {env: x}\ngiven: {build: {output: {}}, review: {reject: true, comment: " + euros +
      "}}\nexpect: {steps: {review: {output: {comment: x}}}}\n");
  const std::string said = problems(rehearse(kDeploy, scenario), scenario);
  CHECK(belay::base::isUtf8(said));
  STRCMP_CONTAINS("\u20ac\u2026, expected \"x\"", said.c_str());
}

TEST(Play, aTestThatIsWrittenWronglyIsRefusedWithItsPlace) {
  const struct {
    const char* yaml;
    const char* said;
  } rows[] = {
      {"inputs: {}", "did you mean \"input\"?"},
      {"given: {a: {}}", "/given/a needs one of output"},
      {"given: {a: {output: 1, fails: {}}}", "/given/a needs one of output"},
      {"given: {a: []}", "/given/a must not be empty"},
      {"given: {a: {fails: {class: exploded}}}", "/given/a/fails/class is no class of failures"},
      {"given: {a: [{output: 1}, {output: 1, takes: soon}]}",
       "/given/a/1/takes must be a duration"},
      {"given: {a: {otput: 1}}", "did you mean \"output\"?"},
      {"now: yesterday", "/now must be an instant"},
      {"input: 3", "/input must be an object"}};
  for (const auto& row : rows) {
    const auto document = belay::yaml::parse(std::string("name: t\n") + row.yaml);
    const auto scenario = belay::rehearsal::readScenario(document->root);
    CHECK_TEXT(!scenario.ok(), row.yaml);
    CHECK_TEXT(scenario.error().message.find(row.said) != std::string::npos,
               scenario.error().message.c_str());
  }
  const Scenario odd = scenarioOf(
      "input: {env: x}\ngiven: {build: {output: {}}, review: {reject: true}}\nexpect: {pth: []}\n");
  STRCMP_CONTAINS("did you mean \"path\"?", problems(rehearse(kDeploy, odd), odd).c_str());
}
