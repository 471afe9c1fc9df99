#include <array>

#include "agent/flow/FamilyKeys.h"
#include "common/calendar/Cron.h"

namespace belay::flow {

namespace {

using Words = std::string_view;

constexpr double kSecondMs = 1000;
constexpr double kDayMs = 24 * 3600 * kSecondMs;

constexpr std::array<Words, 4> kAuthTypes{"hmac-sha256", "bearer", "api-key", "basic"};
constexpr std::array<Words, 3> kSchemes{"github", "standard-webhooks", "generic"};
constexpr std::array<KeyRow, 6> kAuthKeys{{
    {.name = "type",
     .shape = Shape::kChoice,
     .flags = kRequired,
     .choices = kAuthTypes,
     .help = "How a delivery proves where it comes from."},
    {.name = "secret",
     .flags = kRequired,
     .least = 1,
     .most = 64,
     .help = "Name of a secret of the host's vault: the key, the token or the password."},
    {.name = "scheme",
     .shape = Shape::kChoice,
     .choices = kSchemes,
     .help = "Of hmac-sha256: github (default; X-Hub-Signature-256), standard-webhooks (with id "
             "and timestamp), or generic (the digest of the body in a header; default where "
             "header stands)."},
    {.name = "header",
     .least = 1,
     .most = 200,
     .help = "Of hmac-sha256 with scheme generic, and of api-key (default X-Api-Key): the header "
             "field that carries the proof."},
    {.name = "user", .least = 1, .most = 200, .help = "Of basic: the name that goes with it."},
    {.name = "tolerance",
     .shape = Shape::kDuration,
     .least = kSecondMs,
     .most = kDayMs,
     .fallback = "\"5m\"",
     .help = "Of standard-webhooks: how far the timestamp may be from the host's clock."},
}};
constexpr ObjectRow kAuth{.what = "auth", .keys = kAuthKeys};

constexpr std::array<Words, 3> kOnMissed{"skip", "latest", "all"};
constexpr std::array<Words, 5> kOneOf{"schedule", "at", "every", "webhook", "event"};
constexpr std::array<KeyRow, 18> kTriggerKeys{{
    {.name = "schedule",
     .least = 1,
     .most = calendar::Cron::kExpressionMax,
     .help = "Cron expression: minute, hour, day of month, month, day of week; or @daily and the "
             "like."},
    {.name = "at",
     .least = 1,
     .most = 64,
     .help = "Once: 2026-12-24T18:00:00+01:00, or 2026-12-24T18:00 in the time zone."},
    {.name = "every",
     .shape = Shape::kDuration,
     .least = kSecondMs,
     .most = 366 * kDayMs,
     .help = "At an interval of elapsed time, in whole seconds."},
    {.name = "webhook",
     .shape = Shape::kIdentifier,
     .help = "Name of the webhook: deliveries to it start runs."},
    {.name = "event",
     .least = 1,
     .most = 200,
     .help = "Name of an event of this host: belay event emit NAME starts runs."},
    {.name = "id",
     .shape = Shape::kIdentifier,
     .help = "Name of the schedule, which keeps its ledger; else schedule-N by its place."},
    {.name = "timezone",
     .least = 1,
     .most = 64,
     .fallback = "\"UTC\"",
     .help = "IANA name of the time zone of schedule, at and start, like Europe/Berlin."},
    {.name = "start",
     .least = 1,
     .most = 64,
     .help = "Of every: the first due time, written like at. Else multiples since 1970."},
    {.name = "on_missed",
     .shape = Shape::kChoice,
     .choices = kOnMissed,
     .fallback = "\"latest\"",
     .help = "What becomes of due times that passed while the host could not run them."},
    {.name = "max",
     .shape = Shape::kInteger,
     .least = 1,
     .most = 500,
     .fallback = "10",
     .help = "Of on_missed all: how many are caught up."},
    {.name = "spacing",
     .shape = Shape::kDuration,
     .least = 0,
     .most = kDayMs,
     .fallback = "\"1m\"",
     .help = "Of on_missed all: time between the starts of two that are caught up."},
    {.name = "window",
     .shape = Shape::kDuration,
     .flags = kNone,
     .least = kSecondMs,
     .most = 3653 * kDayMs,
     .fallback = "\"24h\"",
     .help = "What was missed for longer is skipped; none: there is no such bound."},
    {.name = "jitter",
     .shape = Shape::kDuration,
     .least = 0,
     .most = kDayMs,
     .fallback = "\"0s\"",
     .help = "Starts are delayed by up to this much, always the same for one due time and host."},
    {.name = "auth",
     .shape = Shape::kObject,
     .object = &kAuth,
     .help = "Of a webhook: how deliveries are verified. Without it the policy must allow it."},
    {.name = "untrusted_headers",
     .shape = Shape::kTextList,
     .least = 1,
     .most = 32,
     .help = "Of a webhook: header fields that event.headers has though nothing vouches for them."},
    {.name = "when",
     .shape = Shape::kExpression,
     .help = "Of a webhook or event: over event; no run unless it holds."},
    {.name = "dedupe_for",
     .shape = Shape::kDuration,
     .least = 0,
     .most = 3653 * kDayMs,
     .fallback = "\"90d\"",
     .help = "Of a webhook: how long the same delivery starts nothing more."},
    {.name = "input",
     .shape = Shape::kAny,
     .flags = kTemplate,
     .help = "Input of the run: an object, with expressions over trigger, or over event; or one "
             "expression that gives it. Without it a webhook or event hands over its body."},
}};

}  // namespace

constinit const ObjectRow kTriggerObject{
    .what = "a trigger", .keys = kTriggerKeys, .exactlyOne = kOneOf};

}  // namespace belay::flow
