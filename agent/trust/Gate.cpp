#include "agent/trust/Gate.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/base/Check.h"
#include "common/base/Text.h"
#include "common/statement/Verify.h"

namespace belay::trust {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using statement::KeyClass;
using statement::Request;
using statement::Role;
using statement::Roster;

namespace {

constexpr std::array<std::string_view, 4> kNames{"local", "page", "bot", "e2e"};

const Roster::Key* keyOf(const Roster& roster, std::string_view kid) {
  for (const Roster::Key& key : roster.keys) {
    if (key.key.thumbprint() == kid) return &key;
  }
  return nullptr;
}

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool isHighEnough(const Roster::Key& key, const Request& request) {
  return key.keyClass != KeyClass::kNone &&
         gateClassOf(key.keyClass) >= gateClassOf(request.keyClass);
}

bool mayAnswer(const std::string& person, const Request& request) {
  return request.approvers.empty() || contains(request.approvers, person);
}

/// Whom the account that a bot attests belongs to.
Result<std::string> personOf(const Roster& roster, const std::string& kid,
                             const statement::Decision& decision) {
  for (const Roster::Identity& identity : roster.identities) {
    if (identity.bot == kid && identity.id == decision.onBehalfOf) return identity.person;
  }
  return Error{ErrorCode::kDecisionIdentity,
               "the roster gives bot " + kid + " no account " + base::visible(decision.onBehalfOf)};
}

bool mayApprove(const std::string& person, const Request& request) {
  return mayAnswer(person, request) && person != request.requester;
}

/// Whoever may approve by a key: its person, or whom a bot may attest. Whoever has asked cannot
/// have a bot attest somebody else.
std::vector<std::string> approversBy(const Roster::Key& key, const Roster& roster,
                                     const Request& request) {
  std::vector<std::string> out;
  if (key.role != Role::kBot) {
    if (mayApprove(key.person, request)) out.push_back(key.person);
    return out;
  }
  if (key.person == request.requester) return out;
  const std::string kid = key.key.thumbprint();
  for (const Roster::Identity& identity : roster.identities) {
    if (identity.bot == kid && mayApprove(identity.person, request)) out.push_back(identity.person);
  }
  return out;
}

/// The usable keys of those who may approve.
std::vector<const Roster::Key*> answerers(const Request& request, const Roster& roster) {
  std::vector<const Roster::Key*> out;
  for (const Roster::Key& key : roster.keys) {
    if (!isHighEnough(key, request) || roster.revocationOf(key.key.thumbprint())) continue;
    if (!approversBy(key, roster, request).empty()) out.push_back(&key);
  }
  return out;
}

}  // namespace

std::string_view gateClassName(GateClass gateClass) {
  return kNames.at(static_cast<std::size_t>(gateClass));
}

std::optional<GateClass> gateClassFrom(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<GateClass>(found - kNames.begin());
}

GateClass gateClassOf(KeyClass keyClass) {
  switch (keyClass) {
    case KeyClass::kE2e:
      return GateClass::kE2e;
    case KeyClass::kBot:
      return GateClass::kBot;
    case KeyClass::kPage:
      return GateClass::kPage;
    default:
      return GateClass::kLocal;
  }
}

KeyClass keyClassOf(GateClass gateClass) {
  BELAY_CHECK(gateClass != GateClass::kLocal);
  if (gateClass == GateClass::kE2e) return KeyClass::kE2e;
  return gateClass == GateClass::kBot ? KeyClass::kBot : KeyClass::kPage;
}

Result<Vote> voteOf(const Request& request, const statement::SignedStatement& statement,
                    const statement::Decision& decision, const Roster& roster) {
  BELAY_ASSIGN(const statement::Signer signer, statement::checkDecider(statement, roster));
  const Roster::Key* key = keyOf(roster, signer.kid);
  BELAY_CHECK(key);
  if (!isHighEnough(*key, request)) {
    return Error{ErrorCode::kDecisionClass,
                 "key " + signer.kid + " is of class " +
                     std::string(statement::keyClassName(key->keyClass)) +
                     "; this approval needs class " +
                     std::string(statement::keyClassName(request.keyClass))};
  }
  Vote vote;
  vote.kid = signer.kid;
  vote.person = vote.holder = key->person;
  if (key->role == Role::kBot || !decision.onBehalfOf.empty()) {
    BELAY_ASSIGN(vote.person, personOf(roster, signer.kid, decision));
  }
  vote.approve = decision.approve;
  vote.comment = decision.comment;
  vote.unseen = decision.unseen;
  // What somebody would have filled in does not matter to a rejection.
  if (decision.approve) vote.form = decision.form;
  if (!mayAnswer(vote.person, request)) {
    return Error{ErrorCode::kDecisionApprover, vote.person + " was not asked"};
  }
  if (vote.approve && (vote.person == request.requester || vote.holder == request.requester)) {
    return Error{ErrorCode::kDecisionRequester,
                 request.requester + " has asked for this, and may not approve it" +
                     (vote.person == vote.holder ? "" : ", nor by a bot whose key is theirs")};
  }
  return vote;
}

Status checkFresh(const std::vector<Vote>& counted, const Vote& vote) {
  for (const Vote& each : counted) {
    const bool apart = each.person != vote.person && each.person != vote.holder &&
                       each.holder != vote.person && each.holder != vote.holder;
    if (apart) continue;
    // A person's rejection is heard also after another of the same bot has approved.
    if (!vote.approve && each.approve && each.person != vote.person) continue;
    return Error{ErrorCode::kDecisionRepeated,
                 each.person + " has decided already" +
                     (each.person == vote.person
                          ? ""
                          : ", and one human has the keys for both: a bot's key counts as its "
                            "holder")};
  }
  return {};
}

Tally tally(const Request& request, const std::vector<Vote>& votes) {
  Tally out;
  std::int64_t approvals = 0;
  bool alike = true;
  for (const Vote& vote : votes) {
    if (!vote.approve) {
      return {Tally::State::kRejected, json::Value(json::Object{}), vote.comment, vote.person, {}};
    }
    if (approvals++ == 0) out.form = vote.form;
    alike = alike && out.form == vote.form;
    out.by += (out.by.empty() ? "" : ", ") + vote.person;
    for (const crypto::Digest& each : vote.unseen) {
      if (std::find(out.unseen.begin(), out.unseen.end(), each) == out.unseen.end())
        out.unseen.push_back(each);
    }
    if (vote.comment.empty()) continue;
    out.comment += (out.comment.empty() ? "" : "\n") +
                   (request.quorum > 1 ? vote.person + ": " : std::string()) + vote.comment;
  }
  if (!alike) {
    return {Tally::State::kRejected,
            json::Value(json::Object{}),
            out.comment,
            "the gate: " + out.by + " gave different values",
            {}};
  }
  if (approvals >= request.quorum) out.state = Tally::State::kApproved;
  return out;
}

std::vector<crypto::P256PublicKey> answererKeys(const Request& request, const Roster& roster) {
  std::vector<crypto::P256PublicKey> out;
  for (const Roster::Key* key : answerers(request, roster)) out.push_back(key->key);
  return out;
}

std::size_t answerersMost(const Request& request, const Roster& roster) {
  std::set<std::string> holders;
  std::set<std::string> persons;
  for (const Roster::Key* key : answerers(request, roster)) {
    holders.insert(key->person);
    for (std::string& person : approversBy(*key, roster, request))
      persons.insert(std::move(person));
  }
  return std::min(holders.size(), persons.size());
}

bool hasApprovers(const Roster& roster) {
  return std::any_of(roster.keys.begin(), roster.keys.end(), [&](const Roster::Key& key) {
    return key.role == Role::kApprover && !roster.revocationOf(key.key.thumbprint());
  });
}

}  // namespace belay::trust
