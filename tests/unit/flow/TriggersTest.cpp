// Triggers of flows: files with one thing wrong each, with the place and the words of what is said;
// right ones, which the schema for editors takes too; and the model that is made of them.
#include <string>
#include <vector>

#include "agent/flow/Validate.h"
#include "common/json/Json.h"
#include "common/json/Schema.h"
#include "common/yaml/Yaml.h"
#include "tests/unit/flow/FlowFiles.h"

#include <CppUTest/TestHarness.h>

using belay::flow::Checked;
using belay::flow::Diagnostic;
using belay::flow::ScheduleTrigger;
using belay::flow::Triggers;
using belay::flow::WebhookAuth;
using belay::test::check;
using belay::test::placeOf;

namespace {

std::string withTrigger(const std::string& trigger) {
  return "slug: x\ntriggers:\n  - " + trigger + "\nsteps: [{id: a, set: {b: 1}}]\n";
}

struct Bad {
  bool schemaToo;
  const char* trigger;
  const char* place;  ///< "CODE LINE:COLUMN POINTER" of the first diagnostic.
  const char* message;
  const char* hint;
};

std::vector<Bad> badTriggers() {
  return {
      {true, "{}", "FLOW-MISSING-KEY 3:5 /triggers/0",
       "a trigger needs one of schedule, at, every, webhook or event", ""},
      {true, "schedule: '@daily'\n    event: e", "FLOW-BAD-VALUE 3:5 /triggers/0",
       "a trigger has both schedule and event", ""},
      {true, "schedul: '@daily'", "FLOW-UNKNOWN-KEY 3:5 /triggers/0/schedul",
       "unknown key \"schedul\" in a trigger", "did you mean \"schedule\"?"},
      {true, "schedule: 5", "FLOW-WRONG-TYPE 3:15 /triggers/0/schedule", "schedule must be text",
       "put it into quotes"},
      {false, "schedule: '0 25 * * *'", "SCHEDULE-INVALID 3:15 /triggers/0/schedule", "column 3",
       "docs/schedules.md"},
      {false, "schedule: '0 0 30 2 *'", "SCHEDULE-INVALID 3:15 /triggers/0/schedule", "30", ""},
      {false, "schedule: '0 0 * *'", "SCHEDULE-INVALID 3:15 /triggers/0/schedule", "", ""},
      {false, "schedule: '@daily'\n    timezone: Europe/Berlim",
       "TIME-ZONE 4:15 /triggers/0/timezone", "there is no time zone Europe/Berlim",
       "write an IANA name"},
      {false, "schedule: '@daily'\n    timezone: ../etc/passwd",
       "TIME-ZONE 4:15 /triggers/0/timezone", "timezone must be the IANA name", "Europe/Berlin"},
      {false, "at: tomorrow", "SCHEDULE-INVALID 3:9 /triggers/0/at", "at must be a time",
       "2026-12-24T18:00"},
      {false, "at: 2026-12-24T18:00:00.5Z", "SCHEDULE-INVALID 3:9 /triggers/0/at",
       "must have whole seconds", ""},
      {false, "every: 90", "FLOW-WRONG-TYPE 3:12 /triggers/0/every", "every must be a duration",
       "90s"},
      {false, "every: 500ms", "FLOW-BAD-VALUE 3:12 /triggers/0/every", "must be at least 1s", ""},
      {false, "every: 1s1ms", "FLOW-BAD-VALUE 3:12 /triggers/0/every", "whole seconds", ""},
      {false, "every: 367d", "FLOW-BAD-VALUE 3:12 /triggers/0/every", "must be at most 366d", ""},
      {false, "every: 1h\n    start: noon", "SCHEDULE-INVALID 4:12 /triggers/0/start",
       "start must be a time", ""},
      {false, "schedule: '@daily'\n    start: 2026-12-24T18:00",
       "FLOW-BAD-VALUE 4:5 /triggers/0/start", "start goes with every", ""},
      {true, "schedule: '@daily'\n    on_missed: newest",
       "FLOW-BAD-VALUE 4:16 /triggers/0/on_missed", "on_missed must be skip, latest or all", ""},
      {false, "schedule: '@daily'\n    max: 3", "FLOW-BAD-VALUE 4:5 /triggers/0/max",
       "max goes with on_missed: all", ""},
      {true, "schedule: '@daily'\n    on_missed: all\n    max: 501",
       "FLOW-BAD-VALUE 5:10 /triggers/0/max", "max must be from 1 to 500", ""},
      {false, "schedule: '@daily'\n    spacing: 10s", "FLOW-BAD-VALUE 4:5 /triggers/0/spacing",
       "spacing goes with on_missed: all", ""},
      {false, "schedule: '@daily'\n    window: forever", "FLOW-BAD-VALUE 4:13 /triggers/0/window",
       "forever", ""},
      {false, "schedule: '@daily'\n    jitter: 25h", "FLOW-BAD-VALUE 4:13 /triggers/0/jitter",
       "jitter must be at most 1d", ""},
      {false, "schedule: '@daily'\n    jitter: none", "FLOW-BAD-VALUE 4:13 /triggers/0/jitter",
       "none", ""},
      {false, "schedule: '@daily'\n    when: true", "FLOW-BAD-VALUE 4:5 /triggers/0/when",
       "when goes with webhook or event", ""},
      {true, "schedule: '@daily'\n    id: Nightly", "FLOW-BAD-SLUG 4:9 /triggers/0/id",
       "id must match", "\"nightly\""},
      {false, "schedule: '@daily'\n    input: [1]", "FLOW-WRONG-TYPE 4:12 /triggers/0/input",
       "input must be an object", ""},
      {false, "schedule: '@daily'\n    input: {a: \"${{ input.x }}\"}",
       "FLOW-UNKNOWN-NAME 4:16 /triggers/0/input/a", "there is no \"input\"",
       "trigger.scheduled_for"},
      {false, "schedule: '@daily'\n    input: {a: \"${{ event.body }}\"}",
       "FLOW-UNKNOWN-NAME 4:16 /triggers/0/input/a", "there is no \"event\"", ""},
      {false, "schedule: '@daily'\n    input: {a: {secret: tok}}",
       "FLOW-SECRET-MISPLACED 4:16 /triggers/0/input/a", "a secret cannot stand here", ""},
      {false, "schedule: '@daily'\n    auth: {type: bearer, secret: s}",
       "FLOW-BAD-VALUE 4:5 /triggers/0/auth", "auth goes with webhook", ""},
      {false, "schedule: '@daily'\n  - schedule: '@hourly'\n    id: schedule-1",
       "FLOW-BAD-VALUE 5:9 /triggers/1/id", "another schedule of the flow is \"schedule-1\"",
       "an id of its own"},
      {true, "webhook: Push It", "FLOW-BAD-SLUG 3:14 /triggers/0/webhook", "webhook must match",
       "\"push-it\""},
      {false, "webhook: a\n  - webhook: a", "FLOW-BAD-VALUE 4:14 /triggers/1/webhook",
       "another webhook of the flow is \"a\" too", ""},
      {false, "webhook: a\n    timezone: UTC", "FLOW-BAD-VALUE 4:5 /triggers/0/timezone",
       "timezone goes with schedule, at or every", ""},
      {true, "webhook: a\n    auth: {type: hmac, secret: s}",
       "FLOW-BAD-VALUE 4:18 /triggers/0/auth/type", "type must be hmac-sha256, bearer", ""},
      {true, "webhook: a\n    auth: {type: bearer}", "FLOW-MISSING-KEY 4:11 /triggers/0/auth",
       "auth needs the key \"secret\"", ""},
      {false, "webhook: a\n    auth: {type: bearer, secret: \"a b\"}",
       "FLOW-BAD-VALUE 4:34 /triggers/0/auth/secret", "secret must match", "belay secret set"},
      {false, "webhook: a\n    auth: {type: bearer, secret: s, scheme: github}",
       "FLOW-BAD-VALUE 4:37 /triggers/0/auth/scheme", "scheme goes with type: hmac-sha256", ""},
      {false, "webhook: a\n    auth: {type: hmac-sha256, secret: s, scheme: generic}",
       "FLOW-MISSING-KEY 4:11 /triggers/0/auth", "needs the key \"header\"", ""},
      {false, "webhook: a\n    auth: {type: hmac-sha256, secret: s, scheme: github, header: X-A}",
       "FLOW-BAD-VALUE 4:58 /triggers/0/auth/header", "header goes with", ""},
      {false, "webhook: a\n    auth: {type: api-key, secret: s, header: \"X A\"}",
       "FLOW-BAD-VALUE 4:46 /triggers/0/auth/header", "no name of a header field", ""},
      {false, "webhook: a\n    auth: {type: basic, secret: s}",
       "FLOW-MISSING-KEY 4:11 /triggers/0/auth", "type: basic needs the key \"user\"", ""},
      {false, "webhook: a\n    auth: {type: bearer, secret: s, user: u}",
       "FLOW-BAD-VALUE 4:37 /triggers/0/auth/user", "user goes with type: basic", ""},
      {false, "webhook: a\n    auth: {type: hmac-sha256, secret: s, tolerance: 5m}",
       "FLOW-BAD-VALUE 4:42 /triggers/0/auth/tolerance", "goes with scheme: standard-webhooks", ""},
      {false, "webhook: a\n    untrusted_headers: [\"X A\"]",
       "FLOW-BAD-VALUE 4:25 /triggers/0/untrusted_headers/0", "no name of a header field", ""},
      {false, "webhook: a\n    dedupe_for: 4000d", "FLOW-BAD-VALUE 4:17 /triggers/0/dedupe_for", "",
       ""},
      {true, "event: ''", "FLOW-BAD-VALUE 3:12 /triggers/0/event", "event must have at least 1",
       ""},
      {false, "event: e\n    when: \"${{ event.body. }}\"",
       "FLOW-EXPRESSION-SYNTAX 4:11 /triggers/0/when", "", ""},
      {true, "event: e\n    when: maybe", "FLOW-BAD-VALUE 4:11 /triggers/0/when",
       "must be one expression", ""},
      {false, "event: e\n    when: \"${{ state.n > 1 }}\"",
       "FLOW-UNKNOWN-NAME 4:11 /triggers/0/when", "there is no \"state\"", "use event or trigger"},
  };
}

Triggers parsed(const std::string& trigger) {
  Checked checked = check(withTrigger(trigger));
  for (const Diagnostic& diagnostic : checked.diagnostics) FAIL(diagnostic.text().c_str());
  return std::move(checked.flow->triggers);
}

belay::json::Schema editorSchema() {
  return *belay::json::Schema::compile(*belay::json::parse(belay::flow::flowSchemaJson()));
}

}  // namespace

