#include "agent/flow/TriggerRules.h"

#include <algorithm>
#include <array>
#include <span>

#include "common/base/SecretName.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/calendar/CivilTime.h"
#include "common/calendar/Cron.h"
#include "common/calendar/TimeZones.h"

namespace belay::flow {

using base::ErrorCode;
using base::Status;

namespace {

bool has(const Node& node, std::string_view name) { return node.value.find(name) != nullptr; }

std::string textOf(const Node& node, std::string_view name) {
  const json::Value* value = node.value.find(name);
  return value && value->isString() ? value->asString() : std::string();
}

/// A key, and those of which one must stand beside it.
struct Belongs {
  std::string_view key;
  std::array<std::string_view, 3> to;
  std::string_view words;
};
constexpr std::array<std::string_view, 3> kTimed{"schedule", "at", "every"};
constexpr std::array<std::string_view, 3> kHook{"webhook", "", ""};
constexpr std::array<Belongs, 12> kBelongs{{
    {"id", kTimed, "schedule, at or every"},
    {"timezone", kTimed, "schedule, at or every"},
    {"start", {"every", "", ""}, "every"},
    {"on_missed", kTimed, "schedule, at or every"},
    {"max", kTimed, "schedule, at or every"},
    {"spacing", kTimed, "schedule, at or every"},
    {"window", kTimed, "schedule, at or every"},
    {"jitter", kTimed, "schedule, at or every"},
    {"auth", kHook, "webhook"},
    {"untrusted_headers", kHook, "webhook"},
    {"dedupe_for", kHook, "webhook"},
    {"when", {"webhook", "event", ""}, "webhook or event"},
}};

std::string soleExpressionOf(const Node& node) {
  return node.value.isString() ? soleExpression(node.value.asString()) : std::string();
}

bool hasAny(const Node& node, std::span<const std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view name) { return !name.empty() && has(node, name); });
}

}  // namespace

std::string scheduleName(std::size_t place) { return "schedule-" + std::to_string(place); }

void TriggerRules::check(const Node& triggers) {
  if (!triggers.value.isArray()) return;
  std::size_t schedules = 0;
  for (std::size_t i = 0; i < triggers.size() && !report_.full(); ++i) {
    const Node node = triggers.child(i);
    if (node.value.isObject()) trigger(node, schedules);
  }
}

void TriggerRules::trigger(const Node& trigger, std::size_t& schedules) {
  belongs(trigger);
  if (hasAny(trigger, kTimed)) {
    ++schedules;
    const auto id = trigger.find("id");
    const bool named = id && id->value.isString();
    unique(named ? *id : trigger, "schedule",
           named ? id->value.asString() : scheduleName(schedules));
    timing(trigger);
  }
  if (const auto hook = trigger.find("webhook"); hook && hook->value.isString())
    unique(*hook, "webhook", hook->value.asString());
  if (const auto proof = trigger.find("auth"); proof && proof->value.isObject()) auth(*proof);
  if (const auto headers = trigger.find("untrusted_headers"); headers && headers->value.isArray()) {
    for (std::size_t i = 0; i < headers->size(); ++i) headerName(headers->child(i));
  }
  const bool hasEvent = has(trigger, "webhook") || has(trigger, "event");
  if (const auto given = trigger.find("input")) input(*given, hasEvent);
  if (const auto when = trigger.find("when")) expressions_.checkTrigger(*when, hasEvent);
}

void TriggerRules::belongs(const Node& trigger) {
  // Where it is unknown what the trigger is, that has been said.
  const bool known = hasAny(trigger, kTimed) || has(trigger, "webhook") || has(trigger, "event");
  for (const Belongs& row : kBelongs) {
    const auto member = trigger.find(row.key);
    if (!member || !known || hasAny(trigger, row.to)) continue;
    report_.errorAtName(ErrorCode::kFlowBadValue, *member,
                        std::string(row.key) + " goes with " + std::string(row.words));
  }
  for (const std::string_view key : {"max", "spacing"}) {
    const auto member = trigger.find(key);
    if (!member || !hasAny(trigger, kTimed) || textOf(trigger, "on_missed") == "all") continue;
    report_.errorAtName(ErrorCode::kFlowBadValue, *member,
                        std::string(key) + " goes with on_missed: all");
  }
}

void TriggerRules::unique(const Node& node, std::string_view kind, const std::string& name) {
  if (taken_.insert(std::string(kind) + " " + name).second) return;
  report_.error(ErrorCode::kFlowBadValue, node,
                "another " + std::string(kind) + " of the flow is " + quoted(name) + " too",
                kind == "schedule" ? "give each schedule an id of its own" : "");
}

