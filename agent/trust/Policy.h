#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/trust/GatePolicy.h"
#include "agent/trust/RenderedEffect.h"
#include "agent/trust/StartPolicy.h"
#include "common/base/Result.h"
#include "common/http/Resolver.h"
#include "common/json/Value.h"

namespace belay::trust {

struct PolicyRules;
struct BoundRefusal;

/// What the policy says about pins of one flow.
struct PinDemand {
  bool required = false;
  std::string channel = "stable";  ///< Whose pins this host follows.
  std::string rule;                ///< The rule that decided: "flows[0] (deploy)", "default".
  std::string source;              ///< The file that it stands in.
};

/// The answer of the policy.
struct Verdict {
  bool allowed = false;
  std::string rule;     ///< The rule that decided: "run.allow[2] (git-am)", "default".
  std::string message;  ///< Why not, when refused.
  std::string change;   ///< How to change that, when refused.

  /// Success, or kPolicyRefused that cites the rule.
  base::Status status() const;
};

/// Resolves the links of a path as the performer will; gives the path back where it does not exist.
using PathResolver = std::function<std::string(const std::string&)>;

/// Bounds what flows, releases and approvals may do on this host: the one call in the only path to
/// a performer. What no rule allows is refused.
///
/// docs/policy.md has the grammar of the rules. In short:
///   run:  {allow: [{id, executable, argv, cwd, users, env, flows}], deny: [the same]}
///   http: {allow: [{id, hosts, ports, schemes, methods, flows}], deny: [the same],
///          addresses: [CIDR]}
///   agent: {allow: [{id, agents, executables, workspaces, env, flows}], deny: [the same]},
///   db:   {allow: [{id, connections, files, flows, write}], deny: [the same]},
///   search: {host: [FLOW]},
///   ssh, mail, plugin: {allow: [{id, connections, flows, …}], deny: [the same]} (PolicyRules.h)
///   flows: [{slug, pin, channel}]
///   webhook: {unauthenticated: [FLOW/WEBHOOK]}
///   families: [FAMILY], secrets: [{id, names, flows}],
///   hours: [{id, flows, days, from, to, zone}]
///   approvals: {gates: [{id, slug, class, approvers, quorum}], persons, expires, to_relay,
///               artifacts},
///   starts: {allow: [{id, flows, persons}], expires, discovery}
///
/// Threads: any; a reload makes a new policy.
class Policy {
 public:
  /// Without a policy file, in user mode: all of run and agent, and http to all but link-local and
  /// metadata addresses.
  /// `file`: where a policy of its own would be; named in refusals.
  static Policy builtInForUser(const std::string& file = {});
  /// Without a policy file, in system mode: nothing that leaves the journal.
  static Policy denyAll(const std::string& file = {});
  /// Only what `rules` allow. `source` is named in refusals.
  /// Errors: kSettingsInvalid with JSON Pointer and the nearest right key.
  static base::Result<Policy> parse(const json::Value& rules, std::string source,
                                    const PathResolver& resolvePath);

  /// No I/O: executable, folder and URL are resolved already. `wallMs`: the time of the host.
  Verdict check(const RenderedEffect& effect, std::int64_t wallMs) const;
  /// Whether steps of this family are used on this host at all, those that change nothing outside
  /// of the journal included.
  Verdict checkFamily(std::string_view family) const;

  /// Whether steps of this flow search what other flows have left on this host.
  Verdict checkHostSearch(std::string_view flow) const;

  /// Whether a webhook of a flow may take deliveries that prove nothing, and whether one wakes a
  /// step that waits for a callback. Denied unless a rule names flow and webhook, flow and step.
  Verdict checkUnauthenticated(std::string_view flow, std::string_view webhook) const;
  Verdict checkUnauthenticatedCallback(std::string_view flow, std::string_view step) const;

  /// For each address that a name of an allowed http effect resolved to, before connecting to it.
  Verdict checkAddress(const http::Address& address) const;

  /// Whether this flow runs only what a signed pin names.
  PinDemand pinDemand(std::string_view flow) const;

  /// Whether a starter of the roster may have this flow started.
  Verdict checkStart(std::string_view flow, std::string_view person) const;
  /// Whether any starter may.
  bool startable(std::string_view flow) const;
  /// No start lives longer.
  std::chrono::milliseconds startExpires() const;
  /// Which flows the relay is told of.
  Discovery discovery() const;
  /// Whether there could be one.
  bool tellsOfFlows() const;

  /// Who must answer the approvals of this flow.
  GateDemand gateDemand(std::string_view flow) const;
  /// The rules by which approvals need less than class e2e.
  std::vector<GateRule> loweredGates() const;
  /// The person of the roster who is a user of this host, "uid:1000 (ada)", or who has signed a
  /// start, "starter:ada". Empty: nobody.
  std::string personOf(std::string_view user) const;
  /// No request of an approval lives longer.
  std::chrono::milliseconds approvalExpires() const;
  Disclosure toRelay() const;
  /// Whether artifacts of requests may leave to the relay, sealed for those who may answer.
  bool artifactsToRelay() const;
  /// Whether approvals that were asked before this boot of the machine are asked anew.
  bool reissueAfterBoot() const;

 private:
  Verdict refusedBy(const BoundRefusal& refusal, const std::string& subject) const;
  explicit Policy(std::shared_ptr<const PolicyRules> rules) : rules_(std::move(rules)) {}
  std::shared_ptr<const PolicyRules> rules_;  ///< Shared by the copies of this policy.
};

}  // namespace belay::trust
