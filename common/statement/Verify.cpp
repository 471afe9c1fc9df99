#include "common/statement/Verify.h"

#include <algorithm>
#include <set>

namespace belay::statement {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using crypto::Digest;

/// The checks of verify…(), in their order.
class SignatureCheck {
 public:
  SignatureCheck(const SignedStatement& statement, const KeySet& keys)
      : statement_(statement), keys_(keys) {}

  /// What costs nothing: before any elliptic-curve work.
  Result<std::vector<Signer>> signers(std::int64_t threshold) const {
    std::vector<Signer> out;
    std::set<std::string> persons;
    for (const Jws& jws : statement_.signatures()) {
      BELAY_ASSIGN(const KeySet::Entry* entry, find(jws.kid()));
      if (!persons.insert(entry->person).second) {
        return Error{ErrorCode::kStatementPerson, entry->person + " has signed twice"};
      }
      out.push_back({jws.kid(), entry->person});
    }
    if (static_cast<std::int64_t>(out.size()) >= threshold) return out;
    return Error{ErrorCode::kStatementQuorum, std::to_string(out.size()) + " of " +
                                                  std::to_string(threshold) +
                                                  " persons have signed the " + statement_.typ()};
  }

  Status signatures(std::string_view typ) const {
    for (const Jws& jws : statement_.signatures()) {
      BELAY_TRY(jws.verify(keys_.keys_.find(jws.kid())->second.key, typ));
    }
    return {};
  }

  template <typename Document>
  static Believed<Document> believed(Document document, const Digest& digest,
                                     std::vector<Signer> signers) {
    return Believed<Document>(std::move(document), digest, std::move(signers));
  }

 private:
  Result<const KeySet::Entry*> find(const std::string& kid) const {
    const auto& revoked = keys_.revoked_;
    if (std::find(revoked.begin(), revoked.end(), kid) != revoked.end()) {
      return Error{ErrorCode::kStatementRevoked, "key " + kid + " was revoked"};
    }
    const auto found = keys_.keys_.find(kid);
    if (found == keys_.keys_.end()) {
      return Error{ErrorCode::kStatementKey, "key " + kid + " is not known here"};
    }
    if (found->second.maySign) return &found->second;
    return Error{ErrorCode::kStatementRole, "key " + kid + " of " + found->second.person +
                                                " has role " + found->second.role +
                                                ", which does not sign a " + statement_.typ()};
  }

