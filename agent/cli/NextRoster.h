#pragma once

#include <string>

#include "agent/cli/Signing.h"
#include "common/base/Result.h"
#include "common/statement/Root.h"
#include "common/statement/Roster.h"

namespace belay::cli {

// What the commands share that make the next version of a roster.

inline constexpr Flag kRootFlag{"root", 0, "FILE", "the root document in force (required)"};
inline constexpr Flag kRootBeforeFlag{
    "root-before", 0, "FILE",
    "an older root document, when ROSTER was signed before `belay trust rotate`", true};

/// The roster that the next one follows, verified as a host does.
struct RosterBefore {
  statement::Roster roster;
  crypto::Digest digest;
  statement::Root root;  ///< The one in force: its keys sign what follows.
};
/// With the root document of --root, and where the roster is older than that one, with those of
/// --root-before: each is believed because the next one names its digest.
/// Errors: kUsage, kStatement….
base::Result<RosterBefore> readRosterBefore(const Invocation& invocation, const std::string& path);
/// Before anybody is asked for a passphrase: that hosts will believe a roster of these keys, signed
/// with the key of --key. That others must sign too is no error.
/// Errors: kStatementInvalid, kStatementKey; of the key file.
base::Status checkRosterSigner(const Invocation& invocation, const statement::Root& root,
                               const statement::Roster& roster);
/// Writes the version after `before`, with one signature. Errors: of Roster::parse(), and those of
/// the key.
base::Result<api::Envelope> writeNextRoster(Invocation& invocation, const RosterBefore& before,
                                            statement::Roster roster, const std::string& file);
std::string printNextRoster(const Invocation& invocation, const json::Value& data);

/// The class of a key that nobody says another one of.
statement::KeyClass usualClass(statement::Role role);

}  // namespace belay::cli
