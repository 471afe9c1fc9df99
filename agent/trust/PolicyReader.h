#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/trust/PolicyRules.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::trust {

/// Reads the rules of a policy file; each error says where it is and what would be right.
///
/// Threads:   owner.
/// Ownership: the resolver must outlive the reader.
/// Errors:    kSettingsInvalid.
class PolicyReader {
 public:
  PolicyReader(std::string source, const PathResolver& resolvePath)
      : source_(std::move(source)), resolvePath_(resolvePath) {}

  base::Result<PolicyRules> read(const json::Value& rules) const;

 private:
  base::Error invalid(const std::string& pointer, const std::string& why) const;
  base::Status onlyKeys(const json::Value& object, const std::string& pointer,
                        std::span<const std::string_view> known) const;
  base::Result<std::vector<std::string>> texts(const json::Value& object, std::string_view key,
                                               const std::string& pointer) const;
  base::Result<std::string> label(const json::Value& rule, const std::string& pointer) const;
  base::Result<ArgvElement> argvElement(const json::Value& value, const std::string& pointer) const;
  base::Status readArgv(const json::Value& rule, const std::string& pointer, RunRule& out) const;
  base::Result<RunRule> runRule(const json::Value& rule, const std::string& pointer,
                                bool allow) const;
  base::Status checkRunAllow(const RunRule& rule, const std::string& written,
                             const std::string& pointer) const;
  base::Status readPorts(const json::Value& rule, const std::string& pointer, HttpRule& out) const;
  base::Result<HttpRule> httpRule(const json::Value& rule, const std::string& pointer,
                                  bool allow) const;
  base::Status readRun(const json::Value& section, PolicyRules& out) const;
  base::Result<AgentRule> agentRule(const json::Value& rule, const std::string& pointer,
                                    bool allow) const;
  base::Status readAgent(const json::Value& section, PolicyRules& out) const;
  base::Status readDb(const json::Value& section, PolicyRules& out) const;
  base::Status readSearch(const json::Value& section, PolicyRules& out) const;
  base::Result<DbRule> dbRule(const json::Value& rule, const std::string& pointer) const;
  base::Result<ReachRule> reachRule(const ReachSection& reach, const json::Value& rule,
                                    const std::string& pointer, bool allow) const;
  base::Status readReach(const json::Value& rules, PolicyRules& out) const;
  base::Result<PinRule> pinRule(const json::Value& rule, const std::string& pointer) const;
  base::Status readUnauthenticated(const json::Value& rules, const std::string& section,
                                   std::vector<std::string>& out) const;
  base::Result<GateRule> gateRule(const json::Value& rule, const std::string& pointer) const;
  base::Status readPersons(const json::Value& persons, ApprovalRules& out) const;
  base::Status readApprovals(const json::Value& section, ApprovalRules& out) const;
  base::Result<StartRule> startRule(const json::Value& rule, const std::string& pointer) const;
  base::Status readStarts(const json::Value& section, StartRules& out) const;
  base::Status readHttp(const json::Value& section, PolicyRules& out) const;
  base::Status readBounds(const json::Value& rules, FlowBounds& out) const;
  base::Status readFamilies(const json::Value& rules, FlowBounds& out) const;
  base::Result<SecretRule> secretRule(const json::Value& rule, const std::string& pointer) const;
  base::Status readDays(const json::Value& rule, const std::string& pointer, HoursRule& out) const;
  base::Result<HoursRule> hoursRule(const json::Value& rule, const std::string& pointer) const;

  /// Calls `each` for the rules of section.key with the pointer of each.
  template <typename Each>
  static base::Status forRules(const json::Value& section, std::string_view key,
                               const std::string& pointer, const Each& each) {
    const json::Value* rules = section.find(key);
    if (!rules) return {};
    const std::string here = pointer + "/" + std::string(key);
    if (!rules->isArray()) return each(*rules, here);
    for (std::size_t i = 0; i < rules->asArray().size(); ++i) {
      BELAY_TRY(each(rules->asArray()[i], here + "/" + std::to_string(i)));
    }
    return {};
  }

  const std::string source_;
  const PathResolver& resolvePath_;
};

}  // namespace belay::trust
