#include <array>

#include "agent/trust/PolicyReader.h"
#include "common/base/Ids.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/statement/Payload.h"

// The section `approvals` of a policy file.

namespace belay::trust {

using base::Result;
using base::Status;

namespace {

constexpr std::array<std::string_view, 6> kKeys{"gates",    "persons",   "expires",
                                                "to_relay", "artifacts", "reissue_after_boot"};
constexpr std::array<std::string_view, 6> kGateKeys{"id",        "slug",   "class",
                                                    "approvers", "quorum", "unseen"};
constexpr std::array<std::string_view, 3> kDisclosures{"sealed", "summary", "full"};
constexpr std::int64_t kQuorumMax = 100;
constexpr std::chrono::hours kExpiresMax{24 * 366};

}  // namespace

Result<GateRule> PolicyReader::gateRule(const json::Value& rule, const std::string& pointer) const {
  BELAY_TRY(onlyKeys(rule, pointer, kGateKeys));
  GateRule out;
  BELAY_ASSIGN(out.label, label(rule, pointer));
  out.slug = rule.text("slug");
  if (out.slug != "*" && !base::isIdentifier(out.slug)) {
    return invalid(pointer + "/slug", "it must be the slug of a flow, or \"*\" for every flow");
  }
  if (rule.find("class")) {
    out.gateClass = gateClassFrom(rule.text("class"));
    if (!out.gateClass) return invalid(pointer + "/class", "it must be e2e, bot, page or local");
  }
  BELAY_ASSIGN(out.approvers, texts(rule, "approvers", pointer));
  for (const std::string& person : out.approvers) {
    if (!statement::isPerson(person)) {
      return invalid(pointer + "/approvers", "\"" + base::visible(person) + "\" is no person");
    }
  }
  out.quorum = rule.find("quorum") ? rule.integer("quorum") : 1;
  if (out.quorum < 1 || out.quorum > kQuorumMax) {
    return invalid(pointer + "/quorum", "it must be a number from 1 to 100");
  }
  if (rule.find("unseen")) {
    const std::string word = rule.text("unseen");
    out.unseenAllowed = word == "allow";
    if (!out.unseenAllowed && word != "refuse")
      return invalid(pointer + "/unseen", "it must be allow or refuse");
  }
  if (out.gateClass == GateClass::kLocal && (out.quorum > 1 || !out.approvers.empty())) {
    return invalid(pointer, "class local knows neither approvers nor a quorum");
  }
  return out;
}

Status PolicyReader::readPersons(const json::Value& persons, ApprovalRules& out) const {
  if (!persons.isObject()) return invalid("/approvals/persons", "it must be an object");
  for (const auto& [user, person] : persons.asObject()) {
    if (!person.isString() || !statement::isPerson(person.asString())) {
      return invalid("/approvals/persons/" + json::pointerToken(user), "it must be a person");
    }
    out.persons.emplace(user, person.asString());
  }
  return {};
}

Status PolicyReader::readApprovals(const json::Value& section, ApprovalRules& out) const {
  BELAY_TRY(onlyKeys(section, "/approvals", kKeys));
  if (const json::Value* gates = section.find("gates")) {
    if (!gates->isArray()) return invalid("/approvals/gates", "it must be a list");
    for (const json::Value& each : gates->asArray()) {
      BELAY_ASSIGN(GateRule rule,
                   gateRule(each, "/approvals/gates/" + std::to_string(out.gates.size())));
      out.gates.push_back(std::move(rule));
    }
  }
  if (const json::Value* persons = section.find("persons")) BELAY_TRY(readPersons(*persons, out));
  if (const json::Value* expires = section.find("expires")) {
    const auto length = expires->isString()
                            ? base::parseDuration(expires->asString())
                            : Result<std::chrono::milliseconds>(std::chrono::milliseconds{0});
    if (!length || *length <= std::chrono::milliseconds{0} || *length > kExpiresMax) {
      return invalid("/approvals/expires", "it must be a duration up to 366d, as 7d");
    }
    out.expires = *length;
  }
  if (section.find("artifacts")) {
    const std::string where = section.text("artifacts");
    out.artifacts = where == "sealed";
    if (!out.artifacts && where != "none") {
      return invalid("/approvals/artifacts", "it must be sealed or none");
    }
  }
  if (const json::Value* reissue = section.find("reissue_after_boot")) {
    if (!reissue->isBool()) {
      return invalid("/approvals/reissue_after_boot", "it must be true or false");
    }
    out.reissueAfterBoot = reissue->asBool();
  }
  if (!section.find("to_relay")) return {};
  const std::string word = section.text("to_relay");
  for (std::size_t i = 0; i < kDisclosures.size(); ++i) {
    if (kDisclosures[i] != word) continue;
    out.toRelay = static_cast<Disclosure>(i);
    return {};
  }
  return invalid("/approvals/to_relay", "it must be sealed, summary or full");
}

}  // namespace belay::trust
