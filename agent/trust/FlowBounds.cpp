#include "agent/trust/FlowBounds.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "common/base/Text.h"

namespace belay::trust {

using calendar::Instant;

namespace {

constexpr auto kFamilies = std::to_array<std::string_view>(
    {"run", "http", "notify", "function", "kv", "set", "sleep", "wait", "switch", "parallel",
     "for_each", "loop", "flow", "emit", "agent", "db", "search", "llm", "ssh", "plugin"});

bool named(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(), [name](const std::string& pattern) {
    if (!pattern.ends_with('*')) return pattern == name;
    return name.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1));
  });
}

bool isOf(const std::vector<std::string>& flows, std::string_view flow) {
  return flows.empty() || std::find(flows.begin(), flows.end(), flow) != flows.end();
}

std::vector<std::string_view> secretsOf(const RenderedEffect& effect) {
  std::vector<std::string_view> out;
  const auto add = [&out](std::string_view name) {
    if (!name.empty()) out.push_back(name);
  };
  if (const auto* run = std::get_if<RunEffect>(&effect.what)) {
    for (const EffectValue& value : run->env) add(value.secret);
  }
  if (const auto* agent = std::get_if<AgentEffect>(&effect.what)) {
    for (const EffectValue& value : agent->env) add(value.secret);
  }
  if (const auto* http = std::get_if<HttpEffect>(&effect.what)) {
    add(http->urlSecret);
    for (const SecretVersion& secret : http->connectionSecrets) add(secret.name);
    for (const EffectValue& value : http->headers) add(value.secret);
  }
  if (const auto* reach = std::get_if<ReachEffect>(&effect.what)) {
    for (const SecretVersion& secret : reach->connectionSecrets) add(secret.name);
    for (const EffectValue& value : reach->env) add(value.secret);
  }
  return out;
}

}  // namespace

std::vector<std::string_view> familyNames() { return {kFamilies.begin(), kFamilies.end()}; }

bool HoursRule::holds(Instant at) const {
  const auto local = zone.toLocal(at);
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const auto minute = static_cast<unsigned>(
      std::chrono::duration_cast<std::chrono::minutes>(local - day).count());
  const auto on = [this](std::chrono::local_days date) {
    return (days >> (std::chrono::weekday{date}.iso_encoding() - 1) & 1u) != 0;
  };
  if (fromMinute < toMinute) return on(day) && minute >= fromMinute && minute < toMinute;
  // Over midnight: the day is the one on which the span began.
  return (on(day) && minute >= fromMinute) ||
         (on(day - std::chrono::days{1}) && minute < toMinute);
}

BoundRefusal checkFamilyBound(const FlowBounds& bounds, std::string_view family) {
  if (bounds.families.empty() || isOf(bounds.families, family)) return {};
  return {"families", "steps of family " + std::string(family) + " are not used on this host",
          "add " + std::string(family) + " to families"};
}

BoundRefusal checkSecretBounds(const FlowBounds& bounds, const RenderedEffect& effect) {
  if (bounds.secrets.empty()) return {};
  for (const std::string_view secret : secretsOf(effect)) {
    const bool may = std::any_of(
        bounds.secrets.begin(), bounds.secrets.end(), [&](const SecretRule& rule) {
          return isOf(rule.flows, effect.flow) && named(rule.names, secret);
        });
    if (may) continue;
    const std::string name = base::visible(std::string(secret));
    return {"secrets", "no rule of secrets lets flow " + effect.flow + " use secret " + name,
            "add to secrets: {names: [" + name + "], flows: [" + effect.flow + "]}"};
  }
  return {};
}

BoundRefusal checkHours(const FlowBounds& bounds, std::string_view flow, std::int64_t wallMs) {
  const Instant at{std::chrono::floor<std::chrono::seconds>(std::chrono::milliseconds{wallMs})};
  const HoursRule* last = nullptr;
  for (const HoursRule& rule : bounds.hours) {
    if (!isOf(rule.flows, flow)) continue;
    if (rule.holds(at)) return {};
    last = &rule;
  }
  if (last == nullptr) return {};
  return {last->label,
          "flow " + std::string(flow) + " may not act now (" + last->zone.format(at) + " in " +
              last->zone.name() + "): outside of " + last->label,
          "wait, or widen " + last->label};
}

}  // namespace belay::trust
