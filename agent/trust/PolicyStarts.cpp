#include <algorithm>
#include <array>

#include "agent/trust/PolicyReader.h"
#include "agent/trust/PolicyRules.h"
#include "common/base/Ids.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/statement/Payload.h"

// The section `starts` of a policy file, and what it answers.

namespace belay::trust {

using base::Result;
using base::Status;

namespace {

constexpr std::string_view kEvery = "*";
constexpr std::array<std::string_view, 3> kKeys{"allow", "expires", "discovery"};
constexpr std::array<std::string_view, 3> kRuleKeys{"id", "flows", "persons"};
constexpr std::array<std::string_view, 3> kDiscoveries{"startable", "all", "none"};
constexpr std::chrono::hours kExpiresMax{24 * 366};

bool names(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

bool isOf(const StartRule& rule, std::string_view flow) {
  return names(rule.flows, kEvery) || names(rule.flows, flow);
}

}  // namespace

Result<StartRule> PolicyReader::startRule(const json::Value& rule,
                                          const std::string& pointer) const {
  BELAY_TRY(onlyKeys(rule, pointer, kRuleKeys));
  StartRule out;
  BELAY_ASSIGN(out.label, label(rule, pointer));
  BELAY_ASSIGN(out.flows, texts(rule, "flows", pointer));
  if (out.flows.empty()) return invalid(pointer, "flows is missing");
  for (const std::string& flow : out.flows) {
    if (flow == kEvery || base::isIdentifier(flow)) continue;
    return invalid(pointer + "/flows", "each must be the slug of a flow, or \"*\" for every flow");
  }
  BELAY_ASSIGN(out.persons, texts(rule, "persons", pointer));
  for (const std::string& person : out.persons) {
    if (statement::isPerson(person)) continue;
    return invalid(pointer + "/persons", "\"" + base::visible(person) + "\" is no person");
  }
  return out;
}

Status PolicyReader::readStarts(const json::Value& section, StartRules& out) const {
  BELAY_TRY(onlyKeys(section, "/starts", kKeys));
  BELAY_TRY(forRules(section, "allow", "/starts",
                     [&](const json::Value& rule, const std::string& pointer) -> Status {
                       BELAY_ASSIGN(StartRule read, startRule(rule, pointer));
                       out.allow.push_back(std::move(read));
                       return {};
                     }));
  if (const json::Value* expires = section.find("expires")) {
    const auto length = expires->isString()
                            ? base::parseDuration(expires->asString())
                            : Result<std::chrono::milliseconds>(std::chrono::milliseconds{0});
    if (!length || *length <= std::chrono::milliseconds{0} || *length > kExpiresMax) {
      return invalid("/starts/expires", "it must be a duration up to 366d, as 24h");
    }
    out.expires = *length;
  }
  if (!section.find("discovery")) return {};
  const std::string word = section.text("discovery");
  const auto found = std::find(kDiscoveries.begin(), kDiscoveries.end(), word);
  if (found == kDiscoveries.end())
    return invalid("/starts/discovery", "it must be startable, all or none");
  out.discovery = static_cast<Discovery>(found - kDiscoveries.begin());
  return {};
}

Verdict Policy::checkStart(std::string_view flow, std::string_view person) const {
  for (const StartRule& rule : rules_->starts.allow) {
    if (!isOf(rule, flow) || !(rule.persons.empty() || names(rule.persons, person))) continue;
    return {true, rule.label, {}, {}};
  }
  const std::string slug(flow);
  return {false, "starts.allow",
          "no rule of starts.allow lets " + std::string(person) + " have flow " + slug +
              " started on this host",
          "add to starts.allow in " + rules_->source + ": {flows: [" + slug + "], persons: [" +
              std::string(person) + "]}"};
}

bool Policy::startable(std::string_view flow) const {
  return std::any_of(rules_->starts.allow.begin(), rules_->starts.allow.end(),
                     [&](const StartRule& rule) { return isOf(rule, flow); });
}

std::chrono::milliseconds Policy::startExpires() const { return rules_->starts.expires; }

Discovery Policy::discovery() const { return rules_->starts.discovery; }

bool Policy::tellsOfFlows() const {
  const StartRules& starts = rules_->starts;
  if (starts.discovery == Discovery::kStartable) return !starts.allow.empty();
  return starts.discovery == Discovery::kAll;
}

}  // namespace belay::trust
