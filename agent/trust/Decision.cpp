#include "agent/trust/Decision.h"

#include <algorithm>
#include <array>
#include <limits>

#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"
#include "common/statement/Jws.h"

namespace belay::trust {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::string_view kTyp = "belay-decision+jws";
constexpr std::int64_t kVersion = 1;
constexpr std::size_t kPersonBytesMax = 256;
constexpr std::size_t kCommentBytesMax = 4096;
constexpr std::size_t kFormBytesMax = 64u << 10;
constexpr json::ParseLimits kPayloadLimits{.bytesMax = 128u << 10, .depthMax = 32};

struct ClassRow {
  DecisionClass value;
  std::string_view name;
};
constexpr std::array<ClassRow, 1> kClasses{{{DecisionClass::kLocal, "local"}}};

Error invalid(const std::string& why) {
  return Error{ErrorCode::kDecisionInvalid, "the decision is refused: " + why};
}

/// The members of version 1: all of them, and no others.
Status checkMembers(const json::Value& payload) {
  constexpr std::array<std::string_view, 9> kMembers{
      "v", "class", "person", "uid", "request", "decision", "form", "comment", "at"};
  if (!payload.isObject()) return invalid("its payload is not an object");
  for (const auto& [name, value] : payload.asObject()) {
    if (std::find(kMembers.begin(), kMembers.end(), name) == kMembers.end()) {
      return invalid("it has a member that is not known: " + base::visible(name));
    }
  }
  if (payload.asObject().size() != kMembers.size()) return invalid("a member is missing");
  for (const std::string_view name : {"class", "person", "request", "decision", "comment", "at"}) {
    if (!payload.find(name)->isString()) return invalid(std::string(name) + " is not a text");
  }
  if (!payload.find("form")->isObject()) return invalid("its form is not an object");
  return {};
}

Result<Decision> readPayload(const std::string& text) {
  auto parsed = json::parse(text, kPayloadLimits);
  if (!parsed.ok()) return invalid("its payload is not strict JSON");
  const json::Value& payload = *parsed;
  BELAY_TRY(checkMembers(payload));
  if (payload.integer("v", 0) != kVersion) return invalid("its version is not known");
  Decision out;
  const std::string className = payload.text("class");
  const auto row = std::find_if(kClasses.begin(), kClasses.end(),
                                [&](const ClassRow& known) { return known.name == className; });
  if (row == kClasses.end()) return invalid("its class is not known");
  out.decisionClass = row->value;
  const std::int64_t uid = payload.integer("uid", -1);
  if (uid < 0 || uid > std::numeric_limits<std::uint32_t>::max()) return invalid("uid is no uid");
  out.uid = static_cast<std::uint32_t>(uid);
  const auto request = crypto::Digest::fromHex(payload.text("request"));
  if (!request) return invalid("request is not a digest");
  out.request = *request;
  const std::string answer = payload.text("decision");
  if (answer != "approve" && answer != "reject") return invalid("it is neither approve nor reject");
  out.answer = answer == "approve" ? DecisionAnswer::kApprove : DecisionAnswer::kReject;
  const auto at = base::parseInstant(payload.text("at"));
  if (!at.ok()) return invalid("at is not a time");
  out.atMs = *at;
  out.person = payload.text("person");
  out.comment = payload.text("comment");
  out.formJson = json::print(*payload.find("form"));
  return out;
}

/// A statement whose members, key and class are right; its signature has not been looked at.
struct Claimed {
  statement::Jws jws;
  const DecisionKeys::Known* known = nullptr;
  Decision decision;
};

Result<Claimed> readClaim(std::string_view compact, const DecisionKeys& keys,
                          const crypto::Digest& request) {
  auto jws = statement::Jws::parse(compact);
  if (!jws.ok()) return invalid(jws.error().message);
  const DecisionKeys::Known* known = keys.find(jws->kid());
  if (!known) return invalid("its key is not known here");
  BELAY_ASSIGN(Decision decision, readPayload(jws->unverifiedPayload()));
  if (decision.decisionClass != known->decisionClass) {
    return invalid("its key may not decide with class " +
                   std::string(decisionClassName(decision.decisionClass)));
  }
  if (decision.request != request) return invalid("it answers another request");
  return Claimed{std::move(*jws), known, std::move(decision)};
}

}  // namespace

std::string_view decisionClassName(DecisionClass decisionClass) {
  for (const ClassRow& row : kClasses) {
    if (row.value == decisionClass) return row.name;
  }
  return "";
}

void DecisionKeys::add(crypto::P256PublicKey key, DecisionClass decisionClass) {
  std::string kid = key.thumbprint();
  keys_.insert_or_assign(std::move(kid), Known{std::move(key), decisionClass});
}

const DecisionKeys::Known* DecisionKeys::find(std::string_view kid) const {
  const auto found = keys_.find(kid);
  return found == keys_.end() ? nullptr : &found->second;
}

Result<std::string> signDecision(const crypto::P256PrivateKey& key, const Decision& decision) {
  const auto refused = [](const char* why) { return Error{ErrorCode::kInvalidArgument, why}; };
  if (decision.person.empty() || decision.person.size() > kPersonBytesMax ||
      !base::isUtf8(decision.person)) {
    return refused("a decision names a person in at most 256 bytes");
  }
  if (decision.comment.size() > kCommentBytesMax || !base::isUtf8(decision.comment)) {
    return refused("a comment has at most 4096 bytes of text");
  }
  const auto form = json::parse(decision.formJson, {.bytesMax = kFormBytesMax, .depthMax = 16});
  if (!form.ok() || !form->isObject()) return refused("the form must be a JSON object");
  std::string payload;
  json::Writer(payload)
      .beginObject()
      .member("v", kVersion)
      .member("class", decisionClassName(decision.decisionClass))
      .member("person", decision.person)
      .member("uid", std::int64_t{decision.uid})
      .member("request", decision.request.hex())
      .member("decision", decision.answer == DecisionAnswer::kApprove ? "approve" : "reject")
      .rawMember("form", decision.formJson)
      .member("comment", decision.comment)
      .member("at", base::formatInstant(decision.atMs))
      .endObject();
  return statement::signJws(key, kTyp, payload);
}

Result<VerifiedDecision> verifyDecision(std::string_view compact, const DecisionKeys& keys,
                                        const crypto::Digest& request) {
  BELAY_ASSIGN(Claimed claim, readClaim(compact, keys, request));
  auto payload = claim.jws.verify(claim.known->key, kTyp);
  if (!payload.ok()) return invalid(payload.error().message);
  return VerifiedDecision(std::move(claim.decision), claim.jws.kid(), std::move(*payload),
                          std::string(compact));
}

Result<VerifiedDecision> signVerified(const crypto::P256PrivateKey& key, const Decision& decision,
                                      const DecisionKeys& keys) {
  BELAY_ASSIGN(std::string compact, signDecision(key, decision));
  BELAY_ASSIGN(Claimed claim, readClaim(compact, keys, decision.request));
  if (!(claim.known->key == key.publicKey())) return invalid("its key is not known here");
  std::string payload = claim.jws.unverifiedPayload();
  return VerifiedDecision(std::move(claim.decision), claim.jws.kid(), std::move(payload),
                          std::move(compact));
}

}  // namespace belay::trust
