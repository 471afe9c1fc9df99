// Right flow files are parsed, and the model that the engine and the steps get is looked at.
#include <string>

#include "agent/flow/Family.h"
#include "agent/flow/Validate.h"
#include "common/json/Json.h"

#include <CppUTest/TestHarness.h>

using belay::flow::EffectClass;
using belay::flow::Family;
using belay::flow::Flow;
using belay::flow::Format;
using belay::flow::OnError;
using belay::flow::OnTimeout;
using belay::flow::Persist;
using belay::flow::Step;
using belay::flow::WaitKind;

namespace {

Flow parsed(const std::string& text, Format format = Format::kYaml) {
  auto flow = belay::flow::parseFlow(text, "f.yaml", format);
  CHECK_TEXT(flow.ok(), flow.ok() ? "" : flow.error().message.c_str());
  return std::move(flow).value();
}

/// The only step of a flow.
Step stepOf(const std::string& step, const std::string& top = "") {
  return parsed("slug: x\n" + top + "steps:\n  - id: a\n    " + step + "\n").steps.front();
}

}  // namespace

TEST_GROUP(FlowModel){};

TEST(FlowModel, allOfTheTopIsKept) {
  const Flow flow = parsed(
      "slug: my-flow\nname: N\ndescription: D\ntags: [a, b]\n"
      "input: {type: object, properties: {n: {type: integer}}}\nstate: {tries: 0}\n"
      "requires: [{name: api, type: http}, {name: chat, type: chat}]\n"
      "templates: {t: \"Hi ${{ input.n }}\"}\nfunctions: {f: \"x => x\"}\n"
      "steps: [{id: a, set: {tries: 1}}, {id: b, set: {tries: 2}}]\noutput: {k: \"${{ state.tries "
      "}}\"}\n");
  STRCMP_EQUAL("my-flow", flow.slug.str().c_str());
  STRCMP_EQUAL("N", flow.name.c_str());
  STRCMP_EQUAL("D", flow.description.c_str());
  LONGS_EQUAL(2, flow.tags.size());
  CHECK(flow.input->at("/properties/n") != nullptr);
  STRCMP_EQUAL("{\"tries\":0}", flow.state.c_str());
  LONGS_EQUAL(2, flow.requirements.size());
  STRCMP_EQUAL("chat", flow.requirements[1].type.c_str());
  STRCMP_EQUAL("Hi ${{ input.n }}", flow.templates.at("t").c_str());
  STRCMP_EQUAL("x => x", flow.functions.at("f").c_str());
  STRCMP_EQUAL("{\"k\":\"${{ state.tries }}\"}", flow.output.c_str());
  LONGS_EQUAL(1, *flow.indexOf("b"));
  CHECK(!flow.indexOf("c").has_value());
}

TEST(FlowModel, whatIsNotWrittenHasItsDefault) {
  const Flow flow = parsed("slug: x\nsteps: [{id: a, set: {b: 1}}]\n");
  STRCMP_EQUAL("{}", flow.state.c_str());
  CHECK(!flow.input.has_value());
  CHECK(flow.output.empty());
  const Step& step = flow.steps.front();
  CHECK(step.onError.kind == OnError::Kind::kFail);
  CHECK(step.persist == Persist::kAuto);
  CHECK(!step.when.has_value());
  CHECK(!step.next.has_value());
  CHECK(!step.timeout.has_value());
  LONGS_EQUAL(1, step.retry.maxAttempts);
  LONGS_EQUAL(1000, step.maxVisits);
}

TEST(FlowModel, theDigestIsThatOfTheVerbatimFile) {
  // printf 'slug: x\nsteps: [{id: a, set: {b: 1}}]\n' | sha256sum
  const std::string text = "slug: x\nsteps: [{id: a, set: {b: 1}}]\n";
  STRCMP_EQUAL("sha256:43fa3fd533ee623e0134a5789dd0ab161592e3df972b4ef3f30ac368b7cacd61",
               parsed(text).digest.c_str());
  CHECK(parsed(text + "# a comment\n").digest != parsed(text).digest);
}

TEST(FlowModel, theSpecIsTheFamilysValueAsCompactJson) {
  STRCMP_EQUAL(
      "{\"command\":[\"echo\",\"${{ input.x }}\"],\"env\":{\"A\":{\"secret\":\"tok\"}}}",
      stepOf("run: {command: [echo, \"${{ input.x }}\"], env: {A: {secret: tok}}}").spec.c_str());
  STRCMP_EQUAL("{\"n\":\"${{ state.n + 1 }}\",\"deep\":{\"l\":[1,null,true]}}",
               stepOf("set: {n: \"${{ state.n + 1 }}\", deep: {l: [1, null, true]}}").spec.c_str());
  STRCMP_EQUAL("", stepOf("switch: [{next: end}]").spec.c_str());
}

