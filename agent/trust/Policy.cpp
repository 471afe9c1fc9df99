#include "agent/trust/Policy.h"

#include <algorithm>
#include <array>

#include "agent/trust/FlowBounds.h"
#include "agent/trust/PolicyReader.h"
#include "agent/trust/PolicyRules.h"
#include "common/base/Text.h"
#include "common/json/Writer.h"

namespace belay::trust {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

/// Whoever writes one has to allow in it what the built-in policy did.
std::string missingFile(const std::string& file) {
  return (file.empty() ? "a policy file" : file) +
         " (there is none yet; where there is one, only its rules allow: belay docs policy)";
}

/// Families that change nothing outside of the journal.
constexpr auto kInnerFamilies = std::to_array<std::string_view>(
    {"function", "kv", "set", "sleep", "switch", "wait", "search", "flow", "parallel"});

/// Where credentials of the machine are served, or what no flow has a reason to reach.
constexpr auto kAlwaysBlocked = std::to_array<std::string_view>({
    "169.254.0.0/16",   // link-local, with the metadata services of most clouds
    "fe80::/10",        // link-local
    "fd00:ec2::254",    // metadata
    "100.100.100.200",  // metadata
    "168.63.129.16",    // metadata
    "192.0.0.192",      // metadata
    "0.0.0.0/8",        // this host, by another name
    "224.0.0.0/4",      // multicast
    "240.0.0.0/4",      // reserved, with broadcast
    "ff00::/8",         // multicast
    "::",               // this host, by another name
});
constexpr auto kLoopback = std::to_array<std::string_view>({"127.0.0.0/8", "::1"});
/// Networks of their own, which a name from outside has no business to lead into.
constexpr auto kPrivate = std::to_array<std::string_view>(
    {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "192.0.0.0/24",
     "198.18.0.0/15", "fc00::/7", "fec0::/10"});

template <std::size_t Count>
bool isIn(const std::array<std::string_view, Count>& blocks, const AddressBytes& address) {
  return std::any_of(blocks.begin(), blocks.end(), [&](std::string_view text) {
    const auto block = AddressBlock::parse(text);
    return block && block->contains(address);
  });
}

Verdict allowed(std::string rule) { return {true, std::move(rule), {}, {}}; }

std::string subject(const RenderedEffect& effect) {
  return effect.family + " in step " + effect.step + " of flow " + effect.flow;
}

/// A rule as one line of YAML (flow style, which JSON is).
std::string suggestion(const RunEffect& run) {
  std::string rule;
  json::Writer writer(rule);
  writer.beginObject().member("executable", run.executable).name("argv").beginArray();
  for (const std::string& element : run.argv) writer.string(base::visible(element));
  writer.endArray();
  if (!run.env.empty()) {
    writer.name("env").beginArray();
    for (const EffectValue& value : run.env) writer.string(value.name);
    writer.endArray();
  }
  writer.endObject();
  return rule;
}

std::string suggestion(const HttpEffect& http) {
  std::string rule;
  json::Writer(rule)
      .beginObject()
      .name("hosts")
      .beginArray()
      .string(http.url.host)
      .endArray()
      .name("ports")
      .beginArray()
      .integer(http.url.port)
      .endArray()
      .name("schemes")
      .beginArray()
      .string(http.url.scheme)
      .endArray()
      .name("methods")
      .beginArray()
      .string(http.method)
      .endArray()
      .endObject();
  return rule;
}

std::string suggestion(const AgentEffect& agent) {
  std::string rule;
  json::Writer writer(rule);
  writer.beginObject().name(agent.agent.empty() ? "executables" : "agents").beginArray();
  writer.string(agent.agent.empty() ? agent.executable : agent.agent).endArray();
  writer.name("workspaces").beginArray().string(agent.workspace).endArray();
  if (!agent.env.empty()) {
    writer.name("env").beginArray();
    for (const EffectValue& value : agent.env) writer.string(value.name);
    writer.endArray();
  }
  writer.endObject();
  return rule;
}

std::string suggestion(const DbEffect& db) {
  std::string rule;
  json::Writer writer(rule);
  writer.beginObject().name("connections").beginArray().string(db.connection).endArray();
  if (db.write) writer.member("write", true);
  writer.endObject();
  return rule;
}

std::string suggestion(const ReachEffect& reach) {
  std::string rule;
  json::Writer writer(rule);
  writer.beginObject();
  const auto list = [&](std::string_view key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    writer.name(key).beginArray();
    for (const std::string& value : values) writer.string(base::visible(value));
    writer.endArray();
  };
  if (!reach.connection.empty()) list("connections", {reach.connection});
  for (const auto& [key, values] : reach.facts) list(key, values);
  list("argv", reach.argv);
  std::vector<std::string> names;
  for (const EffectValue& value : reach.env) names.push_back(value.name);
  list("env", names);
  writer.endObject();
  return rule;
}

std::string shown(const DbEffect& db) {
  return std::string(db.write ? "writing to " : "reading from ") + db.connection +
         (db.file.empty() ? "" : " (" + base::visible(db.file.substr(0, 300)) + ")");
}

std::string shown(const ReachEffect& reach) {
  std::string out = "connection " + reach.connection;
  for (const auto& [key, values] : reach.facts) {
    for (const std::string& value : values) out += ", " + key + " " + base::visible(value);
  }
  if (!reach.argv.empty()) out += " with argv";
  for (const std::string& element : reach.argv) out += " " + base::visible(element.substr(0, 80));
  return out.substr(0, 400);
}

std::string shown(const AgentEffect& agent) {
  const std::string who = agent.agent.empty() ? agent.executable : agent.agent;
  return (who + " (" + agent.adapter + ") in " + base::visible(agent.workspace)).substr(0, 400);
}

std::string shown(const RunEffect& run) {
  std::string out = run.executable + " with argv";
  for (const std::string& element : run.argv) out += " " + base::visible(element.substr(0, 80));
  return out.substr(0, 400);
}

std::string shown(const HttpEffect& http) {
  return http.method + " to " + http.url.scheme + "://" + http.url.authority();
}

/// The first deny rule that matches, else the first allow rule; refused when there is neither.
template <typename Rule, typename What>
Verdict decide(const std::vector<Rule>& deny, const std::vector<Rule>& allow, bool all,
               const RenderedEffect& effect, const What& what, const std::string& section,
               const std::string& source) {
  for (const Rule& rule : deny) {
    if (!matchesDeny(rule, effect, what)) continue;
    return {false, rule.label, subject(effect) + ": " + shown(what) + " is denied by " + rule.label,
            "narrow or remove " + rule.label + " in " + source};
  }
  for (const Rule& rule : allow) {
    if (matchesAllow(rule, effect, what)) return allowed(rule.label);
  }
  if (all) return allowed("default");
  return {false, section + ".allow",
          subject(effect) + ": no rule of " + section + ".allow matches " + shown(what),
          "add to " + section + ".allow in " + source + ": " + suggestion(what)};
}

/// Of the profiles of jobs, from the one that keeps least apart.
int rankOf(std::string_view profile) { return profile == "strong" ? 2 : profile == "user" ? 1 : 0; }

}  // namespace

