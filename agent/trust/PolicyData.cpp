#include <array>

#include "agent/trust/PolicyReader.h"
#include "agent/trust/PolicyRules.h"
#include "common/base/Ids.h"

// The sections `db` and `search` of a policy file.

namespace belay::trust {

using base::Result;
using base::Status;

namespace {

constexpr std::array<std::string_view, 2> kDbKeys{"allow", "deny"};
constexpr std::array<std::string_view, 5> kRuleKeys{"id", "connections", "files", "flows", "write"};
constexpr std::array<std::string_view, 1> kSearchKeys{"host"};

}  // namespace

Result<DbRule> PolicyReader::dbRule(const json::Value& rule, const std::string& pointer) const {
  BELAY_TRY(onlyKeys(rule, pointer, kRuleKeys));
  DbRule out;
  BELAY_ASSIGN(out.label, label(rule, pointer));
  BELAY_ASSIGN(out.connections, texts(rule, "connections", pointer));
  BELAY_ASSIGN(out.files, texts(rule, "files", pointer));
  for (std::string& file : out.files) {
    if (!file.starts_with('/')) return invalid(pointer + "/files", "each must be an absolute path");
    file = resolvePath_(file);
  }
  BELAY_ASSIGN(out.flows, texts(rule, "flows", pointer));
  const json::Value* write = rule.find("write");
  if (write && !write->isBool()) return invalid(pointer + "/write", "it must be true or false");
  out.write = rule.flag("write");
  return out;
}

Status PolicyReader::readDb(const json::Value& section, PolicyRules& out) const {
  BELAY_TRY(onlyKeys(section, "/db", kDbKeys));
  const auto into = [&](std::vector<DbRule>& rules) {
    return [&](const json::Value& rule, const std::string& pointer) -> Status {
      BELAY_ASSIGN(DbRule read, dbRule(rule, pointer));
      rules.push_back(std::move(read));
      return {};
    };
  };
  BELAY_TRY(forRules(section, "allow", "/db", into(out.dbAllow)));
  for (const DbRule& rule : out.dbAllow) {
    if (rule.connections.empty()) return invalid("/db/allow", "connections is missing in " + rule.label);
  }
  return forRules(section, "deny", "/db", into(out.dbDeny));
}

Status PolicyReader::readSearch(const json::Value& section, PolicyRules& out) const {
  BELAY_TRY(onlyKeys(section, "/search", kSearchKeys));
  BELAY_ASSIGN(out.searchHost, texts(section, "host", "/search"));
  for (const std::string& flow : out.searchHost) {
    if (flow == "*" || base::isIdentifier(flow)) continue;
    return invalid("/search/host", "each must be the slug of a flow, or \"*\" for every flow");
  }
  return {};
}

}  // namespace belay::trust