TEST(FlowModel, effectClassesFollowTheTableAndTheStep) {
  CHECK(stepOf("run: {command: [a]}").effect == EffectClass::kOnce);
  CHECK(stepOf("run: {command: [a]}\n    effect: pure").effect == EffectClass::kPure);
  CHECK(stepOf("http: {url: \"https://a\"}").effect == EffectClass::kIdempotent);
  for (const char* method : {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}) {
    CHECK_TEXT(stepOf("http: {url: \"https://a\", method: " + std::string(method) + "}").effect ==
                   EffectClass::kIdempotent,
               method);
  }
  for (const char* method : {"POST", "PATCH"}) {
    CHECK_TEXT(stepOf("http: {url: \"https://a\", method: " + std::string(method) + "}").effect ==
                   EffectClass::kOnce,
               method);
  }
  CHECK(stepOf("http: {url: \"https://a\", method: POST}\n    effect: idempotent").effect ==
        EffectClass::kIdempotent);
  CHECK(stepOf("http: {url: \"https://a\"}\n    effect: once").effect == EffectClass::kOnce);
  for (const char* step : {"function: {code: \"1\"}", "kv: {get: k}", "set: {a: 1}",
                           "sleep: {for: 1s}", "switch: [{next: end}]"}) {
    CHECK_TEXT(stepOf(step).effect == EffectClass::kPure, step);
  }
}

TEST(FlowModel, timeoutsComeFromTheStepThenTheDefaultsThenTheTable) {
  STRCMP_EQUAL("1h", stepOf("run: {command: [a]}").timeout->c_str());
  STRCMP_EQUAL("60s", stepOf("http: {url: \"https://a\"}").timeout->c_str());
  STRCMP_EQUAL("5m", stepOf("run: {command: [a]}", "defaults: {timeout: 5m}\n").timeout->c_str());
  STRCMP_EQUAL(
      "9s",
      stepOf("run: {command: [a]}\n    timeout: 9s", "defaults: {timeout: 5m}\n").timeout->c_str());
  STRCMP_EQUAL("${{ input.t }}",
               stepOf("run: {command: [a]}\n    timeout: \"${{ input.t }}\"").timeout->c_str());
  for (const char* step : {"kv: {get: k}", "set: {a: 1}", "sleep: {for: 1s}", "wait: {for: 1s}",
                           "switch: [{next: end}]", "function: {code: \"1\"}"}) {
    CHECK_TEXT(!stepOf(step, "defaults: {timeout: 5m}\n").timeout.has_value(), step);
  }
}

TEST(FlowModel, retryIsTakenKeyByKey) {
  const std::string defaults =
      "defaults: {retry: {max_attempts: 3, backoff: {initial: 2s, factor: 3, max: 10s, jitter: "
      "0.5}, on: [timeout]}}\n";
  const Step plain = stepOf("run: {command: [a]}", defaults);
  LONGS_EQUAL(3, plain.retry.maxAttempts);
  LONGS_EQUAL(2000, plain.retry.backoff.initial.count());
  LONGS_EQUAL(10000, plain.retry.backoff.max.count());
  DOUBLES_EQUAL(3, plain.retry.backoff.factor, 0);
  DOUBLES_EQUAL(0.5, plain.retry.backoff.jitter, 0);
  LONGS_EQUAL(1, plain.retry.on.size());
  const Step own = stepOf(
      "run: {command: [a]}\n    effect: pure\n    retry: {max_attempts: 7, backoff: {max: 1m}, on: "
      "[connection, exit_code]}",
      defaults);
  LONGS_EQUAL(7, own.retry.maxAttempts);
  LONGS_EQUAL(2000, own.retry.backoff.initial.count());
  LONGS_EQUAL(60000, own.retry.backoff.max.count());
  LONGS_EQUAL(2, own.retry.on.size());
  CHECK(own.retry.on[1] == belay::flow::FailureClass::kExitCode);
  LONGS_EQUAL(1, stepOf("kv: {get: k}", defaults).retry.maxAttempts);
}

TEST(FlowModel, expressionsLoseTheirBraces) {
  STRCMP_EQUAL("input.n > 3",
               stepOf("set: {b: 1}\n    when: \"${{ input.n > 3 }}\"").when->c_str());
  STRCMP_EQUAL("false", stepOf("set: {b: 1}\n    when: false").when->c_str());
  const Step route = stepOf("switch: [{when: \"${{ a }}\", next: end}, {next: a}]");
  LONGS_EQUAL(2, route.cases.size());
  STRCMP_EQUAL("a", route.cases[0].when->c_str());
  STRCMP_EQUAL("end", route.cases[0].next.c_str());
  CHECK(!route.cases[1].when.has_value());
  STRCMP_EQUAL("${{ state.n ? 'end' : 'a' }}",
               stepOf("set: {b: 1}\n    next: \"${{ state.n ? 'end' : 'a' }}\"").next->c_str());
}

