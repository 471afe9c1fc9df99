// What PolicyReader reads of the sections of ReachRules.cpp: ssh, mail, plugin.

#include <algorithm>
#include <array>

#include "agent/trust/PolicyReader.h"
#include "common/base/Text.h"

namespace belay::trust {

using base::Result;
using base::Status;

namespace {

constexpr std::array<std::string_view, 2> kSectionKeys{"allow", "deny"};

/// All that it may hold, or every element written out where it says that arguments are commands.
bool isPlain(const RunRule& rule) {
  if (!rule.argv || rule.argv->empty()) return true;
  const ArgvElement& program = rule.argv->front();
  if (program.kind != ArgvElement::Kind::kLiteral || !isInterpreter(program.text)) return true;
  return !rule.rest && std::all_of(rule.argv->begin(), rule.argv->end(), [](const ArgvElement& e) {
    return e.kind == ArgvElement::Kind::kLiteral;
  });
}

}  // namespace

Result<ReachRule> PolicyReader::reachRule(const ReachSection& reach, const json::Value& rule,
                                          const std::string& pointer, bool allow) const {
  std::vector<std::string_view> known{"id", "flows"};
  for (const ReachKey& key : reach.keys) known.push_back(key.name);
  if (reach.commands) known.insert(known.end(), {"argv", "env"});
  BELAY_TRY(onlyKeys(rule, pointer, known));
  ReachRule out;
  BELAY_ASSIGN(out.label, label(rule, pointer));
  for (const ReachKey& key : reach.keys) {
    BELAY_ASSIGN(std::vector<std::string> list, texts(rule, key.name, pointer));
    const std::string here = pointer + "/" + std::string(key.name);
    for (std::string& item : list) {
      if (key.match == ReachMatch::kHost) item = base::toLower(item);
      if (key.match == ReachMatch::kPath && !item.starts_with('/'))
        return invalid(here, "each must be an absolute path");
    }
    out.lists.push_back(std::move(list));
  }
  // Of all sections the first list is what makes a rule one.
  if (allow && out.lists.front().empty())
    return invalid(pointer, std::string(reach.keys.front().name) + " is missing");
  BELAY_TRY(readArgv(rule, pointer, out.command));
  if (allow && !isPlain(out.command)) {
    return invalid(pointer + "/argv",
                   out.command.argv->front().text +
                       " runs what its arguments say; each must be written out exactly");
  }
  BELAY_ASSIGN(out.command.env, texts(rule, "env", pointer));
  BELAY_ASSIGN(out.command.flows, texts(rule, "flows", pointer));
  return out;
}

Status PolicyReader::readReach(const json::Value& rules, PolicyRules& out) const {
  for (const ReachSection& reach : reachSections()) {
    const json::Value* section = rules.find(reach.name);
    if (!section) continue;
    const std::string pointer = "/" + std::string(reach.name);
    BELAY_TRY(onlyKeys(*section, pointer, kSectionKeys));
    ReachRules read;
    read.section = &reach;
    for (const bool allow : {true, false}) {
      auto& into = allow ? read.allow : read.deny;
      BELAY_TRY(forRules(*section, allow ? "allow" : "deny", pointer,
                         [&](const json::Value& rule, const std::string& place) -> Status {
                           BELAY_ASSIGN(ReachRule one, reachRule(reach, rule, place, allow));
                           into.push_back(std::move(one));
                           return {};
                         }));
    }
    out.reach.push_back(std::move(read));
  }
  return {};
}

}  // namespace belay::trust
