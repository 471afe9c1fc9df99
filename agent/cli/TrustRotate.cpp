#include <algorithm>

#include "agent/cli/Commands.h"
#include "agent/cli/Signing.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using statement::Root;
using statement::SignedStatement;

namespace {

constexpr Flag kFlags[] = {
    {"add", 0, "PERSON=FILE.pub", "a key that signs rosters from now on", true},
    {"remove", 0, "KID", "a key that does so no more", true},
    {"threshold", 0, "N", "so many persons must sign a roster"},
    kKeyFlag,
    kPassphraseFlag,
};

bool hasKey(const Root& root, const std::string& kid) {
  return std::any_of(root.keys.begin(), root.keys.end(),
                     [&kid](const Root::Key& key) { return key.key.thumbprint() == kid; });
}

Result<api::Envelope> rotate(Invocation& invocation) {
  BELAY_ASSIGN(const SignedStatement file, readStatement(invocation, invocation.argument(0)));
  BELAY_ASSIGN(const auto before, statement::verifyFirstRoot(file, file.digest()));
  Root root = before.document();
  root.fleet = root.fleetName(before.digest());
  ++root.version;
  root.prev = before.digest();
  root.createdMs = invocation.nowMs();
  BELAY_ASSIGN(root.threshold, numberFlag(invocation, "threshold", root.threshold));
  for (const std::string& kid : invocation.flags("remove")) {
    const auto named = [&](const Root::Key& key) { return key.key.thumbprint() == kid; };
    if (std::erase_if(root.keys, named) == 0) {
      return Error{ErrorCode::kUsage, "the root document has no key " + shown(kid)};
    }
  }
  for (const std::string& pair : invocation.flags("add")) {
    BELAY_ASSIGN(const auto named, splitPair(pair, "add"));
    BELAY_ASSIGN(crypto::P256PublicKey key, readPublicKeyFile(named.second));
    root.keys.push_back({std::move(key), named.first});
  }
  if (invocation.has("key")) {
    BELAY_ASSIGN(const crypto::KeyFile signer, readKeyFile(invocation.flag("key")));
    const std::string kid = signer.publicKey().thumbprint();
    if (!hasKey(root, kid) && !hasKey(before.document(), kid)) {
      return Error{ErrorCode::kStatementKey,
                   "key " + kid + " is neither in the old root document nor in the new one"};
    }
  }
  BELAY_ASSIGN(api::Envelope out, writeDocument(invocation, root, invocation.argument(1)));
  out.data.set("old_threshold", before.document().threshold);
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  invocation.note(std::to_string(data.integer("old_threshold")) +
                  " persons of the old document, and " + std::to_string(data.integer("threshold")) +
                  " of the new one must sign it: belay trust sign FILE --key KEYFILE");
  return "wrote root document " + std::to_string(data.integer("version")) + ", " +
         data.text("digest") + ", to " + shown(data.text("file")) + "\n";
}

}  // namespace

const Command kTrustRotateCommand{
    "trust rotate",
    "ROOT OUT",
    "make the next root document of a fleet: other keys that sign rosters",
    "Signed by enough persons of the old document and by enough of the new one. Hosts take it with "
    "`belay trust install --root OUT`; the fleet keeps its name, and the roster in force stays so. "
    "The next roster is made with --root OUT --root-before ROOT.",
    kFlags,
    &rotate,
    &print,
    Completes::kFile};

}  // namespace belay::cli
