#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"
#include "common/statement/Card.h"
#include "common/statement/Decision.h"
#include "common/statement/Offer.h"
#include "common/statement/Pin.h"
#include "common/statement/Receipt.h"
#include "common/statement/Request.h"
#include "common/statement/Root.h"
#include "common/statement/Roster.h"
#include "common/statement/SignedStatement.h"
#include "common/statement/Start.h"
#include "common/statement/StartReceipt.h"

namespace belay::statement {

/// The keys that may sign one kind of statement, of one fleet.
///
/// Threads: owner while it is made; then any.
class KeySet {
 public:
  /// Those that sign rosters and the next root document.
  static KeySet ofRoot(const Root& root);
  /// Those of one role; the others are known, but may not sign.
  static KeySet ofRole(const Roster& roster, Role role);
  /// Approvers and bots.
  static KeySet ofDeciders(const Roster& roster);
  /// The one key of a host.
  static KeySet ofHost(const crypto::P256PublicKey& key);

  std::vector<std::string> kids() const;

 private:
  friend class SignatureCheck;
  struct Entry {
    crypto::P256PublicKey key;
    std::string person;
    bool maySign = true;
    std::string role;
  };
  void addAll(const Roster& roster, bool (*maySign)(Role));
  std::map<std::string, Entry, std::less<>> keys_;
  std::vector<std::string> revoked_;
};

/// One who has signed.
struct Signer {
  std::string kid;
  std::string person;
};

/// A document that is believed: only verify() and its friends make one.
template <typename Document>
class Believed {
 public:
  const Document& document() const { return document_; }
  /// Of the payload's verbatim bytes.
  const crypto::Digest& digest() const { return digest_; }
  const std::vector<Signer>& signers() const { return signers_; }

 private:
  friend class SignatureCheck;
  Believed(Document document, crypto::Digest digest, std::vector<Signer> signers)
      : document_(std::move(document)), digest_(digest), signers_(std::move(signers)) {}
  Document document_;
  crypto::Digest digest_;
  std::vector<Signer> signers_;
};

// The one way in which any statement comes to be believed: kind, payload, fleet, then of every
// signature that its key is known, not revoked, of the right role, and of a person that has not
// signed yet, then that they are enough persons; the elliptic curve comes last.
// Threads: any. Errors: kStatement…, one for each reason.

/// The first root document that a host sees: signed by its own keys, and named by its digest.
/// Errors: kTrustDigest too.
base::Result<Believed<Root>> verifyFirstRoot(const SignedStatement& statement,
                                             const crypto::Digest& digest);
/// A later one: signed by enough persons of `before`, and by enough of its own. `fleet` is the
/// name of the fleet.
base::Result<Believed<Root>> verifyNextRoot(const SignedStatement& statement, const Root& before,
                                            const crypto::Digest& fleet);
base::Result<Believed<Roster>> verifyRoster(const SignedStatement& statement, const Root& root,
                                            const crypto::Digest& fleet);
base::Result<Believed<Pin>> verifyPin(const SignedStatement& statement, const Roster& roster);
base::Result<Believed<Card>> verifyCard(const SignedStatement& statement, const Roster& roster);
// The following have one signature. A host's own key is believed by a card, or by a thumbprint that
// came another way.
base::Result<Believed<Request>> verifyRequest(const SignedStatement& statement,
                                              const crypto::P256PublicKey& host,
                                              const crypto::Digest& fleet);
base::Result<Believed<Receipt>> verifyReceipt(const SignedStatement& statement,
                                              const crypto::P256PublicKey& host,
                                              const crypto::Digest& fleet);
base::Result<Believed<StartReceipt>> verifyStartReceipt(const SignedStatement& statement,
                                                        const crypto::P256PublicKey& host,
                                                        const crypto::Digest& fleet);
base::Result<Believed<Offer>> verifyOffer(const SignedStatement& statement,
                                          const crypto::P256PublicKey& host,
                                          const crypto::Digest& fleet);
/// Of a starter; whether the host does it is the host's to see to.
base::Result<Believed<Start>> verifyStart(const SignedStatement& statement, const Roster& roster);
/// What verifyStart() looks at before the signature, as checkDecider() does.
base::Result<Signer> checkStarter(const SignedStatement& statement, const Roster& roster);
/// Of a key that may decide at all; whether it may here, and now, is the gate's to see to.
base::Result<Believed<Decision>> verifyDecision(const SignedStatement& statement,
                                                const Roster& roster);
/// What verifyDecision() looks at before the signature, against a roster that may be another by
/// now. Errors: kStatementRevoked, kStatementKey, kStatementRole.
base::Result<Signer> checkDecider(const SignedStatement& statement, const Roster& roster);

/// Where a chain stands: the statement that is in force.
struct ChainEnd {
  std::int64_t counter = 0;
  crypto::Digest digest;
};
/// True when the statement is the one in force, false when it is to take its place.
/// Errors: kStatementOld; kStatementFork for an equal counter with other bytes, and for the next
/// one that follows another statement.
base::Result<bool> checkChain(const std::optional<ChainEnd>& end, std::int64_t counter,
                              const crypto::Digest& digest, const crypto::Digest& prev,
                              const std::string& what);

}  // namespace belay::statement