void TriggerRules::timing(const Node& trigger) {
  const auto cron = trigger.find("schedule");
  // What is longer has been refused as a text.
  if (cron && cron->value.isString() &&
      cron->value.asString().size() <= calendar::Cron::kExpressionMax) {
    const auto parsed = calendar::Cron::parse(cron->value.asString());
    if (!parsed) {
      report_.error(parsed.error().code, *cron, parsed.error().message,
                    "docs/schedules.md lists what may stand in each field");
    }
  }
  if (const auto every = trigger.find("every"); every && every->value.isString()) {
    const auto parsed = base::parseDuration(every->value.asString());
    if (parsed && parsed->count() > 1000 && parsed->count() % 1000 != 0)
      report_.error(ErrorCode::kFlowBadValue, *every, "must be a number of whole seconds");
  }
  for (const std::string_view key : {"at", "start"}) {
    if (const auto node = trigger.find(key); node && node->value.isString()) time(*node);
  }
  if (const auto node = trigger.find("at"); node && node->value.isString()) isToCome(*node);
  if (const auto node = trigger.find("timezone"); node && node->value.isString()) zone(*node);
}

/// An instant, or a local time.
void TriggerRules::time(const Node& node) {
  const std::string& text = node.value.asString();
  const auto instant = base::parseInstant(text);
  if (instant && *instant % 1000 == 0) return;
  if (!instant && calendar::parseLocalTime(text)) return;
  report_.error(ErrorCode::kScheduleInvalid, node,
                instant ? "must have whole seconds, is " + quoted(text)
                        : "must be a time, is " + quoted(text),
                "write for example 2026-12-24T18:00:00Z, or 2026-12-24T18:00 for a time of the "
                "time zone");
}

/// A time that has passed is no mistake of the file, which was right before.
void TriggerRules::isToCome(const Node& node) {
  if (!checks_.nowMs) return;
  const std::string& text = node.value.asString();
  auto lastMs = base::parseInstant(text);
  if (!lastMs) {
    // Past in each time zone there is: the last of them is 12 hours behind UTC.
    const auto local = calendar::parseLocalTime(text);
    if (!local) return;
    lastMs = std::chrono::milliseconds(local->time_since_epoch()).count() + 12 * 3'600'000;
  }
  if (*lastMs > checks_.nowMs()) return;
  report_.warning(ErrorCode::kScheduleInvalid, node,
                  "is over: a release that becomes live now is not due any more",
                  "give a time that is to come");
}

void TriggerRules::zone(const Node& node) {
  const std::string& name = node.value.asString();
  if (!calendar::isZoneName(name)) {
    report_.error(ErrorCode::kTimeZone, node,
                  "must be the IANA name of a time zone, is " + quoted(name),
                  "write for example Europe/Berlin or UTC");
    return;
  }
  const Status known = checks_.zone ? checks_.zone(name) : Status{};
  if (known) return;
  const std::vector<std::string>& actions = known.error().actions;
  report_.error(known.error().code, node, known.error().message,
                actions.empty() ? "" : actions.front());
}

void TriggerRules::auth(const Node& auth) {
  if (const auto secret = auth.find("secret"); secret && secret->value.isString()) {
    const std::string& name = secret->value.asString();
    if (!base::isSecretName(name)) {
      report_.error(ErrorCode::kFlowBadValue, *secret,
                    "must match " + std::string(base::kSecretNamePattern) + ", is " + quoted(name),
                    "the value of a secret does not stand in a flow: belay secret set NAME");
    }
  }
  const std::string type = textOf(auth, "type");
  const std::string scheme = textOf(auth, "scheme");
  const bool hmac = type == "hmac-sha256";
  const auto only = [&](std::string_view key, bool fits, std::string_view with) {
    const auto member = auth.find(key);
    if (!member || fits || type.empty()) return;
    report_.errorAtName(ErrorCode::kFlowBadValue, *member,
                        std::string(key) + " goes with " + std::string(with));
  };
  only("scheme", hmac, "type: hmac-sha256");
  only("header", type == "api-key" || (hmac && (scheme.empty() || scheme == "generic")),
       "type: api-key, or scheme: generic of hmac-sha256");
  only("user", type == "basic", "type: basic");
  only("tolerance", hmac && scheme == "standard-webhooks", "scheme: standard-webhooks");
  if (hmac && scheme == "generic" && !has(auth, "header")) {
    report_.error(ErrorCode::kFlowMissingKey, auth, "scheme: generic needs the key \"header\"");
  }
  if (type == "basic" && !has(auth, "user"))
    report_.error(ErrorCode::kFlowMissingKey, auth, "type: basic needs the key \"user\"");
  if (const auto header = auth.find("header"); header) headerName(*header);
}

/// RFC 9110 §5.6.2: token.
void TriggerRules::headerName(const Node& node) {
  if (!node.value.isString() || node.value.asString().empty()) return;
  const std::string& name = node.value.asString();
  const bool isToken = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
  if (isToken) return;
  report_.error(ErrorCode::kFlowBadValue, node, quoted(name) + " is no name of a header field");
}

void TriggerRules::input(const Node& node, bool hasEvent) {
  if (node.value.isObject() || !soleExpressionOf(node).empty())
    return expressions_.checkTrigger(node, hasEvent);
  report_.error(ErrorCode::kFlowWrongType, node,
                "must be an object, or one expression that gives it, is " +
                    std::string(kindWords(node.value)));
}

}  // namespace belay::flow
