#include "agent/flow/Keys.h"

#include <algorithm>
#include <array>

#include "agent/flow/FamilyKeys.h"
#include "agent/flow/Triggers.h"

namespace belay::flow {

namespace {

using Words = std::string_view;

constexpr double kHourMs = 3'600'000;
constexpr double kDayMs = 24 * kHourMs;

constexpr std::array<Words, 6> kFailures{"timeout",      "rate_limited", "unavailable",
                                         "server_error", "exit_code",    "connection"};

constexpr std::array<KeyRow, 4> kBackoffKeys{{
    {.name = "initial",
     .shape = Shape::kDuration,
     .least = 1,
     .most = kDayMs,
     .fallback = "\"1s\"",
     .help = "Delay before the second attempt."},
    {.name = "factor",
     .shape = Shape::kNumber,
     .least = 1,
     .most = 10,
     .fallback = "2",
     .help = "By what each further delay grows."},
    {.name = "max",
     .shape = Shape::kDuration,
     .least = 1,
     .most = kDayMs,
     .fallback = "\"1m\"",
     .help = "The longest delay."},
    {.name = "jitter",
     .shape = Shape::kNumber,
     .least = 0,
     .most = 1,
     .fallback = "0.2",
     .help = "Share of the delay that is random, so that many runs do not come back at once."},
}};

constexpr std::array<KeyRow, 3> kRetryKeys{{
    {.name = "max_attempts",
     .shape = Shape::kInteger,
     .least = 1,
     .most = 100,
     .fallback = "1",
     .help = "Attempts at most, the first one included."},
    {.name = "backoff",
     .shape = Shape::kObject,
     .object = &kBackoffObject,
     .help = "Delays between attempts."},
    {.name = "on",
     .shape = Shape::kChoiceList,
     .least = 1,
     .most = 6,
     .choices = kFailures,
     .help = "Classes of failure that are tried again; all of them when the key is missing."},
}};
constexpr ObjectRow kRetry{.what = "retry", .keys = kRetryKeys};

constexpr std::array<KeyRow, 2> kRateLimitKeys{{
    {.name = "max",
     .shape = Shape::kInteger,
     .flags = kRequired,
     .least = 1,
     .most = 1'000'000,
     .help = "Attempts within the time; so many may begin at once after a pause."},
    {.name = "per",
     .shape = Shape::kDuration,
     .flags = kRequired,
     .least = 1,
     .most = kDayMs,
     .help = "The time, like 1s or 1h."},
}};
constexpr ObjectRow kRateLimit{.what = "a rate limit", .keys = kRateLimitKeys};

constexpr std::array<KeyRow, 2> kDefaultsKeys{{
    {.name = "timeout",
     .shape = Shape::kDuration,
     .least = 1,
     .help = "Of each attempt of steps of the families run, agent, http and notify that say none."},
    {.name = "retry",
     .shape = Shape::kObject,
     .object = &kRetry,
     .help = "Of steps of the same families; what a step says itself goes first, key by key."},
}};
constexpr ObjectRow kDefaults{.what = "defaults", .keys = kDefaultsKeys};

constexpr std::array<Words, 7> kConnectionTypes{"http", "chat", "llm", "db", "ssh", "smtp", "plugin"};
constexpr std::array<KeyRow, 2> kRequiresKeys{{
    {.name = "name",
     .shape = Shape::kIdentifier,
     .flags = kRequired,
     .help = "What steps call the connection."},
    {.name = "type",
     .shape = Shape::kChoice,
     .flags = kRequired,
     .choices = kConnectionTypes,
     .help = "The kind of connection."},
}};
constexpr ObjectRow kRequires{.what = "requires", .keys = kRequiresKeys};

constexpr std::array<Words, 3> kOnNewRelease{"coexist", "drain", "supersede"};
constexpr std::array<KeyRow, 19> kFlowKeys{{
    {.name = "slug",
     .shape = Shape::kIdentifier,
     .flags = kRequired,
     .help = "Stable name of the flow: [a-z0-9][a-z0-9_-]{0,63}."},
    {.name = "name", .shape = Shape::kText, .least = 1, .most = 200, .help = "Name for people."},
    {.name = "description",
     .shape = Shape::kText,
     .flags = kEmpty,
     .most = 10'000,
     .help = "What the flow does, for people."},
    {.name = "tags", .shape = Shape::kTextList, .most = 32, .help = "Words to find the flow by."},
    {.name = "input",
     .shape = Shape::kJsonSchema,
     .help = "JSON Schema of the input, an object. The input is converted and checked before a run "
             "exists."},
    {.name = "state",
     .shape = Shape::kConstants,
     .fallback = "{}",
     .help = "State at the start of a run; steps of the family set change it."},
    {.name = "requires",
     .shape = Shape::kObjectList,
     .most = 64,
     .object = &kRequires,
     .help = "Connections that the host must have, bound with: belay flow configure."},
    {.name = "agents",
     .shape = Shape::kMap,
     .flags = kEmpty,
     .most = 32,
     .object = &kHandleObject,
     .names = Names::kIdentifier,
     .values = Shape::kObject,
     .help = "Coding agents, by the names under which steps use them."},
    {.name = "triggers",
     .shape = Shape::kObjectList,
     .most = kTriggersMax,
     .object = &kTriggerObject,
     .help = "What starts runs of the live release: schedules, webhooks and events."},
    {.name = "defaults",
     .shape = Shape::kObject,
     .object = &kDefaults,
     .help = "For steps that say nothing else."},
    {.name = "concurrency",
     .shape = Shape::kObject,
     .object = &kConcurrencyObject,
     .help = "How many runs may be active at once, and what becomes of more."},
    {.name = "on_new_release",
     .shape = Shape::kChoice,
     .choices = kOnNewRelease,
     .fallback = "\"coexist\"",
     .help = "When a release is promoted: coexist (queued runs keep their release), drain (runs of "
             "the new release begin when those of others have ended), or supersede (queued runs "
             "are replaced by runs of the new release)."},
    {.name = "rate_limit",
     .shape = Shape::kObject,
     .object = &kRateLimit,
     .help = "How often steps of the flow that have effects may begin, in all its runs together."},
    {.name = "steps",
     .shape = Shape::kSteps,
     .flags = kRequired,
     .least = 1,
     .most = 2'000,
     .help = "The steps; the next one follows unless next says otherwise."},
    {.name = "on_failure",
     .shape = Shape::kSteps,
     .least = 1,
     .most = 100,
     .help = "Steps that run when the run has failed; error says why."},
    {.name = "output",
     .shape = Shape::kAny,
     .flags = kTemplate,
     .help = "What the run gives in the end."},
    {.name = "templates",
     .shape = Shape::kMap,
     .flags = kTemplate | kEmpty | kInFile,
     .most = 200,
     .names = Names::kIdentifier,
     .help = "Texts that steps use by name; expressions may stand in them. {file: NAME} takes the "
             "text of a file."},
    {.name = "functions",
     .shape = Shape::kMap,
     .flags = kFunctionSource | kInFile,
     .most = 200,
     .names = Names::kFunction,
     .help = "JavaScript functions by name, like: s => s.trim(). Expressions call them as "
             "functions.NAME(…). {file: NAME} takes the text of a file."},
    {.name = "include",
     .shape = Shape::kTextList,
     .least = 1,
     .most = 64,
     .help = "Files in or below the folder of the flow whose templates and functions are added. "
             "Steps of a file stand in a list of steps as: - include: FILE."},
}};

constexpr std::array<Words, 1> kFlowLater{"execute"};
constexpr ObjectRow kFlow{.what = "a flow", .keys = kFlowKeys, .later = kFlowLater};

// What code does by itself.
constexpr std::array<Words, 3> kNotInCode{"steps", "on_failure", "output"};

constexpr auto keysOfCode() {
  std::array<KeyRow, kFlowKeys.size() - kNotInCode.size()> keys{};
  std::size_t count = 0;
  for (const KeyRow& key : kFlowKeys) {
    bool taken = true;
    for (const Words name : kNotInCode) taken = taken && key.name != name;
    if (taken) keys[count++] = key;
  }
  return keys;
}
constexpr auto kCodeFlowKeys = keysOfCode();
constexpr ObjectRow kCodeFlow{
    .what = "the flow of a code file", .keys = kCodeFlowKeys, .later = kFlowLater};

constexpr std::array<Words, 3> kPersists{"auto", "always", "never"};
constexpr std::array<Words, 3> kEffects{"pure", "idempotent", "once"};

constexpr std::array<Words, 3> kUndoFamilies{"run", "http", "notify"};
constexpr std::array<KeyRow, 6> kUndoKeys{{
    {.name = "run", .shape = Shape::kObject, .object = &kRunObject, .help = "Runs a command."},
    {.name = "http",
     .shape = Shape::kObject,
     .object = &kHttpObject,
     .help = "Makes an HTTP request."},
    {.name = "notify", .shape = Shape::kObject, .object = &kNotifyObject, .help = "Sends a text."},
    {.name = "timeout",
     .shape = Shape::kDuration,
     .flags = kTemplate,
     .least = 1,
     .help = "Of each attempt, as of a step."},
    {.name = "retry",
     .shape = Shape::kObject,
     .object = &kRetry,
     .help = "When and how a failed attempt is made again, as of a step."},
    {.name = "effect",
     .shape = Shape::kChoice,
     .choices = kEffects,
     .help = "How the undo may be repeated, as of a step."},
}};
constexpr ObjectRow kUndo{.what = "compensate", .keys = kUndoKeys, .exactlyOne = kUndoFamilies};

constexpr std::array<KeyRow, 13> kStepKeys{{
    {.name = "id",
     .shape = Shape::kIdentifier,
     .flags = kRequired,
     .help = "Name of the step within the flow."},
    {.name = "title", .shape = Shape::kText, .least = 1, .most = 200, .help = "Name for people."},
    {.name = "when", .shape = Shape::kExpression, .help = "The step is skipped unless this holds."},
    {.name = "timeout",
     .shape = Shape::kDuration,
     .flags = kTemplate,
     .least = 1,
     .help = "Of each attempt. Without it: defaults.timeout, else 1h for run, 2h for agent, 60s for "
             "http, 30s for notify and db."},
    {.name = "retry",
     .shape = Shape::kObject,
     .object = &kRetry,
     .help = "When and how a failed attempt is made again. A step of class once is tried again "
             "only when it is proven that nothing left the host."},
    {.name = "on_error",
     .shape = Shape::kOnError,
     .fallback = "\"fail\"",
     .help = "What a failure does: fail the run, skip (go on), or go on with the step of this id."},
    {.name = "persist",
     .shape = Shape::kObject,
     .flags = kOrChoice,
     .choices = kPersists,
     .object = &kPersistObject,
     .fallback = "\"auto\"",
     .help = "Whether large outputs are kept as resources: auto by size, always, or never; or an "
             "object that says how."},
    {.name = "effect",
     .shape = Shape::kChoice,
     .choices = kEffects,
     .help = "How the effect may be repeated after a crash: pure freely, idempotent with the same "
             "key, once never blindly."},
    {.name = "review",
     .shape = Shape::kObject,
     .flags = kOrTrue,
     .object = &kReviewObject,
     .help = "An approval before the step, bound to exactly what it is about to do; true for one "
             "without options. The step fails when it is rejected."},
    {.name = "rate_limit",
     .shape = Shape::kObject,
     .object = &kRateLimit,
     .help = "How often the step may begin, in all runs of the flow together."},
    {.name = "compensate",
     .shape = Shape::kObject,
     .object = &kUndo,
     .help = "What undoes the step when the run fails or is stopped later. It is rendered when the "
             "step succeeds."},
    {.name = "next",
     .shape = Shape::kNext,
     .help = "The step that follows, or end; an expression may choose it."},
    {.name = "max_visits",
     .shape = Shape::kInteger,
     .least = 1,
     .most = 100'000,
     .fallback = "1000",
     .help = "How often a run may come to this step."},
}};


}  // namespace

constinit const ObjectRow kBackoffObject{.what = "backoff", .keys = kBackoffKeys};

const KeyRow* ObjectRow::find(std::string_view name) const {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const KeyRow& row) { return row.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

const ObjectRow& flowKeys() { return kFlow; }

const ObjectRow& codeFlowKeys() { return kCodeFlow; }

std::span<const KeyRow> stepKeys() { return kStepKeys; }

}  // namespace belay::flow
