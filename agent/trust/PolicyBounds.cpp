// What PolicyReader reads of `families`, `secrets`, `hours` and `agent`.

#include <algorithm>
#include <array>

#include "agent/trust/PolicyReader.h"
#include "common/base/Text.h"

namespace belay::trust {

using base::Result;
using base::Status;

namespace {

constexpr std::array<std::string_view, 3> kSecretKeys{"id", "names", "flows"};
constexpr std::array<std::string_view, 6> kHoursKeys{"id", "flows", "days", "from", "to", "zone"};
constexpr std::array<std::string_view, 6> kAgentRuleKeys{"id",         "agents", "executables",
                                                         "workspaces", "env",    "flows"};
constexpr std::array<std::string_view, 7> kDays{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/// "08:30" as minutes of the day; 24:00 is its end.
std::optional<unsigned> minuteOf(const std::string& text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = base::parseUnsigned(text.substr(0, 2));
  const auto minute = base::parseUnsigned(text.substr(3));
  if (!hour || !minute || *minute > 59 || *hour > 24 || (*hour == 24 && *minute != 0)) {
    return std::nullopt;
  }
  return static_cast<unsigned>(*hour * 60 + *minute);
}

}  // namespace

Result<AgentRule> PolicyReader::agentRule(const json::Value& rule, const std::string& pointer,
                                          bool allow) const {
  BELAY_TRY(onlyKeys(rule, pointer, kAgentRuleKeys));
  AgentRule out;
  BELAY_ASSIGN(out.label, label(rule, pointer));
  BELAY_ASSIGN(out.agents, texts(rule, "agents", pointer));
  BELAY_ASSIGN(out.executables, texts(rule, "executables", pointer));
  for (std::string& path : out.executables) {
    if (!path.starts_with('/'))
      return invalid(pointer + "/executables", "each must be an absolute path");
    path = resolvePath_(path);
  }
  if (allow && out.agents.empty() && out.executables.empty())
    return invalid(pointer, "agents or executables is missing");
  BELAY_ASSIGN(out.workspaces, texts(rule, "workspaces", pointer));
  for (const std::string& place : out.workspaces) {
    const bool fits = place == "scratch" || place.starts_with('/') || place.starts_with("git:") ||
                      place.starts_with("dir:/");
    if (!fits)
      return invalid(pointer + "/workspaces",
                     "write scratch, a folder, git:URL, git:/FOLDER or dir:/FOLDER");
  }
  BELAY_ASSIGN(out.env, texts(rule, "env", pointer));
  BELAY_ASSIGN(out.flows, texts(rule, "flows", pointer));
  return out;
}

Status PolicyReader::readAgent(const json::Value& section, PolicyRules& out) const {
  constexpr std::array<std::string_view, 2> kKeys{"allow", "deny"};
  BELAY_TRY(onlyKeys(section, "/agent", kKeys));
  for (const bool allow : {true, false}) {
    std::vector<AgentRule>& into = allow ? out.agentAllow : out.agentDeny;
    BELAY_TRY(forRules(section, allow ? "allow" : "deny", "/agent",
                       [&](const json::Value& rule, const std::string& pointer) -> Status {
                         BELAY_ASSIGN(AgentRule read, agentRule(rule, pointer, allow));
                         into.push_back(std::move(read));
                         return {};
                       }));
  }
  return {};
}

Status PolicyReader::readFamilies(const json::Value& rules, FlowBounds& out) const {
  BELAY_ASSIGN(out.families, texts(rules, "families", ""));
  const std::vector<std::string_view> known = familyNames();
  for (std::size_t i = 0; i < out.families.size(); ++i) {
    const std::string& name = out.families[i];
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string why = "there is no family " + base::visible(name);
    if (const auto meant = base::nearest(name, known)) why += "; did you mean " + *meant + "?";
    return invalid("/families/" + std::to_string(i), why);
  }
  return {};
}

Result<SecretRule> PolicyReader::secretRule(const json::Value& rule,
                                            const std::string& pointer) const {
  BELAY_TRY(onlyKeys(rule, pointer, kSecretKeys));
  SecretRule out;
  BELAY_ASSIGN(out.label, label(rule, pointer));
  BELAY_ASSIGN(out.names, texts(rule, "names", pointer));
  if (out.names.empty()) return invalid(pointer, "names is missing");
  BELAY_ASSIGN(out.flows, texts(rule, "flows", pointer));
  return out;
}

Status PolicyReader::readDays(const json::Value& rule, const std::string& pointer,
                              HoursRule& out) const {
  BELAY_ASSIGN(const std::vector<std::string> days, texts(rule, "days", pointer));
  if (days.empty()) return {};
  out.days = 0;
  for (const std::string& day : days) {
    const auto found = std::find(kDays.begin(), kDays.end(), day);
    if (found == kDays.end()) {
      return invalid(pointer + "/days", "each must be mon, tue, wed, thu, fri, sat or sun");
    }
    out.days |= 1u << (found - kDays.begin());
  }
  return {};
}

Result<HoursRule> PolicyReader::hoursRule(const json::Value& rule,
                                          const std::string& pointer) const {
  BELAY_TRY(onlyKeys(rule, pointer, kHoursKeys));
  HoursRule out;
  BELAY_ASSIGN(out.label, label(rule, pointer));
  BELAY_ASSIGN(out.flows, texts(rule, "flows", pointer));
  BELAY_TRY(readDays(rule, pointer, out));
  for (const auto& [key, into] :
       {std::pair{"from", &out.fromMinute}, std::pair{"to", &out.toMinute}}) {
    if (!rule.find(key)) continue;
    const auto minute = minuteOf(rule.text(key));
    if (!minute) {
      return invalid(pointer + "/" + key, "it must be a time of the day, as \"08:30\"");
    }
    *into = *minute;
  }
  if (out.fromMinute == out.toMinute) {
    return invalid(pointer, "from and to are the same; leave both out for the whole day");
  }
  const std::string zone = rule.find("zone") ? rule.text("zone") : "UTC";
  calendar::TimeZones zones;
  const auto found = zones.find(zone);
  if (!found) return invalid(pointer + "/zone", found.error().message);
  out.zone = **found;
  return out;
}

Status PolicyReader::readBounds(const json::Value& rules, FlowBounds& out) const {
  BELAY_TRY(readFamilies(rules, out));
  BELAY_TRY(forRules(
      rules, "secrets", "", [&](const json::Value& rule, const std::string& pointer) -> Status {
        BELAY_ASSIGN(SecretRule read, secretRule(rule, pointer));
        out.secrets.push_back(std::move(read));
        return {};
      }));
  return forRules(
      rules, "hours", "", [&](const json::Value& rule, const std::string& pointer) -> Status {
        BELAY_ASSIGN(HoursRule read, hoursRule(rule, pointer));
        out.hours.push_back(std::move(read));
        return {};
      });
}

}  // namespace belay::trust