TEST_GROUP(Triggers){};

TEST(Triggers, everyMistakeIsNamedAtItsPlace) {
  std::string problems;
  for (const Bad& row : badTriggers()) {
    const Checked checked = check(withTrigger(row.trigger));
    const auto& said = checked.diagnostics;
    const bool fits = said.size() == 1 && !checked.flow && placeOf(said[0]) == row.place &&
                      said[0].message.find(row.message) != std::string::npos &&
                      said[0].hint.find(row.hint) != std::string::npos;
    if (fits) continue;
    problems += std::string(row.trigger) + "\n  expected " + row.place + " " + row.message + "\n";
    for (const Diagnostic& d : said) problems += "  was " + placeOf(d) + " " + d.text() + "\n";
  }
  STRCMP_EQUAL("", problems.c_str());
}

TEST(Triggers, theSchemaForEditorsRefusesWhatTheTablesRefuse) {
  const belay::json::Schema schema = editorSchema();
  std::string problems;
  for (const Bad& row : badTriggers()) {
    if (!row.schemaToo) continue;
    const auto document = belay::yaml::parse(withTrigger(row.trigger));
    if (schema.validate(document->root).empty()) problems += std::string(row.trigger) + "\n";
  }
  STRCMP_EQUAL("", problems.c_str());
}

