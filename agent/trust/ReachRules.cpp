// What connections may be used for, where it is no request: the sections ssh, mail and plugin.

#include <algorithm>
#include <array>

#include "agent/trust/PolicyRules.h"
#include "common/base/Text.h"

namespace belay::trust {

namespace {

constexpr std::array<ReachKey, 5> kSshKeys{{{"connections", ReachMatch::kName},
                                            {"hosts", ReachMatch::kHost, true},
                                            {"users", ReachMatch::kName, true},
                                            {"put", ReachMatch::kPath},
                                            {"get", ReachMatch::kPath}}};
constexpr std::array<ReachKey, 4> kMailKeys{{{"connections", ReachMatch::kName},
                                             {"hosts", ReachMatch::kHost, true},
                                             {"from", ReachMatch::kMailbox, true},
                                             {"to", ReachMatch::kMailbox}}};
constexpr std::array<ReachKey, 2> kPluginKeys{
    {{"plugins", ReachMatch::kName}, {"connections", ReachMatch::kName}}};
constexpr std::array<ReachSection, 3> kSections{{{"ssh", kSshKeys, true},
                                                 {"mail", kMailKeys},
                                                 {"plugin", kPluginKeys}}};

const ReachSection* sectionOf(const ReachEffect& reach) {
  for (const ReachSection& section : kSections) {
    if (section.name == reach.section) return &section;
  }
  return nullptr;
}

bool isMailboxListed(std::string_view address, const std::vector<std::string>& patterns) {
  const std::string lower = base::toLower(address);
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    if (!pattern.starts_with("*")) return lower == base::toLower(pattern);
    return lower.ends_with(base::toLower(std::string_view(pattern).substr(1)));
  });
}

bool isOne(ReachMatch match, std::string_view value, const std::vector<std::string>& patterns) {
  switch (match) {
    case ReachMatch::kName:
      return isListed(value, patterns);
    case ReachMatch::kHost:
      return isHostListed(value, patterns);
    case ReachMatch::kPath:
      return isBelowAny(value, patterns);
    case ReachMatch::kMailbox:
      return isMailboxListed(value, patterns);
  }
  return false;
}

std::vector<std::string> valuesOf(const ReachEffect& reach, std::string_view key) {
  if (key == "connections" && !reach.connection.empty()) return {reach.connection};
  for (const auto& [name, values] : reach.facts) {
    if (name == key) return values;
  }
  return {};
}

bool isOfFlow(const ReachRule& rule, const RenderedEffect& effect) {
  const auto& flows = rule.command.flows;
  return flows.empty() || std::find(flows.begin(), flows.end(), effect.flow) != flows.end();
}

bool envListed(const ReachRule& rule, const EffectValue& value) {
  return isListed(value.name, rule.command.env);
}

}  // namespace

std::span<const ReachSection> reachSections() { return kSections; }

bool matchesAllow(const ReachRule& rule, const RenderedEffect& effect, const ReachEffect& reach) {
  const ReachSection* section = sectionOf(reach);
  if (section == nullptr || !isOfFlow(rule, effect)) return false;
  for (std::size_t i = 0; i < section->keys.size(); ++i) {
    const ReachKey& key = section->keys[i];
    if (rule.lists[i].empty() && key.anyWithout) continue;
    for (const std::string& value : valuesOf(reach, key.name)) {
      if (!isOne(key.match, value, rule.lists[i])) return false;
    }
  }
  if (!reach.argv.empty() && (!rule.command.argv || !matchesArgv(rule.command, reach.argv)))
    return false;
  return std::all_of(reach.env.begin(), reach.env.end(),
                     [&](const EffectValue& value) { return envListed(rule, value); });
}

bool matchesDeny(const ReachRule& rule, const RenderedEffect& effect, const ReachEffect& reach) {
  const ReachSection* section = sectionOf(reach);
  if (section == nullptr || !isOfFlow(rule, effect)) return false;
  for (std::size_t i = 0; i < section->keys.size(); ++i) {
    if (rule.lists[i].empty()) continue;
    const auto values = valuesOf(reach, section->keys[i].name);
    if (std::none_of(values.begin(), values.end(), [&](const std::string& value) {
          return isOne(section->keys[i].match, value, rule.lists[i]);
        }))
      return false;
  }
  if (rule.command.argv && (reach.argv.empty() || !matchesArgv(rule.command, reach.argv)))
    return false;
  return rule.command.env.empty() ||
         std::any_of(reach.env.begin(), reach.env.end(),
                     [&](const EffectValue& value) { return envListed(rule, value); });
}

}  // namespace belay::trust