Status Verdict::status() const {
  if (allowed) return {};
  // What has to be written is no command, and must not be lost on the way of a failed step.
  return Error{ErrorCode::kPolicyRefused, message + "; " + change};
}

Policy Policy::builtInForUser(const std::string& file) {
  auto rules = std::make_shared<PolicyRules>();
  rules->source = missingFile(file);
  rules->allRuns = rules->allHttp = rules->allAgents = rules->allReach = true;
  rules->allDb = rules->allSearch = true;
  rules->loopback = rules->privateNetworks = true;
  return Policy(std::move(rules));
}

Policy Policy::denyAll(const std::string& file) {
  auto rules = std::make_shared<PolicyRules>();
  rules->source = missingFile(file);
  return Policy(std::move(rules));
}

Result<Policy> Policy::parse(const json::Value& rules, std::string source,
                             const PathResolver& resolvePath) {
  BELAY_ASSIGN(PolicyRules read, PolicyReader(std::move(source), resolvePath).read(rules));
  return Policy(std::make_shared<const PolicyRules>(std::move(read)));
}

Verdict Policy::refusedBy(const BoundRefusal& refusal, const std::string& subject) const {
  if (refusal.rule.empty()) return allowed("default");
  return {false, refusal.rule, (subject.empty() ? "" : subject + ": ") + refusal.message,
          refusal.change + " in " + rules_->source};
}