TEST(Triggers, whatIsRightIsTaken) {
  const std::vector<std::string> rows{
      "schedule: \"0 2 * * 1-5\"\n    timezone: Europe/Berlin\n    on_missed: all\n    max: 5\n"
      "    spacing: 0s\n    window: none\n    jitter: 5m\n    id: nightly\n"
      "    input: {day: \"${{ trigger.scheduled_for }}\", n: 1}",
      "at: 2026-12-24T18:00:00+01:00",
      "at: 2026-12-24T18:00\n    timezone: Europe/Berlin",
      "every: 90m\n    start: 2026-12-24T18:00:00Z\n  - every: 1s",
      "webhook: push\n    auth: {type: hmac-sha256, secret: git-hook, header: "
      "X-Hub-Signature-256}\n    untrusted_headers: [X-GitHub-Event]\n    when: \"${{ "
      "event.body.ref == 'refs/heads/main' }}\"\n    input: {ref: \"${{ event.body.ref }}\"}",
      "webhook: a\n    auth: {type: hmac-sha256, secret: s, scheme: standard-webhooks, tolerance: "
      "1m}\n    dedupe_for: 0s\n    input: \"${{ event.body.input }}\"",
      "webhook: a\n    auth: {type: basic, secret: s, user: u}",
      "webhook: a\n    auth: {type: api-key, secret: s}\n  - webhook: b",
      "event: build.finished\n    when: false\n  - event: build.finished",
  };
  const belay::json::Schema schema = editorSchema();
  std::string problems;
  for (const std::string& row : rows) {
    for (const Diagnostic& d : check(withTrigger(row)).diagnostics)
      problems += row + "\n  " + d.text() + "\n";
    const auto violations = schema.validate(belay::yaml::parse(withTrigger(row))->root);
    if (!violations.empty())
      problems += row + "\n  schema: " + belay::json::describe(violations) + "\n";
  }
  STRCMP_EQUAL("", problems.c_str());
}

