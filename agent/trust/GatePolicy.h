#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/trust/Gate.h"

namespace belay::trust {

/// What may leave to the relay of a request.
enum class Disclosure {
  kSealed,   ///< Nothing that can be read but ids, sizes and times.
  kSummary,  ///< The summary besides; all else is sealed.
  kFull,     ///< The request, readable; artifacts stay sealed.
};

/// Who must answer the approvals of a flow.
struct GateRule {
  std::string label;                   ///< "approvals.gates[0] (deploy)"
  std::string slug;                    ///< "*": every flow.
  std::optional<GateClass> gateClass;  ///< Nothing: as without a rule.
  std::vector<std::string> approvers;  ///< Persons; empty: as the flow says.
  std::int64_t quorum = 1;             ///< At least.
  bool unseenAllowed = true;           ///< Whoever approves may leave artifacts unseen, and say so.
};

/// The section `approvals` of a policy.
struct ApprovalRules {
  static constexpr std::chrono::hours kExpires{24 * 7};
  std::vector<GateRule> gates;                              ///< The first one for a flow holds.
  std::map<std::string, std::string, std::less<>> persons;  ///< By "uid:1000", or a user's name.
  std::chrono::milliseconds expires{kExpires};              ///< No request lives longer.
  Disclosure toRelay = Disclosure::kSealed;
  bool reissueAfterBoot = false;  ///< What was asked before this boot is asked anew.
  bool artifacts = true;          ///< They may leave to the relay, sealed.
};

/// What the policy says about the approvals of one flow.
struct GateDemand {
  std::optional<GateClass> gateClass;  ///< Nothing: e2e on a host with approvers, else local.
  std::vector<std::string> approvers;
  std::int64_t quorum = 1;
  bool unseenAllowed = true;
  std::string rule;    ///< The rule that decided: "approvals.gates[0] (deploy)", "default".
  std::string source;  ///< The file that it stands in.
};

}  // namespace belay::trust