TEST(FlowModel, whatAFailureDoes) {
  CHECK(stepOf("set: {b: 1}\n    on_error: skip").onError.kind == OnError::Kind::kSkip);
  const Step to = stepOf("set: {b: 1}\n    on_error: a");
  CHECK(to.onError.kind == OnError::Kind::kStep);
  STRCMP_EQUAL("a", to.onError.step.str().c_str());
}

TEST(FlowModel, waitsCarryTheirKindTimeoutAndSilence) {
  const Step approval = stepOf("wait: {approval: {summary: s}}");
  CHECK(approval.wait.kind == WaitKind::kApproval);
  CHECK(approval.wait.onTimeout == OnTimeout::kReject);
  CHECK(!approval.wait.failOnReject);
  STRCMP_EQUAL("7d", approval.wait.timeout->c_str());
  const Step strict =
      stepOf("wait: {approval: {summary: s}, timeout: 1h, on_timeout: fail, on_reject: fail}");
  CHECK(strict.wait.onTimeout == OnTimeout::kFail);
  CHECK(strict.wait.failOnReject);
  STRCMP_EQUAL("1h", strict.wait.timeout->c_str());
  const Step callback = stepOf("wait: {callback: {}, timeout: 2h, on_timeout: continue}");
  CHECK(callback.wait.kind == WaitKind::kCallback);
  CHECK(callback.wait.onTimeout == OnTimeout::kContinue);
  for (const char* step :
       {"wait: {for: 1h}", "wait: {until: 2026-11-21T06:00:00Z}", "sleep: {for: 1h}"}) {
    const Step time = stepOf(step);
    CHECK_TEXT(time.wait.kind == WaitKind::kTime, step);
    CHECK_TEXT(!time.wait.timeout.has_value(), step);
  }
}

TEST(FlowModel, theMatchOfAnEventIsKeptOutOfWhatIsRendered) {
  const Step event =
      stepOf("wait: {event: {name: e, match: \"${{ event.body.n > 3 }}\"}, timeout: 1h}");
  CHECK(event.wait.kind == WaitKind::kEvent);
  STRCMP_EQUAL("event.body.n > 3", event.wait.match.c_str());
  STRCMP_EQUAL("{\"event\":{\"name\":\"e\"},\"timeout\":\"1h\"}", event.spec.c_str());
}

TEST(FlowModel, aNotificationGetsTheTextOfItsTemplate) {
  const Step step =
      stepOf("notify: {connection: c, template: t}",
             "requires: [{name: c, type: chat}]\ntemplates: {t: \"Run ${{ run.id }}\"}\n");
  STRCMP_EQUAL("{\"connection\":\"c\",\"text\":\"Run ${{ run.id }}\"}", step.spec.c_str());
}

TEST(FlowModel, jsonAndYamlGiveTheSameModel) {
  const Flow yaml =
      parsed("slug: x\nsteps:\n  - id: a\n    run: {command: [a, \"1\"]}\n    persist: always\n");
  const Flow json =
      parsed(R"({"slug":"x","steps":[{"id":"a","run":{"command":["a","1"]},"persist":"always"}]})",
             Format::kJson);
  STRCMP_EQUAL(yaml.steps[0].spec.c_str(), json.steps[0].spec.c_str());
  CHECK(json.steps[0].persist == Persist::kAlways);
  CHECK(yaml.digest != json.digest);
}

TEST(FlowModel, everyFamilyHasItsRow) {
  LONGS_EQUAL(static_cast<long>(Family::kCount), belay::flow::familyTable().size());
  STRCMP_EQUAL("notify", std::string(belay::flow::familyName(Family::kNotify)).c_str());
  CHECK(belay::flow::findFamily("switch")->family == Family::kSwitch);
  CHECK(belay::flow::findFamily("mail") == nullptr);
}

TEST(FlowModel, namesOfClassesReadBack) {
  CHECK(belay::flow::effectClassFrom("once") == EffectClass::kOnce);
  CHECK(!belay::flow::effectClassFrom("twice").has_value());
  CHECK(belay::flow::failureClassFrom("rate_limited") == belay::flow::FailureClass::kRateLimited);
  STRCMP_EQUAL(
      "other",
      std::string(belay::flow::failureClassName(belay::flow::FailureClass::kOther)).c_str());
  STRCMP_EQUAL("callback", std::string(belay::flow::waitKindName(WaitKind::kCallback)).c_str());
}
