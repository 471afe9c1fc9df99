// Events and deliveries on a real runtime: what they start and answer, once, and what they refuse.

#include "agent/triggers/Events.h"
#include "agent/vault/WebhookSignature.h"
#include "common/crypto/Hmac.h"
#include "common/json/Json.h"
#include "tests/support/TestScheduler.h"
#include "tests/support/TestSecrets.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using namespace belay;
using base::ErrorCode;
using test::TestScheduler;
using triggers::Delivered;
using triggers::Delivery;

namespace {

Delivery signedBody(const std::string& body) {
  return {{{"X-Hub-Signature-256", "sha256=" + crypto::hmacSha256("key", body).hex()},
           {"X-GitHub-Event", "push"},
           {"X-Other", "no"}},
          body};
}

const char* const kPush =
    "  - webhook: push\n    auth: {type: hmac-sha256, secret: hook}\n"
    "    untrusted_headers: [X-GitHub-Event]\n"
    "    when: \"${{ event.body.ref == 'main' }}\"\n"
    "    input: {ref: \"${{ event.body.ref }}\", headers: \"${{ event.headers }}\"}\n";

}  // namespace

TEST_GROUP(Events) {
  TestScheduler on;
  const test::TestSecrets secrets{"hook", "key"};

  void setup() override { on.host.boot(); }

  triggers::Events events() {
    return triggers::Events(
        {*on.host.runtime, *on.host.evaluator, secrets, on.host.policy, on.host.log});
  }
  base::Result<Delivered> deliver(const std::string& slug, const std::string& webhook,
                                  const Delivery& delivery) {
    base::Result<Delivered> out = base::Error{ErrorCode::kInternal, "nobody asked"};
    const base::Status told = on.host.tell([&](runtime::Runtime&) -> base::Status {
      out = events().deliver(slug, webhook, delivery);
      return out ? base::Status{} : base::Status{out.error()};
    });
    CHECK(told.ok() == out.ok());
    return out;
  }
  triggers::EventOutcome emit(const std::string& name, const std::string& body) {
    triggers::EventOutcome out;
    CHECK(on.host
              .tell([&](runtime::Runtime&) -> base::Status {
                BELAY_ASSIGN(out, events().emit({name, body, "uid:1"}));
                return {};
              })
              .ok());
    return out;
  }
  std::string input(const base::RunId& run) { return on.host.state(run).created.inputJson; }
  void refused(ErrorCode code, const base::Result<Delivered>& result) {
    CHECK_FALSE(result.ok());
    STRCMP_EQUAL(std::string(base::errorText(code)).c_str(),
                 std::string(base::errorText(result.error().code)).c_str());
    LONGS_EQUAL(0, on.runs().size());
  }
};

TEST(Events, aDeliveryStartsOneRunHoweverOftenItComes) {
  CHECK(on.promote("ci", kPush).ok());
  const auto first = deliver("ci", "push", signedBody(R"({"ref":"main"})"));
  CHECK(first.ok() && first->run && !first->existing);
  STRCMP_EQUAL(R"({"ref":"main","headers":{"x-github-event":"push"}})", input(*first->run).c_str());
  STRCMP_EQUAL("webhook:push", on.runs()[0].startedBy.c_str());
  STRCMP_CONTAINS("\"verified\":\"hmac-sha256\"",
                  on.host.state(*first->run).created.triggerJson.c_str());
  on.down(24h);
  const auto again = deliver("ci", "push", signedBody(R"({"ref":"main"})"));
  CHECK(again->existing);
  CHECK(*again->run == *first->run);
  const auto other = deliver("ci", "push", signedBody(R"({"ref":"main","n":2})"));
  CHECK_FALSE(other->existing);
  LONGS_EQUAL(2, on.runs().size());
  on.host.clock.advance(91 * 24h);
  CHECK_FALSE(deliver("ci", "push", signedBody(R"({"ref":"main"})"))->existing);
}

TEST(Events, overAPowerCutTheMarkAndTheRunAreBothThereOrNeither) {
  CHECK(on.promote("ci", kPush).ok());
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const std::string body = R"({"ref":"main","n":)" + std::to_string(seed) + "}";
    CHECK(deliver("ci", "push", signedBody(body)).ok());
    on.host.cutPower(seed);
    CHECK(deliver("ci", "push", signedBody(body)).ok());
    LONGS_EQUAL(seed, on.runs().size());
  }
}

TEST(Events, whatDoesNotHoldIsIgnoredAndNotRemembered) {
  CHECK(on.promote("ci", kPush).ok());
  CHECK(deliver("ci", "push", signedBody(R"({"ref":"dev"})"))->ignored);
  CHECK_FALSE(deliver("ci", "push", signedBody(R"({"ref":"dev"})"))->existing);
  LONGS_EQUAL(0, on.runs().size());
}

