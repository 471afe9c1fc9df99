#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"
#include "common/crypto/P256.h"

namespace belay::trust {

/// Whose key may decide. Classes of the relay (e2e, bot, page) join here.
enum class DecisionClass { kLocal };
std::string_view decisionClassName(DecisionClass decisionClass);

enum class DecisionAnswer { kApprove, kReject };

/// What a person says to one request.
struct Decision {
  DecisionClass decisionClass = DecisionClass::kLocal;
  std::string person;      ///< "uid:1000", or a name of the roster.
  std::uint32_t uid = 0;   ///< Of the local caller, as the kernel says.
  crypto::Digest request;  ///< Of the request's verbatim bytes.
  DecisionAnswer answer = DecisionAnswer::kReject;
  std::string formJson = "{}";  ///< The values of the form: a JSON object.
  std::string comment;
  std::int64_t atMs = 0;  ///< Wall time, to show.
};

/// The keys that are believed, each for one class.
///
/// Threads: owner while keys are added; then any.
class DecisionKeys {
 public:
  void add(crypto::P256PublicKey key, DecisionClass decisionClass);
  struct Known {
    crypto::P256PublicKey key;
    DecisionClass decisionClass;
  };
  /// Null pointer: not known.
  const Known* find(std::string_view kid) const;

 private:
  std::map<std::string, Known, std::less<>> keys_;
};

/// A decision that is believed, with what the journal keeps of it. Only the two functions below
/// make one, so that whoever takes it by this type cannot be handed something that nobody verified.
class VerifiedDecision {
 public:
  Decision decision;
  std::string kid;      ///< Thumbprint of the key that signed.
  std::string payload;  ///< The verbatim bytes that were signed.
  std::string compact;  ///< All of it, as it came.

 private:
  VerifiedDecision(Decision d, std::string k, std::string p, std::string c)
      : decision(std::move(d)), kid(std::move(k)), payload(std::move(p)), compact(std::move(c)) {}
  friend base::Result<VerifiedDecision> verifyDecision(std::string_view, const DecisionKeys&,
                                                       const crypto::Digest&);
  friend base::Result<VerifiedDecision> signVerified(const crypto::P256PrivateKey&, const Decision&,
                                                     const DecisionKeys&);
};

/// A signed decision: compact JWS of typ belay-decision+jws.
/// Errors: kInvalidArgument when the form is not a JSON object, or comment or person are too long.
base::Result<std::string> signDecision(const crypto::P256PrivateKey& key, const Decision& decision);

/// Succeeds when a known key of the class that is claimed signed exactly this, for the request of
/// this digest. Kid, class and digest are looked at before any work on the curve. That it is used
/// once only, and in time, is the consumer's to see to.
/// Errors: kDecisionInvalid.
base::Result<VerifiedDecision> verifyDecision(std::string_view compact, const DecisionKeys& keys,
                                              const crypto::Digest& request);

/// Signs here and now, and holds what was signed against `keys` as verifyDecision() does; the one
/// thing that is not computed a second time is the signature that this very call has made.
/// Errors: those of both.
base::Result<VerifiedDecision> signVerified(const crypto::P256PrivateKey& key,
                                            const Decision& decision, const DecisionKeys& keys);

}  // namespace belay::trust
