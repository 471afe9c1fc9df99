#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"
#include "common/crypto/P256.h"
#include "common/json/Value.h"
#include "common/statement/Decision.h"
#include "common/statement/Request.h"
#include "common/statement/Roster.h"
#include "common/statement/SignedStatement.h"

namespace belay::trust {

// Who may answer an approval, and when enough have. Pure: the roster in force is given. Threads:
// any.

/// From the least to the most. kLocal: any operator of the host, by the host's own key.
enum class GateClass { kLocal, kPage, kBot, kE2e };
std::string_view gateClassName(GateClass gateClass);
std::optional<GateClass> gateClassFrom(std::string_view name);
GateClass gateClassOf(statement::KeyClass keyClass);
/// Not of kLocal (checked).
statement::KeyClass keyClassOf(GateClass gateClass);

/// A decision as a gate counts it.
struct Vote {
  std::string kid;
  std::string person;  ///< Whom it counts for.
  std::string holder;  ///< Whose key signed; of a bot another one, who could have made it alone.
  std::vector<crypto::Digest> unseen;  ///< Artifacts that were not looked at.
  bool approve = false;
  json::Value form{json::Object{}};
  std::string comment;
};
/// Whether, and for whom, a decision counts. The signature is not looked at.
/// Errors: kStatementRevoked, kStatementKey, kStatementRole, kDecisionClass, kDecisionIdentity,
/// kDecisionApprover, kDecisionRequester.
base::Result<Vote> voteOf(const statement::Request& request,
                          const statement::SignedStatement& statement,
                          const statement::Decision& decision, const statement::Roster& roster);
/// Errors: kDecisionRepeated when one human could stand behind it and behind one that counts: as
/// the person, or with the key of the bot that attests.
base::Status checkFresh(const std::vector<Vote>& counted, const Vote& vote);

/// What the votes come to.
struct Tally {
  enum class State { kOpen, kApproved, kRejected } state = State::kOpen;
  json::Value form{json::Object{}};
  std::string comment;  ///< "ada: …" of each who said something; of a single one as it is.
  std::string by;       ///< "ada, bob", or why it was denied.
  std::vector<crypto::Digest> unseen;  ///< Artifacts that one who approved did not look at.
};
/// A rejection decides; so do approvals with form values that differ: nobody knows which were
/// meant, so the gate denies.
Tally tally(const statement::Request& request, const std::vector<Vote>& votes);

/// The keys of those who may answer: whom a request is sealed for.
std::vector<crypto::P256PublicKey> answererKeys(const statement::Request& request,
                                                const statement::Roster& roster);
/// So many can be counted at most.
std::size_t answerersMost(const statement::Request& request, const statement::Roster& roster);
/// True when somebody holds a key of an approver that was not revoked.
bool hasApprovers(const statement::Roster& roster);

}  // namespace belay::trust
