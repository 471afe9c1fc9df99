#include "agent/flow/Builder.h"
#include "agent/flow/Expressions.h"
#include "agent/flow/TriggerRules.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::flow {

namespace {

using json::Value;
using std::chrono::milliseconds;

/// A duration that has been checked, or what holds where the key is missing.
milliseconds durationOf(const Value& object, std::string_view name, std::string_view fallback) {
  return *base::parseDuration(object.text(name, fallback));
}

std::optional<std::string> conditionOf(const Value& trigger) {
  const Value* value = trigger.find("when");
  if (!value) return std::nullopt;
  if (value->isBool()) return value->asBool() ? "true" : "false";
  return soleExpression(value->asString());
}

std::string inputOf(const Value& trigger) {
  const Value* input = trigger.find("input");
  return input ? json::print(*input) : std::string();
}

ScheduleTrigger scheduleOf(const Value& trigger, std::size_t place) {
  ScheduleTrigger out;
  out.id = trigger.text("id", scheduleName(place));
  if (trigger.find("at"))
    out.kind = ScheduleTrigger::Kind::kAt;
  else if (trigger.find("every"))
    out.kind = ScheduleTrigger::Kind::kEvery;
  out.when = trigger.text(out.kind == ScheduleTrigger::Kind::kAt ? "at" : "schedule");
  out.every = durationOf(trigger, "every", "0s");
  out.start = trigger.text("start");
  out.timezone = trigger.text("timezone", "UTC");
  out.onMissed = trigger.text("on_missed", "latest");
  out.max = static_cast<std::uint32_t>(trigger.integer("max", 10));
  out.spacing = durationOf(trigger, "spacing", "1m");
  if (trigger.text("window") != "none") out.window = durationOf(trigger, "window", "24h");
  out.jitter = durationOf(trigger, "jitter", "0s");
  out.input = inputOf(trigger);
  return out;
}

WebhookAuth authOf(const Value& value) {
  WebhookAuth auth;
  const std::string type = value.text("type");
  auth.kind = type == "bearer"    ? WebhookAuth::Kind::kBearer
              : type == "api-key" ? WebhookAuth::Kind::kApiKey
              : type == "basic"   ? WebhookAuth::Kind::kBasic
                                  : WebhookAuth::Kind::kHmac;
  auth.header = value.text("header");
  const std::string scheme = value.text("scheme", auth.header.empty() ? "github" : "generic");
  auth.scheme = scheme == "generic"             ? WebhookAuth::Scheme::kGeneric
                : scheme == "standard-webhooks" ? WebhookAuth::Scheme::kStandardWebhooks
                                                : WebhookAuth::Scheme::kGithub;
  if (auth.kind == WebhookAuth::Kind::kApiKey && auth.header.empty()) auth.header = "X-Api-Key";
  auth.secret = value.text("secret");
  auth.user = value.text("user");
  auth.tolerance = durationOf(value, "tolerance", "5m");
  return auth;
}

WebhookTrigger webhookOf(const Value& trigger) {
  WebhookTrigger out;
  out.name = trigger.text("webhook");
  if (const Value* auth = trigger.find("auth")) out.auth = authOf(*auth);
  if (const Value* headers = trigger.find("untrusted_headers")) {
    for (const Value& name : headers->asArray()) out.untrustedHeaders.push_back(name.asString());
  }
  out.when = conditionOf(trigger);
  out.input = inputOf(trigger);
  out.dedupeFor = durationOf(trigger, "dedupe_for", "90d");
  return out;
}

}  // namespace

Triggers buildTriggers(const Value& root) {
  Triggers out;
  const Value* list = root.find("triggers");
  if (!list) return out;
  for (const Value& trigger : list->asArray()) {
    if (trigger.find("webhook"))
      out.webhooks.push_back(webhookOf(trigger));
    else if (trigger.find("event"))
      out.events.push_back({trigger.text("event"), conditionOf(trigger), inputOf(trigger)});
    else
      out.schedules.push_back(scheduleOf(trigger, out.schedules.size() + 1));
  }
  return out;
}

}  // namespace belay::flow