Verdict Policy::checkFamily(std::string_view family) const {
  return refusedBy(checkFamilyBound(rules_->bounds, family), {});
}

Verdict Policy::check(const RenderedEffect& effect, std::int64_t wallMs) const {
  for (const BoundRefusal& refusal : {checkSecretBounds(rules_->bounds, effect),
                                      checkHours(rules_->bounds, effect.flow, wallMs)}) {
    if (!refusal.rule.empty()) return refusedBy(refusal, subject(effect));
  }
  if (const auto* run = std::get_if<RunEffect>(&effect.what)) {
    if (rankOf(run->profile) < rankOf(rules_->runProfile)) {
      return {
          false, "run.profile",
          subject(effect) + ": it would run with profile " + run->profile +
              ", and commands must have " + rules_->runProfile + " at least",
          "set profile: " + rules_->runProfile + " on the step, or jobs.profile in the settings"};
    }
    return decide(rules_->runDeny, rules_->runAllow, rules_->allRuns, effect, *run, "run",
                  rules_->source);
  }
  if (const auto* http = std::get_if<HttpEffect>(&effect.what)) {
    return decide(rules_->httpDeny, rules_->httpAllow, rules_->allHttp, effect, *http, "http",
                  rules_->source);
  }
  if (const auto* agent = std::get_if<AgentEffect>(&effect.what)) {
    return decide(rules_->agentDeny, rules_->agentAllow, rules_->allAgents, effect, *agent, "agent",
                  rules_->source);
  }
  if (const auto* db = std::get_if<DbEffect>(&effect.what)) {
    return decide(rules_->dbDeny, rules_->dbAllow, rules_->allDb, effect, *db, "db",
                  rules_->source);
  }
  if (const auto* reach = std::get_if<ReachEffect>(&effect.what)) {
    const ReachRules none;
    const auto found =
        std::find_if(rules_->reach.begin(), rules_->reach.end(), [&](const ReachRules& each) {
          return each.section->name == reach->section;
        });
    const ReachRules& rules = found == rules_->reach.end() ? none : *found;
    return decide(rules.deny, rules.allow, rules_->allReach, effect, *reach, reach->section,
                  rules_->source);
  }
  const bool inner = std::find(kInnerFamilies.begin(), kInnerFamilies.end(), effect.family) !=
                     kInnerFamilies.end();
  if (inner) return allowed("inner");
  return {false, "default", subject(effect) + ": no rule can allow this family",
          "use a family that the policy knows: run, agent, http, db, ssh, notify or plugin"};
}

namespace {

Verdict unauthenticated(const std::vector<std::string>& named, const std::string& kind,
                        const std::string& name, const std::string& source) {
  const std::string rule = kind + ".unauthenticated";
  if (std::find(named.begin(), named.end(), name) != named.end()) return allowed(rule);
  return {false, rule, kind + " " + name + " has no auth, and no rule allows that",
          "give the " + kind + " auth, or add " + name + " to " + rule + " in " + source};
}

}  // namespace

Verdict Policy::checkUnauthenticated(std::string_view flow, std::string_view webhook) const {
  return unauthenticated(rules_->unauthenticatedWebhooks, "webhook",
                         std::string(flow) + "/" + std::string(webhook), rules_->source);
}

