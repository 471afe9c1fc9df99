#include <array>

#include "agent/flow/FamilyKeys.h"

namespace belay::flow {

namespace {

using Words = std::string_view;

constexpr std::array<KeyRow, 2> kSleepKeys{{
    {.name = "for", .shape = Shape::kDuration, .flags = kTemplate, .help = "How long."},
    {.name = "until",
     .shape = Shape::kInstant,
     .flags = kTemplate,
     .help = "Until when, like 2026-11-21T06:00:00Z."},
}};
constexpr std::array<Words, 2> kSleepOneOf{"for", "until"};

constexpr std::array<Words, 3> kAssurances{"e2e", "bot", "page"};
constexpr std::array<KeyRow, 7> kApprovalKeys{{
    {.name = "summary",
     .flags = kRequired | kTemplate,
     .least = 1,
     .most = 4'000,
     .help = "What is asked, for the person who decides."},
    {.name = "artifacts",
     .shape = Shape::kTextList,
     .flags = kTemplate,
     .most = 100,
     .help = "Resources to look at first; the decision is bound to their digests."},
    {.name = "approvers",
     .shape = Shape::kTextList,
     .least = 1,
     .most = 100,
     .help = "Persons of the roster who may answer. On a host without a roster they are shown, and "
             "any operator of the host may decide."},
    {.name = "quorum",
     .shape = Shape::kInteger,
     .least = 1,
     .most = 100,
     .fallback = "1",
     .help = "So many persons must approve. Above 1 needs a host whose roster has approvers."},
    {.name = "form",
     .shape = Shape::kJsonSchema,
     .help = "JSON Schema of values that the decision brings along."},
    {.name = "assurance",
     .shape = Shape::kChoice,
     .choices = kAssurances,
     .help = "The least class of a key that may answer: e2e (an approver's own), bot or page. It "
             "can only raise what the policy of the host says, and needs a host with a roster."},
    {.name = "fresh",
     .shape = Shape::kFlag,
     .help = "Whether a roster that is older than its max_age may not answer it. Before steps of "
             "class once it may not, unless this says false."},
}};
constexpr ObjectRow kApproval{.what = "an approval", .keys = kApprovalKeys};

constexpr std::array<Words, 2> kCallbackAuths{"hmac", "none"};
constexpr std::array<KeyRow, 3> kCallbackKeys{{
    {.name = "summary",
     .flags = kTemplate,
     .least = 1,
     .most = 4'000,
     .help = "What is awaited, for people."},
    {.name = "schema", .shape = Shape::kJsonSchema, .help = "JSON Schema of the body."},
    {.name = "auth",
     .shape = Shape::kChoice,
     .choices = kCallbackAuths,
     .fallback = "\"hmac\"",
     .help =
         "What the caller must show to a relay: hmac, a MAC of the body with the wait's token; or "
         "none, where whoever knows the URL goes on with the run, and brings no body. The policy "
         "of the host must allow none for the flow and step."},
}};
constexpr ObjectRow kCallback{.what = "a callback", .keys = kCallbackKeys};

constexpr std::array<KeyRow, 5> kHandoffKeys{{
    {.name = "title",
     .flags = kRequired | kTemplate,
     .least = 1,
     .most = 500,
     .help = "What is to be done, in a line."},
    {.name = "task",
     .flags = kRequired | kTemplate,
     .least = 1,
     .most = 100'000,
     .help = "What is to be done, for whoever claims it."},
    {.name = "context",
     .shape = Shape::kAny,
     .flags = kTemplate,
     .help = "Values that go along."},
    {.name = "schema", .shape = Shape::kJsonSchema, .help = "JSON Schema of the result."},
    {.name = "lease",
     .shape = Shape::kDuration,
     .least = 1000,
     .fallback = "\"30m\"",
     .help = "How long a claim holds without being renewed."},
}};
constexpr ObjectRow kHandoff{.what = "a handoff", .keys = kHandoffKeys};

constexpr std::array<KeyRow, 2> kEventKeys{{
    {.name = "name",
     .flags = kRequired | kTemplate,
     .least = 1,
     .most = 200,
     .help = "Name of the event."},
    {.name = "match",
     .shape = Shape::kExpression,
     .help = "Over event, evaluated when one comes: the wait takes the first for which it holds."},
}};
constexpr ObjectRow kEvent{.what = "an event", .keys = kEventKeys};

constexpr std::array<KeyRow, 2> kEmitKeys{{
    {.name = "event",
     .flags = kRequired | kTemplate,
     .least = 1,
     .most = 200,
     .help = "Name of the event."},
    {.name = "body",
     .shape = Shape::kAny,
     .flags = kTemplate,
     .help = "What it brings along; null when it is missing."},
}};

constexpr std::array<Words, 2> kOnRejects{"continue", "fail"};
constexpr std::array<Words, 3> kOnTimeouts{"reject", "fail", "continue"};
constexpr std::array<KeyRow, 9> kWaitKeys{{
    {.name = "approval",
     .shape = Shape::kObject,
     .object = &kApproval,
     .help = "Waits for a decision."},
    {.name = "callback",
     .shape = Shape::kObject,
     .object = &kCallback,
     .help = "Waits for a body that somebody sends with a one-time token."},
    {.name = "event",
     .shape = Shape::kObject,
     .object = &kEvent,
     .help = "Waits for: belay event emit NAME."},
    {.name = "handoff",
     .shape = Shape::kObject,
     .object = &kHandoff,
     .help = "A task that somebody's own coding agent claims and finishes: belay task."},
    {.name = "for", .shape = Shape::kDuration, .flags = kTemplate, .help = "Waits this long."},
    {.name = "until",
     .shape = Shape::kInstant,
     .flags = kTemplate,
     .help = "Waits for a time, like 2026-11-21T06:00:00Z."},
    {.name = "timeout",
     .shape = Shape::kDuration,
     .flags = kTemplate,
     .least = 1,
     .help = "How long it waits. Callbacks, events and handoffs must say it; an approval waits 7d when it "
             "does not."},
    {.name = "on_reject",
     .shape = Shape::kChoice,
     .choices = kOnRejects,
     .fallback = "\"continue\"",
     .help = "Of an approval: go on with output.approved being false, or fail."},
    {.name = "on_timeout",
     .shape = Shape::kChoice,
     .choices = kOnTimeouts,
     .help =
         "Approvals: reject (default) or fail. All others: fail (default) or continue."},
}};
constexpr std::array<Words, 2> kReviewOnTimeouts{"reject", "fail"};
constexpr std::array<KeyRow, 9> kReviewKeys{{
    {.name = "summary",
     .flags = kTemplate,
     .least = 1,
     .most = 4'000,
     .help = "What is asked, for the person who decides; without it, the title or id of the step. "
             "What exactly will be done is always shown."},
    kApprovalKeys[1],
    kApprovalKeys[2],
    kApprovalKeys[3],
    kApprovalKeys[4],
    kApprovalKeys[5],
    kApprovalKeys[6],
    {.name = "timeout",
     .shape = Shape::kDuration,
     .flags = kTemplate,
     .least = 1,
     .fallback = "\"7d\"",
     .help = "How long the step waits for the decision."},
    {.name = "on_timeout",
     .shape = Shape::kChoice,
     .choices = kReviewOnTimeouts,
     .fallback = "\"reject\"",
     .help = "Whether silence counts as a rejection or as a timeout; the step fails either way."},
}};

constexpr std::array<Words, 6> kWaitOneOf{"approval", "callback", "event",
                                          "handoff",  "for",      "until"};

}  // namespace

constinit const ObjectRow kReviewObject{.what = "a review", .keys = kReviewKeys};
constinit const ObjectRow kEmitObject{.what = "an emit step", .keys = kEmitKeys};

constinit const ObjectRow kSleepObject{
    .what = "a sleep step", .keys = kSleepKeys, .exactlyOne = kSleepOneOf};

constinit const ObjectRow kWaitObject{
    .what = "a wait step", .keys = kWaitKeys, .exactlyOne = kWaitOneOf};

}  // namespace belay::flow
