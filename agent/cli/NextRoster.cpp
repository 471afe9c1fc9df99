#include "agent/cli/NextRoster.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using statement::KeyClass;
using statement::Role;
using statement::Roster;
using statement::SignedStatement;

Result<RosterBefore> readRosterBefore(const Invocation& invocation, const std::string& path) {
  if (!invocation.has("root")) {
    return Error{ErrorCode::kUsage, "--root FILE is missing: the root document in force"};
  }
  BELAY_ASSIGN(const SignedStatement rootFile, readStatement(invocation, invocation.flag("root")));
  BELAY_ASSIGN(const auto root, statement::verifyFirstRoot(rootFile, rootFile.digest()));
  BELAY_ASSIGN(const SignedStatement rosterFile, readStatement(invocation, path));
  BELAY_ASSIGN(const auto roster,
               statement::verifyRoster(rosterFile, root.document(),
                                       root.document().fleetName(root.digest())));
  return RosterBefore{roster.document(), roster.digest()};
}

Result<api::Envelope> writeNextRoster(Invocation& invocation, const RosterBefore& before,
                                      Roster roster, const std::string& file) {
  roster.version = before.roster.version + 1;
  roster.prev = before.digest;
  roster.createdMs = invocation.nowMs();
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