TEST(Events, whatCannotBeVerifiedStartsNothing) {
  CHECK(on.promote("ci", kPush).ok());
  Delivery delivery = signedBody(R"({"ref":"main"})");
  delivery.body += " ";
  refused(ErrorCode::kWebhookRefused, deliver("ci", "push", delivery));
  refused(ErrorCode::kNotFound, deliver("ci", "pusch", signedBody("{}")));
  refused(ErrorCode::kNotFound, deliver("cj", "push", signedBody("{}")));
  refused(ErrorCode::kExpressionFailed, deliver("ci", "push", signedBody("null")));
  refused(ErrorCode::kLimit, deliver("ci", "push", signedBody(std::string((1u << 20) + 1, ' '))));
  refused(ErrorCode::kJsonSyntax, deliver("ci", "push", signedBody("\xff")));
  CHECK(on.archive("ci").ok());
  refused(ErrorCode::kFlowArchived, deliver("ci", "push", signedBody(R"({"ref":"main"})")));
}

TEST(Events, aSecretThatIsNotThereIsNamed) {
  CHECK(on.promote("ci", "  - webhook: a\n    auth: {type: bearer, secret: other}\n").ok());
  refused(ErrorCode::kSecretNotFound, deliver("ci", "a", {{{"Authorization", "Bearer x"}}, ""}));
}

TEST(Events, withoutAuthThePolicyMustNameFlowAndWebhook) {
  CHECK(on.promote("ci", "  - webhook: open\n  - webhook: shut\n").ok());
  const auto denied = deliver("ci", "open", {{}, "{}"});
  refused(ErrorCode::kPolicyRefused, denied);
  STRCMP_CONTAINS("webhook.unauthenticated", denied.error().message.c_str());
  on.host.policy =
      *trust::Policy::parse(*json::parse(R"({"webhook":{"unauthenticated":["ci/open"]}})"),
                            "policy.yaml", [](const std::string& path) { return path; });
  on.host.boot();
  refused(ErrorCode::kPolicyRefused, deliver("ci", "shut", {{}, "{}"}));
  const auto taken = deliver("ci", "open", {{}, R"({"a":1})"});
  CHECK(taken.ok());
  STRCMP_EQUAL(R"({"a":1})", input(*taken->run).c_str());
  STRCMP_CONTAINS("\"verified\":\"none\"", on.host.state(*taken->run).created.triggerJson.c_str());
}

TEST(Events, withoutMemoryEachDeliveryCounts) {
  CHECK(on.promote("ci",
                   "  - webhook: a\n    auth: {type: bearer, secret: hook}\n    dedupe_for: "
                   "0s\n")
            .ok());
  const Delivery delivery{{{"Authorization", "Bearer key"}}, ""};
  CHECK(deliver("ci", "a", delivery).ok());
  CHECK_FALSE(deliver("ci", "a", delivery)->existing);
  LONGS_EQUAL(2, on.runs().size());
  STRCMP_EQUAL("{}", input(on.runs()[0].id).c_str());
}

TEST(Events, aWaitOfTheFlowIsAnsweredInsteadOfAStart) {
  const std::string text =
      "slug: ci\nsteps:\n  - id: hear\n    wait: {event: {name: push}, "
      "timeout: 1d}\n";
  const base::RunId waiting = on.host.start(text);
  CHECK(on.promote("ci", kPush).ok());
  CHECK(on.promote("other", kPush).ok());
  // Another flow's webhook of the same name is another matter.
  CHECK(deliver("other", "push", signedBody(R"({"ref":"main"})"))->run.has_value());
  STRCMP_EQUAL("waiting", on.host.status(waiting).c_str());
  const auto answered = deliver("ci", "push", signedBody(R"({"ref":"main"})"));
  LONGS_EQUAL(1, answered->answered);
  CHECK_FALSE(answered->run.has_value());
  STRCMP_EQUAL("succeeded", on.host.status(waiting).c_str());
  const auto again = deliver("ci", "push", signedBody(R"({"ref":"main"})"));
  CHECK(again->existing);
  LONGS_EQUAL(1, again->answered);
}

TEST(Events, anEventStartsTheLiveFlowsThatListenToIt) {
  CHECK(on.promote("a", "  - event: built\n").ok());
  CHECK(on.promote("b",
                   "  - event: built\n    when: \"${{ event.body.ok }}\"\n    input: {n: "
                   "\"${{ event.body.n }}\"}\n")
            .ok());
  CHECK(on.promote("c", "  - event: other\n").ok());
  CHECK(on.promote("d", "  - event: built\n", "input: {type: object, required: [x]}\n").ok());
  const auto out = emit("built", R"({"ok":true,"n":3})");
  LONGS_EQUAL(2, out.runs.size());
  STRCMP_EQUAL(R"({"ok":true,"n":3})", input(out.runs[0]).c_str());
  STRCMP_EQUAL(R"({"n":3})", input(out.runs[1]).c_str());
  LONGS_EQUAL(1, out.refused.size());
  STRCMP_EQUAL("d", out.refused[0].flow.c_str());
  CHECK(out.refused[0].error.code == ErrorCode::kInputInvalid);
  LONGS_EQUAL(1, emit("built", R"({"ok":false})").runs.size());
}

TEST(Events, onlyWhatIsLiveListens) {
  CHECK(on.promote("a", "  - event: built\n").ok());
  CHECK(on.promote("a", "  - event: other\n").ok());
  LONGS_EQUAL(0, emit("built", "null").runs.size());
  LONGS_EQUAL(1, emit("other", "null").runs.size());
  on.down(1s);
  LONGS_EQUAL(1, emit("other", "null").runs.size());
  CHECK(on.archive("a").ok());
  LONGS_EQUAL(0, emit("other", "null").runs.size());
}
