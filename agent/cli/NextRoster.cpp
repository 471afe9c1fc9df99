#include "agent/cli/NextRoster.h"

#include <algorithm>
#include <map>
#include <utility>

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using statement::KeyClass;
using statement::Role;
using statement::Root;
using statement::Roster;
using statement::SignedStatement;

namespace {

/// The root documents of --root-before, by their digests.
Result<std::map<crypto::Digest, Root>> olderRoots(const Invocation& invocation) {
  std::map<crypto::Digest, Root> out;
  for (const std::string& path : invocation.flags("root-before")) {
    BELAY_ASSIGN(const SignedStatement file, readStatement(invocation, path));
    BELAY_ASSIGN(const auto root, statement::verifyFirstRoot(file, file.digest()));
    out.emplace(root.digest(), root.document());
  }
  return out;
}

}  // namespace

Result<RosterBefore> readRosterBefore(const Invocation& invocation, const std::string& path) {
  if (!invocation.has("root")) {
    return Error{ErrorCode::kUsage, "--root FILE is missing: the root document in force"};
  }
  BELAY_ASSIGN(const SignedStatement rootFile, readStatement(invocation, invocation.flag("root")));
  BELAY_ASSIGN(const auto root, statement::verifyFirstRoot(rootFile, rootFile.digest()));
  const crypto::Digest fleet = root.document().fleetName(root.digest());
  BELAY_ASSIGN(const auto older, olderRoots(invocation));
  BELAY_ASSIGN(const SignedStatement rosterFile, readStatement(invocation, path));
  auto roster = statement::verifyRoster(rosterFile, root.document(), fleet);
  // A roster stays in force when the root document is replaced, so its signers may be in none but
  // an older one. Whoever believes a root document believes the one that it names.
  Root at = root.document();
  while (!roster) {
    const auto before = older.find(at.prev);
    if (before == older.end()) break;
    at = before->second;
    roster = statement::verifyRoster(rosterFile, at, fleet);
  }
  if (roster) return RosterBefore{roster->document(), roster->digest(), root.document()};
  Error error = std::move(roster).error();
  const bool others =
      error.code == ErrorCode::kStatementKey || error.code == ErrorCode::kStatementQuorum;
  if (others && at.version > 1) {
    error.actions.push_back("--root-before FILE: root document " + std::to_string(at.version - 1) +
                            ", " + at.prev.hex());
  }
  return error;
}

Status checkRosterSigner(const Invocation& invocation, const Root& root, const Roster& roster) {
  const auto signs = [&root](const crypto::P256PublicKey& key) {
    return std::any_of(root.keys.begin(), root.keys.end(), [&key](const Root::Key& each) {
      return each.key.thumbprint() == key.thumbprint();
    });
  };
  for (const Roster::Key& each : roster.keys) {
    if (!signs(each.key)) continue;
    return Error{ErrorCode::kStatementInvalid,
                 "key " + each.key.thumbprint() + " of " + shown(each.person) +
                     " is one of the root document: it signs rosters, and has no role in them",
                 {"belay key new FILE: another key for this role"}};
  }
  if (!invocation.has("key")) return {};  // openSigningKey() says so.
  BELAY_ASSIGN(const crypto::KeyFile file, readKeyFile(invocation.flag("key")));
  if (signs(file.publicKey())) return {};
  return Error{ErrorCode::kStatementKey,
               "key " + file.publicKey().thumbprint() + " of " + shown(invocation.flag("key")) +
                   " is not in the root document: hosts would not believe a roster of it",
               {"belay trust show lists the root keys"}};
}

Result<api::Envelope> writeNextRoster(Invocation& invocation, const RosterBefore& before,
                                      Roster roster, const std::string& file) {
  roster.version = before.roster.version + 1;
  roster.prev = before.digest;
  roster.createdMs = invocation.nowMs();
  BELAY_TRY(checkRosterSigner(invocation, before.root, roster));
  return writeDocument(invocation, roster, file);
}

std::string printNextRoster(const Invocation&, const json::Value& data) {
  return "wrote roster " + std::to_string(data.integer("version")) + ", " + data.text("digest") +
         ", to " + shown(data.text("file")) + "\n";
}

KeyClass usualClass(Role role) {
  if (role == Role::kApprover) return KeyClass::kE2e;
  return role == Role::kBot ? KeyClass::kBot : KeyClass::kNone;
}

}  // namespace belay::cli