TEST(Triggers, aScheduleIsKeptWithItsDefaults) {
  const Triggers triggers = parsed(
      "schedule: ' @daily '\n  - every: 90m\n    id: pulse\n  - at: "
      "2026-12-24T18:00");
  LONGS_EQUAL(3, triggers.schedules.size());
  const ScheduleTrigger& daily = triggers.schedules[0];
  STRCMP_EQUAL("schedule-1", daily.id.c_str());
  STRCMP_EQUAL(" @daily ", daily.when.c_str());
  STRCMP_EQUAL("UTC", daily.timezone.c_str());
  STRCMP_EQUAL("latest", daily.onMissed.c_str());
  LONGS_EQUAL(10, daily.max);
  LONGS_EQUAL(60'000, daily.spacing.count());
  LONGS_EQUAL(86'400'000, daily.window->count());
  LONGS_EQUAL(0, daily.jitter.count());
  STRCMP_EQUAL("", daily.input.c_str());
  CHECK(triggers.schedules[1].kind == ScheduleTrigger::Kind::kEvery);
  LONGS_EQUAL(5'400'000, triggers.schedules[1].every.count());
  STRCMP_EQUAL("pulse", triggers.schedules[1].id.c_str());
  CHECK(triggers.schedules[2].kind == ScheduleTrigger::Kind::kAt);
  STRCMP_EQUAL("schedule-3", triggers.schedules[2].id.c_str());
  STRCMP_EQUAL("2026-12-24T18:00", triggers.schedules[2].when.c_str());
}

TEST(Triggers, windowNoneIsNoBound) {
  CHECK(!parsed("schedule: '@daily'\n    window: none").schedules[0].window.has_value());
}

TEST(Triggers, webhooksAndEventsAreKept) {
  const Triggers triggers = parsed(
      "webhook: a\n    auth: {type: hmac-sha256, secret: s, header: X-Sig}\n    "
      "untrusted_headers: [X-E]\n    when: \"${{ event.body.n }}\"\n    input: {n: \"${{ "
      "event.body.n }}\"}\n  - webhook: b\n    auth: {type: hmac-sha256, secret: t}\n  - webhook: "
      "c\n    auth: {type: api-key, secret: u}\n  - event: e\n    when: true");
  LONGS_EQUAL(3, triggers.webhooks.size());
  CHECK(triggers.webhooks[0].auth->scheme == WebhookAuth::Scheme::kGeneric);
  STRCMP_EQUAL("X-Sig", triggers.webhooks[0].auth->header.c_str());
  STRCMP_EQUAL("event.body.n", triggers.webhooks[0].when->c_str());
  STRCMP_EQUAL("{\"n\":\"${{ event.body.n }}\"}", triggers.webhooks[0].input.c_str());
  STRCMP_EQUAL("X-E", triggers.webhooks[0].untrustedHeaders.at(0).c_str());
  CHECK(triggers.webhooks[0].dedupeFor == std::chrono::hours{24 * 90});
  CHECK(triggers.webhooks[1].auth->scheme == WebhookAuth::Scheme::kGithub);
  CHECK(triggers.webhooks[2].auth->kind == WebhookAuth::Kind::kApiKey);
  STRCMP_EQUAL("X-Api-Key", triggers.webhooks[2].auth->header.c_str());
  STRCMP_EQUAL("e", triggers.events.at(0).name.c_str());
  STRCMP_EQUAL("true", triggers.events[0].when->c_str());
}