Verdict Policy::checkUnauthenticatedCallback(std::string_view flow, std::string_view step) const {
  return unauthenticated(rules_->unauthenticatedCallbacks, "callback",
                         std::string(flow) + "/" + std::string(step), rules_->source);
}

Verdict Policy::checkHostSearch(std::string_view flow) const {
  const auto listed = std::any_of(rules_->searchHost.begin(), rules_->searchHost.end(),
                                  [&](const auto& name) { return name == "*" || name == flow; });
  if (rules_->allSearch || listed) return allowed("search.host");
  return {false, "search.host",
          "flow " + std::string(flow) + " would search what other flows have left here",
          "leave out scope: host, or add " + std::string(flow) + " to search.host in " +
              rules_->source};
}

Verdict Policy::checkAddress(const http::Address& address) const {
  const std::vector<AddressBytes> candidates = addressesWithin(address);
  const auto refused = [&](const std::string& why) -> Verdict {
    return {false, "http.addresses", address.str() + " is " + why,
            "add it to http.addresses in " + rules_->source + " if flows must reach it"};
  };
  if (candidates.empty()) return refused("neither an IPv4 nor an IPv6 address");
  const bool listed =
      std::any_of(rules_->addresses.begin(), rules_->addresses.end(),
                  [&](const AddressBlock& block) { return block.contains(candidates.front()); });
  if (listed) return allowed("http.addresses");
  for (const AddressBytes& candidate : candidates) {
    if (isIn(kAlwaysBlocked, candidate)) return refused("a link-local, metadata or group address");
    if (!rules_->loopback && isIn(kLoopback, candidate)) return refused("an address of this host");
    if (!rules_->privateNetworks && isIn(kPrivate, candidate))
      return refused("an address of a private network");
  }
  return allowed("default");
}

PinDemand Policy::pinDemand(std::string_view flow) const {
  for (const PinRule& rule : rules_->pins) {
    if (rule.slug == "*" || rule.slug == flow) {
      return {rule.required, rule.channel, rule.label, rules_->source};
    }
  }
  return {.rule = "default", .source = rules_->source};
}

GateDemand Policy::gateDemand(std::string_view flow) const {
  for (const GateRule& rule : rules_->approvals.gates) {
    if (rule.slug == "*" || rule.slug == flow) {
      return {rule.gateClass,     rule.approvers, rule.quorum,
              rule.unseenAllowed, rule.label,     rules_->source};
    }
  }
  GateDemand none;
  none.rule = "default";
  none.source = rules_->source;
  return none;
}

std::vector<GateRule> Policy::loweredGates() const {
  std::vector<GateRule> out;
  for (const GateRule& rule : rules_->approvals.gates) {
    if (rule.gateClass && *rule.gateClass != GateClass::kE2e) out.push_back(rule);
  }
  return out;
}

std::string Policy::personOf(std::string_view user) const {
  // Whoever signed was believed by the roster; no user of this host has a name of this form.
  if (user.starts_with(kStarterPrefix)) return std::string(user.substr(kStarterPrefix.size()));
  const auto& persons = rules_->approvals.persons;
  const std::size_t space = user.find(" (");
  if (const auto byUid = persons.find(user.substr(0, space)); byUid != persons.end())
    return byUid->second;
  if (space == std::string_view::npos || !user.ends_with(')')) return {};
  const auto byName = persons.find(user.substr(space + 2, user.size() - space - 3));
  return byName == persons.end() ? std::string() : byName->second;
}

std::chrono::milliseconds Policy::approvalExpires() const { return rules_->approvals.expires; }

Disclosure Policy::toRelay() const { return rules_->approvals.toRelay; }

bool Policy::artifactsToRelay() const { return rules_->approvals.artifacts; }
bool Policy::reissueAfterBoot() const { return rules_->approvals.reissueAfterBoot; }

}  // namespace belay::trust
