#include "agent/flow/Family.h"

#include <algorithm>
#include <array>

namespace belay::flow {

namespace {

using Words = std::string_view;

constexpr double kMiB = 1024.0 * 1024.0;
constexpr unsigned kEffectful = kTakesTimeout | kTakesRetry | kTakesEffect | kTakesNext;

constexpr std::array<KeyRow, 9> kRunKeys{{
    {.name = "command",
     .shape = Shape::kTextList,
     .flags = kTemplate | kEmpty,
     .least = 1,
     .most = 1'000,
     .help = "Program and arguments, one item each; no shell reads them."},
    {.name = "script",
     .shape = Shape::kScript,
     .least = 1,
     .help = "Text for a shell. Expressions are refused in it; values come through env."},
    {.name = "shell",
     .shape = Shape::kWords,
     .least = 1,
     .most = 200,
     .fallback = "[\"/bin/sh\", \"-e\"]",
     .help =
         "The program that reads the script, and its options; the script is a file behind them."},
    {.name = "cwd",
     .shape = Shape::kText,
     .flags = kTemplate,
     .least = 1,
     .help = "Folder in which it runs."},
    {.name = "env",
     .shape = Shape::kMap,
     .flags = kTemplate | kSecrets | kEmpty,
     .most = 500,
     .names = Names::kVariable,
     .help = "Environment variables; a value may be {secret: NAME}."},
    {.name = "stdin",
     .shape = Shape::kText,
     .flags = kTemplate | kEmpty,
     .help = "Text for its standard input."},
    {.name = "ok_exit_codes",
     .shape = Shape::kIntegerList,
     .least = 0,
     .most = 255,
     .fallback = "[0]",
     .help = "Exit codes that are a success."},
    {.name = "max_output",
     .shape = Shape::kSize,
     .least = 1,
     .most = 1024 * kMiB,
     .help =
         "Bytes of output that are kept; what is beyond is dropped and said so. Without it, and at "
         "most, the bound of the host's settings."},
    {.name = "callback",
     .shape = Shape::kIdentifier,
     .help = "Id of a step that waits for a callback: it is opened first, and the command gets its "
             "one-time token as BELAY_CALLBACK_TOKEN."},
}};
constexpr std::array<Words, 2> kRunOneOf{"command", "script"};
constexpr std::array<Words, 2> kRunLater{"args", "profile"};
constexpr ObjectRow kRun{
    .what = "a run step", .keys = kRunKeys, .exactlyOne = kRunOneOf, .later = kRunLater};

constexpr std::array<Words, 7> kMethods{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
constexpr std::array<Words, 4> kResponses{"auto", "json", "text", "resource"};
constexpr std::array<KeyRow, 10> kHttpKeys{{
    {.name = "connection",
     .shape = Shape::kIdentifier,
     .help = "One of requires; it gives the base of the URL and the credentials."},
    {.name = "url",
     .shape = Shape::kText,
     .flags = kTemplate,
     .least = 1,
     .most = 8'000,
     .help = "Absolute, or with a connection a path below its base."},
    {.name = "method",
     .shape = Shape::kChoice,
     .choices = kMethods,
     .fallback = "\"GET\"",
     .help = "GET, HEAD, OPTIONS, PUT and DELETE are idempotent, POST and PATCH once."},
    {.name = "query",
     .shape = Shape::kMap,
     .flags = kTemplate | kEmpty,
     .most = 200,
     .values = Shape::kNumber,
     .help = "Parameters that are added to the URL, escaped."},
    {.name = "headers",
     .shape = Shape::kMap,
     .flags = kTemplate | kSecrets | kEmpty,
     .most = 100,
     .names = Names::kHeader,
     .help = "Header fields; a value may be {secret: NAME}."},
    {.name = "json", .shape = Shape::kAny, .flags = kTemplate, .help = "Body as JSON."},
    {.name = "body", .shape = Shape::kText, .flags = kTemplate | kEmpty, .help = "Body as text."},
    {.name = "response_as",
     .shape = Shape::kChoice,
     .choices = kResponses,
     .fallback = "\"auto\"",
     .help = "How the body of the answer is given: json, text, resource, or auto by its type and "
             "size."},
    {.name = "max_response_bytes",
     .shape = Shape::kSize,
     .least = 1,
     .most = 1024 * kMiB,
     .help = "A larger answer is a failure. Without it, and at most, the bound of the host's "
             "settings."},
    {.name = "ok_status",
     .shape = Shape::kIntegerList,
     .least = 100,
     .most = 599,
     .help = "Statuses that are a success; 200 to 299 when the key is missing."},
}};
constexpr std::array<Words, 2> kHttpLater{"multipart", "redirects"};
constexpr ObjectRow kHttp{.what = "an http step", .keys = kHttpKeys, .later = kHttpLater};

constexpr std::array<KeyRow, 3> kFunctionKeys{{
    {.name = "name", .shape = Shape::kFunctionName, .help = "One of the functions of the flow."},
    {.name = "code",
     .shape = Shape::kText,
     .flags = kCode,
     .least = 1,
     .help = "JavaScript over input: a function, or the body of one that returns the value."},
    {.name = "input", .shape = Shape::kAny, .flags = kTemplate, .help = "What the function gets."},
}};
constexpr std::array<Words, 2> kFunctionOneOf{"name", "code"};
constexpr ObjectRow kFunction{
    .what = "a function step", .keys = kFunctionKeys, .exactlyOne = kFunctionOneOf};

constexpr unsigned kKey = kTemplate;
constexpr std::array<KeyRow, 12> kKvKeys{{
    {.name = "get", .flags = kKey, .least = 1, .most = 512, .help = "Key to read."},
    {.name = "set", .flags = kKey, .least = 1, .most = 512, .help = "Key to write; needs value."},
    {.name = "delete", .flags = kKey, .least = 1, .most = 512, .help = "Key to remove."},
    {.name = "exists", .flags = kKey, .least = 1, .most = 512, .help = "Key to ask for."},
    {.name = "increment",
     .flags = kKey,
     .least = 1,
     .most = 512,
     .help = "Key of a number to add to."},
    {.name = "append",
     .flags = kKey,
     .least = 1,
     .most = 512,
     .help = "Key of a list to append value to."},
    {.name = "list", .flags = kKey | kEmpty, .most = 512, .help = "Beginning of the keys to list."},
    {.name = "value", .shape = Shape::kAny, .flags = kTemplate, .help = "Of set and append."},
    {.name = "by",
     .shape = Shape::kInteger,
     .flags = kTemplate,
     .least = -9007199254740992.0,
     .most = 9007199254740992.0,
     .fallback = "1",
     .help = "Of increment."},
    {.name = "ttl",
     .shape = Shape::kDuration,
     .flags = kTemplate,
     .least = 1,
     .help = "After this the key is gone. Of set, increment and append."},
    {.name = "if_not_exists",
     .shape = Shape::kFlag,
     .flags = kTemplate,
     .fallback = "false",
     .help = "Write only when the key is not there. Of set."},
    {.name = "space",
     .shape = Shape::kIdentifier,
     .fallback = "\"default\"",
     .help = "Name of the key space; flows that name the same one share its keys."},
}};
constexpr std::array<Words, 7> kKvOneOf{"get",       "set",    "delete", "exists",
                                        "increment", "append", "list"};
constexpr ObjectRow kKv{.what = "a kv step", .keys = kKvKeys, .exactlyOne = kKvOneOf};

constexpr std::array<KeyRow, 2> kSleepKeys{{
    {.name = "for", .shape = Shape::kDuration, .flags = kTemplate, .help = "How long."},
    {.name = "until",
     .shape = Shape::kInstant,
     .flags = kTemplate,
     .help = "Until when, like 2026-11-21T06:00:00Z."},
}};
constexpr std::array<Words, 2> kSleepOneOf{"for", "until"};
constexpr ObjectRow kSleep{.what = "a sleep step", .keys = kSleepKeys, .exactlyOne = kSleepOneOf};

constexpr std::array<KeyRow, 5> kApprovalKeys{{
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
     .help = "Who is asked. This version shows the names; any operator of the host may decide."},
    {.name = "quorum",
     .shape = Shape::kInteger,
     .least = 1,
     .most = 100,
     .fallback = "1",
     .help = "How many must approve. This version takes one decision, so only 1."},
    {.name = "form",
     .shape = Shape::kJsonSchema,
     .help = "JSON Schema of values that the decision brings along."},
}};
constexpr std::array<Words, 2> kApprovalLater{"assurance", "fresh"};
constexpr ObjectRow kApproval{
    .what = "an approval", .keys = kApprovalKeys, .later = kApprovalLater};

constexpr std::array<KeyRow, 2> kCallbackKeys{{
    {.name = "summary",
     .flags = kTemplate,
     .least = 1,
     .most = 4'000,
     .help = "What is awaited, for people."},
    {.name = "schema", .shape = Shape::kJsonSchema, .help = "JSON Schema of the body."},
}};
constexpr std::array<Words, 1> kCallbackLater{"auth"};
constexpr ObjectRow kCallback{.what = "a callback", .keys = kCallbackKeys, .later = kCallbackLater};

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

constexpr std::array<Words, 2> kOnRejects{"continue", "fail"};
constexpr std::array<Words, 3> kOnTimeouts{"reject", "fail", "continue"};
constexpr std::array<KeyRow, 8> kWaitKeys{{
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
    {.name = "for", .shape = Shape::kDuration, .flags = kTemplate, .help = "Waits this long."},
    {.name = "until",
     .shape = Shape::kInstant,
     .flags = kTemplate,
     .help = "Waits for a time, like 2026-11-21T06:00:00Z."},
    {.name = "timeout",
     .shape = Shape::kDuration,
     .flags = kTemplate,
     .least = 1,
     .help = "How long it waits. Callbacks and events must say it; an approval waits 7d when it "
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
         "Approvals: reject (default) or fail. Callbacks and events: fail (default) or continue."},
}};
constexpr std::array<Words, 5> kWaitOneOf{"approval", "callback", "event", "for", "until"};
constexpr std::array<Words, 1> kWaitLater{"handoff"};
constexpr ObjectRow kWait{
    .what = "a wait step", .keys = kWaitKeys, .exactlyOne = kWaitOneOf, .later = kWaitLater};

constexpr std::array<KeyRow, 5> kNotifyKeys{{
    {.name = "connection",
     .shape = Shape::kIdentifier,
     .flags = kRequired,
     .help = "One of requires."},
    {.name = "title", .flags = kTemplate, .least = 1, .most = 500, .help = "Headline."},
    {.name = "text", .flags = kTemplate, .least = 1, .help = "The message."},
    {.name = "template",
     .shape = Shape::kIdentifier,
     .help = "One of the templates of the flow, instead of text."},
    {.name = "data",
     .shape = Shape::kAny,
     .flags = kTemplate,
     .help = "Values for machines that go along."},
}};
constexpr std::array<Words, 2> kNotifyOneOf{"text", "template"};
constexpr ObjectRow kNotify{
    .what = "a notify step", .keys = kNotifyKeys, .exactlyOne = kNotifyOneOf};

constexpr std::array<KeyRow, 2> kSwitchKeys{{
    {.name = "when",
     .shape = Shape::kExpression,
     .help = "The case is taken when this holds; without it, always."},
    {.name = "next",
     .shape = Shape::kStep,
     .flags = kRequired,
     .help = "The step to go on with, or end."},
}};
constexpr ObjectRow kSwitch{.what = "a case of switch", .keys = kSwitchKeys};

constexpr std::array<FamilyRow, static_cast<std::size_t>(Family::kCount)> kFamilies{{
    {Family::kRun,
     {.name = "run", .shape = Shape::kObject, .object = &kRun, .help = "Runs a command as a job."},
     EffectClass::kOnce,
     "1h",
     kEffectful | kTakesPersist},
    {Family::kHttp,
     {.name = "http", .shape = Shape::kObject, .object = &kHttp, .help = "Makes an HTTP request."},
     EffectClass::kOnce,
     "60s",
     kEffectful | kTakesPersist},
    {Family::kFunction,
     {.name = "function",
      .shape = Shape::kObject,
      .object = &kFunction,
      .help = "Computes a value in JavaScript."},
     EffectClass::kPure,
     "",
     kTakesNext},
    {Family::kKv,
     {.name = "kv",
      .shape = Shape::kObject,
      .object = &kKv,
      .help = "Reads or writes the host's key-value store, in the transaction of the step."},
     EffectClass::kPure,
     "",
     kTakesNext},
    {Family::kSet,
     {.name = "set",
      .shape = Shape::kMap,
      .flags = kTemplate,
      .least = 1,
      .most = 200,
      .values = Shape::kAny,
      .help = "Changes members of the run's state."},
     EffectClass::kPure,
     "",
     kTakesNext},
    {Family::kSleep,
     {.name = "sleep", .shape = Shape::kObject, .object = &kSleep, .help = "Waits for a time."},
     EffectClass::kPure,
     "",
     kTakesNext},
    {Family::kWait,
     {.name = "wait",
      .shape = Shape::kObject,
      .object = &kWait,
      .help = "Waits for an approval, a callback, an event or a time, for as long as it takes."},
     EffectClass::kPure,
     "",
     kTakesNext},
    {Family::kNotify,
     {.name = "notify", .shape = Shape::kObject, .object = &kNotify, .help = "Sends a message."},
     EffectClass::kOnce,
     "30s",
     kEffectful},
    {Family::kSwitch,
     {.name = "switch",
      .shape = Shape::kObjectList,
      .least = 1,
      .most = 200,
      .object = &kSwitch,
      .help = "Goes on with the first case whose when holds."},
     EffectClass::kPure,
     "",
     0},
}};

constexpr bool rowsFollowTheEnum() {
  for (std::size_t i = 0; i < kFamilies.size(); ++i) {
    if (kFamilies[i].family != static_cast<Family>(i)) return false;
  }
  return true;
}
static_assert(rowsFollowTheEnum(), "kFamilies must list every Family, in enum order");

}  // namespace

std::span<const FamilyRow> familyTable() { return kFamilies; }

const FamilyRow& familyRow(Family family) { return kFamilies.at(static_cast<std::size_t>(family)); }

const FamilyRow* findFamily(std::string_view name) {
  const auto found = std::find_if(kFamilies.begin(), kFamilies.end(),
                                  [&](const FamilyRow& row) { return row.key.name == name; });
  return found == kFamilies.end() ? nullptr : &*found;
}

std::string_view familyName(Family family) { return familyRow(family).key.name; }

}  // namespace belay::flow