  const SignedStatement& statement_;
  const KeySet& keys_;
};

namespace {

template <typename Document>
Result<Document> open(const SignedStatement& statement) {
  if (statement.typ() != Document::kTyp) {
    return Error{ErrorCode::kStatementKind, "the statement is a " + statement.typ() + ", not a " +
                                                std::string(Document::kTyp)};
  }
  return Document::parse(statement.unverifiedPayload());
}

Status checkFleet(const Digest& said, const Digest& fleet) {
  if (said == fleet) return {};
  return Error{ErrorCode::kStatementFleet,
               "the statement is for fleet " + said.hex() + ", not " + fleet.hex()};
}

/// The common part: who has signed, and that they have.
template <typename Document>
Result<Believed<Document>> believe(const SignedStatement& statement, Document document,
                                   const KeySet& keys, std::int64_t threshold) {
  const SignatureCheck check(statement, keys);
  BELAY_ASSIGN(std::vector<Signer> signers, check.signers(threshold));
  BELAY_TRY(check.signatures(Document::kTyp));
  return SignatureCheck::believed(std::move(document), statement.digest(), std::move(signers));
}

}  // namespace

KeySet KeySet::ofRoot(const Root& root) {
  KeySet out;
  for (const Root::Key& key : root.keys) {
    out.keys_.emplace(key.key.thumbprint(), Entry{key.key, key.person, true, "root"});
  }
  return out;
}

void KeySet::addAll(const Roster& roster, bool (*maySign)(Role)) {
  for (const Roster::Key& key : roster.keys) {
    keys_.emplace(key.key.thumbprint(),
                  Entry{key.key, key.person, maySign(key.role), std::string(roleName(key.role))});
  }
  for (const Roster::Revocation& each : roster.revocations) revoked_.push_back(each.key);
}

KeySet KeySet::ofRole(const Roster& roster, Role role) {
  KeySet out;
  out.addAll(roster, [](Role) { return false; });
  for (auto& [kid, entry] : out.keys_) entry.maySign = entry.role == roleName(role);
  return out;
}

KeySet KeySet::ofDeciders(const Roster& roster) {
  KeySet out;
  out.addAll(roster, [](Role role) { return role == Role::kApprover || role == Role::kBot; });
  return out;
}

KeySet KeySet::ofHost(const crypto::P256PublicKey& key) {
  KeySet out;
  out.keys_.emplace(key.thumbprint(), Entry{key, key.thumbprint(), true, "host"});
  return out;
}

std::vector<std::string> KeySet::kids() const {
  std::vector<std::string> out;
  for (const auto& [kid, entry] : keys_) out.push_back(kid);
  return out;
}

Result<Believed<Root>> verifyFirstRoot(const SignedStatement& statement, const Digest& digest) {
  BELAY_ASSIGN(Root root, open<Root>(statement));
  if (statement.digest() != digest) {
    return Error{ErrorCode::kTrustDigest, "the root document has the digest " +
                                              statement.digest().hex() + ", not " + digest.hex()};
  }
  // One that others came before was signed by their keys too, which nobody here knows: the digest
  // is what makes it believed.
  const KeySet keys = KeySet::ofRoot(root);
  BELAY_ASSIGN(const SignedStatement own, statement.onlyOf(keys.kids()));
  const std::int64_t threshold = root.threshold;
  return believe(own, std::move(root), keys, threshold);
}

Result<Believed<Root>> verifyNextRoot(const SignedStatement& statement, const Root& before,
                                      const Digest& fleet) {
  BELAY_ASSIGN(Root root, open<Root>(statement));
  BELAY_TRY(checkFleet(root.fleetName(statement.digest()), fleet));
  const KeySet old = KeySet::ofRoot(before), own = KeySet::ofRoot(root);
  const std::vector<std::string> oldKids = old.kids(), ownKids = own.kids();
  for (const Jws& jws : statement.signatures()) {
    const auto isIn = [&](const std::vector<std::string>& kids) {
      return std::find(kids.begin(), kids.end(), jws.kid()) != kids.end();
    };
    if (!isIn(oldKids) && !isIn(ownKids)) {
      return Error{ErrorCode::kStatementKey, "key " + jws.kid() + " is not known here"};
    }
  }
  BELAY_ASSIGN(const SignedStatement byOld, statement.onlyOf(oldKids));
  BELAY_ASSIGN(const SignedStatement byOwn, statement.onlyOf(ownKids));
  BELAY_TRY(SignatureCheck(byOwn, own).signers(root.threshold));
  BELAY_TRY(believe(byOld, root, old, before.threshold));
  const std::int64_t threshold = root.threshold;
  return believe(byOwn, std::move(root), own, threshold);
}

Result<Believed<Roster>> verifyRoster(const SignedStatement& statement, const Root& root,
                                      const Digest& fleet) {
  BELAY_ASSIGN(Roster roster, open<Roster>(statement));
  BELAY_TRY(checkFleet(roster.fleet, fleet));
  const KeySet keys = KeySet::ofRoot(root);
  const std::vector<std::string> kids = keys.kids();
  for (const Roster::Key& key : roster.keys) {
    if (std::find(kids.begin(), kids.end(), key.key.thumbprint()) == kids.end()) continue;
    return Error{ErrorCode::kStatementInvalid,
                 "the roster is not valid: it gives a role to a key of the root document, " +
                     key.key.thumbprint()};
  }
  return believe(statement, std::move(roster), keys, root.threshold);
}

Result<Believed<Pin>> verifyPin(const SignedStatement& statement, const Roster& roster) {
  BELAY_ASSIGN(Pin pin, open<Pin>(statement));
  BELAY_TRY(checkFleet(pin.fleet, roster.fleet));
  return believe(statement, std::move(pin), KeySet::ofRole(roster, Role::kReleaseSigner),
                 roster.pinThreshold);
}

Result<Believed<Card>> verifyCard(const SignedStatement& statement, const Roster& roster) {
  BELAY_ASSIGN(Card card, open<Card>(statement));
  BELAY_TRY(checkFleet(card.fleet, roster.fleet));
  if (roster.revocationOf(card.host())) {
    return Error{ErrorCode::kStatementRevoked, "the key of host " + card.label + " was revoked"};
  }
  return believe(statement, std::move(card), KeySet::ofRole(roster, Role::kRegistrar), 1);
}

namespace {

Status checkSingle(const SignedStatement& statement) {
  if (statement.signatures().size() == 1) return {};
  return Error{ErrorCode::kStatementInvalid,
               "a " + statement.typ() + " has one signature, this one has several"};
}

template <typename Document>
Result<Believed<Document>> verifyOfHost(const SignedStatement& statement,
                                        const crypto::P256PublicKey& host, const Digest& fleet) {
  BELAY_TRY(checkSingle(statement));
  BELAY_ASSIGN(Document document, open<Document>(statement));
  BELAY_TRY(checkFleet(document.fleet, fleet));
  if (document.host != statement.signatures().front().kid()) {
    return Error{ErrorCode::kStatementKey, "the " + statement.typ() + " says that it is of host " +
                                               document.host + ", whose key has not signed it"};
  }
  return believe(statement, std::move(document), KeySet::ofHost(host), 1);
}

}  // namespace

Result<Believed<Request>> verifyRequest(const SignedStatement& statement,
                                        const crypto::P256PublicKey& host, const Digest& fleet) {
  return verifyOfHost<Request>(statement, host, fleet);
}

Result<Believed<Receipt>> verifyReceipt(const SignedStatement& statement,
                                        const crypto::P256PublicKey& host, const Digest& fleet) {
  return verifyOfHost<Receipt>(statement, host, fleet);
}

Result<Believed<StartReceipt>> verifyStartReceipt(const SignedStatement& statement,
                                                  const crypto::P256PublicKey& host,
                                                  const Digest& fleet) {
  return verifyOfHost<StartReceipt>(statement, host, fleet);
}

Result<Believed<Offer>> verifyOffer(const SignedStatement& statement,
                                    const crypto::P256PublicKey& host, const Digest& fleet) {
  return verifyOfHost<Offer>(statement, host, fleet);
}

Result<Signer> checkStarter(const SignedStatement& statement, const Roster& roster) {
  const KeySet keys = KeySet::ofRole(roster, Role::kStarter);
  BELAY_ASSIGN(const std::vector<Signer> signers, SignatureCheck(statement, keys).signers(1));
  return signers.front();
}

Result<Believed<Start>> verifyStart(const SignedStatement& statement, const Roster& roster) {
  BELAY_TRY(checkSingle(statement));
  BELAY_ASSIGN(Start start, open<Start>(statement));
  BELAY_TRY(checkFleet(start.fleet, roster.fleet));
  return believe(statement, std::move(start), KeySet::ofRole(roster, Role::kStarter), 1);
}

Result<Signer> checkDecider(const SignedStatement& statement, const Roster& roster) {
  const KeySet keys = KeySet::ofDeciders(roster);
  BELAY_ASSIGN(const std::vector<Signer> signers, SignatureCheck(statement, keys).signers(1));
  return signers.front();
}

Result<Believed<Decision>> verifyDecision(const SignedStatement& statement, const Roster& roster) {
  BELAY_TRY(checkSingle(statement));
  BELAY_ASSIGN(Decision decision, open<Decision>(statement));
  BELAY_TRY(checkFleet(decision.fleet, roster.fleet));
  return believe(statement, std::move(decision), KeySet::ofDeciders(roster), 1);
}

Result<bool> checkChain(const std::optional<ChainEnd>& end, std::int64_t counter,
                        const Digest& digest, const Digest& prev, const std::string& what) {
  if (!end || counter - 1 > end->counter) return false;
  if (counter < end->counter) {
    return Error{ErrorCode::kStatementOld, what + " has counter " + std::to_string(counter) + "; " +
                                               std::to_string(end->counter) + " is in force here"};
  }
  if (counter == end->counter) {
    if (digest == end->digest) return true;
    return Error{ErrorCode::kStatementFork, what + " with counter " + std::to_string(counter) +
                                                " is " + digest.hex() + "; this host has " +
                                                end->digest.hex() + " with the same counter"};
  }
  if (prev == end->digest) return false;
  return Error{ErrorCode::kStatementFork,
               what + " with counter " + std::to_string(counter) + " follows " +
                   (prev == Digest{} ? "none" : prev.hex()) + "; this host has " +
                   end->digest.hex() + " before it"};
}

}  // namespace belay::statement
