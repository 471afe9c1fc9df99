#include <algorithm>

#include "agent/cli/Commands.h"
#include "agent/cli/Signing.h"
#include "common/base/Files.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using statement::Root;
using statement::Roster;

namespace {

constexpr std::chrono::hours kMaxAge{24 * 90};

constexpr Flag kFlags[] = {
    {"name", 0, "TEXT", "what people call the fleet"},
    {"root", 0, "PERSON=FILE.pub", "a key that signs rosters", true},
    {"threshold", 0, "N", "so many persons must sign a roster (1)"},
    {"signer", 0, "PERSON=FILE.pub", "a key that signs pins", true},
    {"pin-threshold", 0, "N", "so many persons must sign a pin (1)"},
    {"max-age", 0, "DURATION", "how old a roster may become (90d)"},
    kKeyFlag,
    kPassphraseFlag,
};

Result<Root> makeRoot(const Invocation& invocation) {
  Root root;
  root.name = invocation.flag("name");
  root.createdMs = invocation.nowMs();
  BELAY_ASSIGN(root.threshold, numberFlag(invocation, "threshold", 1));
  for (const std::string& pair : invocation.flags("root")) {
    BELAY_ASSIGN(const auto named, splitPair(pair, "root"));
    BELAY_ASSIGN(crypto::P256PublicKey key, readPublicKeyFile(named.second));
    root.keys.push_back({std::move(key), named.first});
  }
  // What was made is read as strictly as it will be by others.
  return Root::parse(root.print());
}

Result<Roster> makeRoster(const Invocation& invocation, const crypto::Digest& fleet) {
  Roster roster;
  roster.fleet = fleet;
  roster.createdMs = invocation.nowMs();
  BELAY_ASSIGN(const auto maxAge, invocation.duration("max-age", kMaxAge));
  roster.maxAgeS = maxAge.count() / 1000;
  BELAY_ASSIGN(roster.pinThreshold, numberFlag(invocation, "pin-threshold", 1));
  for (const std::string& pair : invocation.flags("signer")) {
    BELAY_ASSIGN(const auto named, splitPair(pair, "signer"));
    BELAY_ASSIGN(crypto::P256PublicKey key, readPublicKeyFile(named.second));
    roster.keys.push_back(
        {std::move(key), statement::Role::kReleaseSigner, statement::KeyClass::kNone, named.first});
  }
  return Roster::parse(roster.print());
}

Result<api::Envelope> init(Invocation& invocation) {
  BELAY_ASSIGN(const Root root, makeRoot(invocation));
  BELAY_ASSIGN(const crypto::P256PrivateKey key, openSigningKey(invocation));
  BELAY_ASSIGN(const auto signedRoot, signFirst(key, Root::kTyp, root.print()));
  BELAY_ASSIGN(const Roster roster, makeRoster(invocation, signedRoot.digest()));
  BELAY_ASSIGN(const auto signedRoster, signFirst(key, Roster::kTyp, roster.print()));
  const auto keys = statement::KeySet::ofRoot(root).kids();
  if (std::find(keys.begin(), keys.end(), key.publicKey().thumbprint()) == keys.end()) {
    return Error{ErrorCode::kUsage, "the key that signs is none of those given with --root"};
  }
  const std::string& folder = invocation.argument(0);
  BELAY_TRY(base::makeFolders(folder));
  const std::string rootFile = folder + "/root-1.jws", rosterFile = folder + "/roster-1.jws";
  BELAY_TRY(writeNew(rootFile, signedRoot.lines()));
  BELAY_TRY(writeNew(rosterFile, signedRoster.lines()));
  api::Envelope out;
  out.data.set("fleet", signedRoot.digest().hex()).set("root_digest", signedRoot.digest().hex());
  out.data.set("root_file", rootFile).set("roster_file", rosterFile);
  out.data.set("signatures_missing", root.threshold - 1);
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  invocation.note("wrote " + shown(data.text("root_file")) + " and " +
                  shown(data.text("roster_file")));
  if (data.integer("signatures_missing") > 0) {
    invocation.note(std::to_string(data.integer("signatures_missing")) +
                    " more must sign each: belay trust sign FILE --key KEYFILE");
  }
  invocation.note(
      "on each host: belay trust install --root FILE --root-digest DIGEST --roster FILE");
  return data.text("root_digest") + "\n";
}

}  // namespace

const Command kTrustInitCommand{
    "trust init",
    "FOLDER",
    "make a fleet: its root document and its first roster, as files",
    "Needs no daemon and no network; keep the root keys away from hosts. Prints the digest of the "
    "root document, by which hosts believe it: give it to them by another way than the files.",
    kFlags,
    &init,
    &print};

}  // namespace belay::cli
