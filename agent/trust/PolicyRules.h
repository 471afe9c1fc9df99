#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/trust/AddressBlock.h"
#include "agent/trust/FlowBounds.h"
#include "agent/trust/GatePolicy.h"
#include "agent/trust/Policy.h"
#include "agent/trust/StartPolicy.h"

namespace belay::trust {

/// What one element of argv must be.
struct ArgvElement {
  enum class Kind {
    kLiteral,
    kPrefix,   ///< Begins with `text`; no ".." in what follows.
    kOperand,  ///< Anything that does not begin with "-".
    kAny,      ///< Anything, options as well.
  } kind = Kind::kLiteral;
  std::string text;

  bool matches(std::string_view element) const;
};

struct RunRule {
  std::string label;                      ///< "run.allow[0] (git-am)"
  std::optional<std::string> executable;  ///< Links resolved.
  std::optional<std::vector<ArgvElement>> argv;
  std::optional<ArgvElement> rest;  ///< What elements after argv must be; nothing: there are none.
  std::vector<std::string> cwd;     ///< Folders, with all below; empty: any.
  std::vector<std::string> users;
  std::vector<std::string> env;    ///< Names, with * at the end for all that begin so.
  std::vector<std::string> flows;  ///< Slugs; empty: any.
};

struct HttpRule {
  std::string label;
  std::vector<std::string> hosts;  ///< Lower case; "*.suffix", "*".
  std::vector<std::uint16_t> ports;
  std::vector<std::string> schemes;
  std::vector<std::string> methods;
  std::vector<std::string> connections;
  std::vector<std::string> flows;
};

struct AgentRule {
  std::string label;
  std::vector<std::string> agents;       ///< Of the host's settings, with * at the end.
  std::vector<std::string> executables;  ///< Links resolved; of agents that flows define.
  std::vector<std::string> workspaces;   ///< "scratch", "git:…" and folders, with all below.
  std::vector<std::string> env;
  std::vector<std::string> flows;
};

/// Databases that flows may ask, and change where `write` says so.
struct DbRule {
  std::string label;
  std::vector<std::string> connections;
  std::vector<std::string> files;  ///< Folders with all below, or files; links resolved.
  std::vector<std::string> flows;
  bool write = false;
};

/// What an entry of a list is held against: a name with * at its end, a host, a path with all below
/// it, an address of mail with * in place of all before its @.
enum class ReachMatch { kName, kHost, kPath, kMailbox };

struct ReachKey {
  std::string_view name;
  ReachMatch match = ReachMatch::kName;
  bool anyWithout = false;  ///< In an allow rule that leaves it out: any value fits, or none does.
};

/// A section of the policy for what connections are used for; its lists have one row each.
struct ReachSection {
  std::string_view name;
  std::span<const ReachKey> keys;
  bool commands = false;  ///< Its rules have argv and env.
};
std::span<const ReachSection> reachSections();

struct ReachRule {
  std::string label;
  std::vector<std::vector<std::string>> lists;  ///< In the order of the section's keys.
  RunRule command;                              ///< argv, rest, env and flows of it.
};

struct ReachRules {
  const ReachSection* section = nullptr;
  std::vector<ReachRule> allow, deny;
};

/// Whether a flow runs only what a signed pin names.
struct PinRule {
  std::string label;  ///< "flows[0] (deploy)"
  std::string slug;   ///< "*": every flow.
  bool required = false;
  std::string channel;  ///< Whose pins this host follows.
};

/// A policy, read. In an allow rule what is left out means the least, in a deny rule the most.
struct PolicyRules {
  std::string source;
  bool allRuns = false;
  bool allHttp = false;
  bool allAgents = false;
  bool allDb = false;
  bool allSearch = false;
  bool loopback = false;  ///< Addresses of this host are reachable without being listed.
  bool privateNetworks = false;  ///< Those of private networks.
  std::string runProfile = "bare";  ///< The least that a command must be kept apart.
  std::vector<RunRule> runAllow, runDeny;
  std::vector<HttpRule> httpAllow, httpDeny;
  std::vector<AgentRule> agentAllow, agentDeny;
  std::vector<DbRule> dbAllow, dbDeny;
  std::vector<std::string> searchHost;  ///< Flows that search beyond their own; "*": all.
  std::vector<ReachRules> reach;  ///< Of the sections that stand in the file.
  bool allReach = false;
  std::vector<PinRule> pins;            ///< The first one for a flow holds.
  std::vector<AddressBlock> addresses;  ///< Allowed although they are special.
  /// "SLUG/NAME" of webhooks that take deliveries which prove nothing.
  std::vector<std::string> unauthenticatedWebhooks;
  /// "SLUG/STEP" of waits whose callbacks may prove nothing.
  std::vector<std::string> unauthenticatedCallbacks;
  FlowBounds bounds;
  ApprovalRules approvals;
  StartRules starts;
};

/// True where `executable` starts other commands or code by its arguments: an allow rule then needs
/// an exact argv.
bool isInterpreter(std::string_view executable);

bool matchesAllow(const RunRule& rule, const RenderedEffect& effect, const RunEffect& run);
bool matchesDeny(const RunRule& rule, const RenderedEffect& effect, const RunEffect& run);
bool matchesAllow(const HttpRule& rule, const RenderedEffect& effect, const HttpEffect& http);
bool matchesDeny(const HttpRule& rule, const RenderedEffect& effect, const HttpEffect& http);
bool matchesAllow(const AgentRule& rule, const RenderedEffect& effect, const AgentEffect& agent);
bool matchesDeny(const AgentRule& rule, const RenderedEffect& effect, const AgentEffect& agent);
bool matchesAllow(const DbRule& rule, const RenderedEffect& effect, const DbEffect& db);
bool matchesDeny(const DbRule& rule, const RenderedEffect& effect, const DbEffect& db);
bool matchesAllow(const ReachRule& rule, const RenderedEffect& effect, const ReachEffect& reach);
bool matchesDeny(const ReachRule& rule, const RenderedEffect& effect, const ReachEffect& reach);

// What the matching of rules is made of.
bool isListed(std::string_view name, const std::vector<std::string>& patterns);
bool isHostListed(std::string_view host, const std::vector<std::string>& patterns);
bool isBelowAny(std::string_view path, const std::vector<std::string>& folders);
bool matchesArgv(const RunRule& rule, const std::vector<std::string>& argv);

}  // namespace belay::trust
