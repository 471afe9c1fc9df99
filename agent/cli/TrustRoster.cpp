#include <algorithm>

#include "agent/cli/Commands.h"
#include "agent/cli/NextRoster.h"
#include "common/base/Text.h"
#include "common/statement/Payload.h"

// trust roster and trust revoke: the next version of a roster.

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using statement::Roster;

namespace {

constexpr Flag kRosterFlags[] = {
    kRootFlag,
    kRootBeforeFlag,
    {"add", 0, "ROLE:PERSON=FILE.pub",
     "add a key: approver, bot, starter, registrar, release-signer, upgrade-signer", true},
    {"remove", 0, "KID", "take a key out", true},
    {"revoke", 0, "KID", "revoke a key, or host:KID; hosts keep what they have accepted of it",
     true},
    {"void", 0, "KID", "revoke a key, or host:KID, and all that it has ever signed", true},
    {"reason", 0, "TEXT", "why keys are revoked"},
    {"identity", 0, "PERSON=ID@KID", "a chat account and the bot that may attest it", true},
    {"floor", 0, "FLOW[/CHANNEL]=N", "pins with lower counters are not used any more", true},
    {"pin-threshold", 0, "N", "so many persons must sign a pin"},
    {"upgrade-threshold", 0, "N", "so many persons must sign an upgrade"},
    {"max-age", 0, "DURATION", "how old a roster may become"},
    kKeyFlag,
    kPassphraseFlag,
};
constexpr Flag kRevokeFlags[] = {kRootFlag,
                                 kRootBeforeFlag,
                                 {"void", 0, "", "take all away that the key has ever signed"},
                                 {"reason", 0, "TEXT", "why"},
                                 kKeyFlag,
                                 kPassphraseFlag};

Error noSuchKey(const std::string& kid) {
  return Error{ErrorCode::kUsage, "the roster has no key " + shown(kid)};
}

Status addKeys(const Invocation& invocation, Roster& roster) {
  for (const std::string& text : invocation.flags("add")) {
    const std::size_t colon = text.find(':');
    const auto role = statement::roleFromName(text.substr(0, colon));
    if (colon == std::string::npos || !role) {
      return Error{ErrorCode::kUsage,
                   "--add takes ROLE:PERSON=FILE.pub, not \"" + shown(text) + "\""};
    }
    BELAY_ASSIGN(const auto named, splitPair(text.substr(colon + 1), "add"));
    BELAY_ASSIGN(crypto::P256PublicKey key, readPublicKeyFile(named.second));
    roster.keys.push_back({std::move(key), *role, usualClass(*role), named.first});
  }
  return {};
}

Status removeKey(Roster& roster, const std::string& kid) {
  const auto named = [&](const Roster::Key& key) { return key.key.thumbprint() == kid; };
  if (std::erase_if(roster.keys, named) == 0) return noSuchKey(kid);
  std::erase_if(roster.identities, [&](const auto& identity) { return identity.bot == kid; });
  return {};
}

/// The thumbprint after "host:", or that of the card in a file so named. Nothing: the text names a
/// key of the roster. Errors: kUsage, kStatement….
Result<std::optional<std::string>> hostNamed(const Invocation& invocation, const Roster& roster,
                                             const std::string& text) {
  constexpr std::string_view kPrefix = "host:";
  if (!text.starts_with(kPrefix)) return std::optional<std::string>{};
  const std::string named = text.substr(kPrefix.size());
  if (statement::isThumbprint(named)) return std::optional(named);
  BELAY_ASSIGN(const auto file, readStatement(invocation, named));
  BELAY_ASSIGN(const auto card, statement::verifyCard(file, roster));
  return std::optional(card.document().host());
}

/// Keys of hosts stand in no roster: their cards and what they are told is not believed any more.
Status revokeKey(const Invocation& invocation, Roster& roster, const std::string& text,
                 Roster::Mode mode) {
  BELAY_ASSIGN(const std::optional<std::string> host, hostNamed(invocation, roster, text));
  const std::string& kid = host ? *host : text;
  const std::string reason = invocation.flag("reason");
  for (Roster::Revocation& each : roster.revocations) {
    if (each.key != kid) continue;
    each.mode = mode;
    each.reason = reason;
    return {};
  }
  if (!host) {
    Status removed = removeKey(roster, kid);
    if (!removed && statement::isThumbprint(kid)) {
      Error error = std::move(removed).error();
      error.actions.push_back("host:" + kid + " where it is the key of a host");
      return error;
    }
    BELAY_TRY(removed);
  }
  roster.revocations.push_back({kid, mode, reason});
  return {};
}

Status setFloor(Roster& roster, const std::string& text) {
  BELAY_ASSIGN(const auto pair, splitPair(text, "floor"));
  const auto counter = pair.second.size() < 19 ? base::parseUnsigned(pair.second) : std::nullopt;
  if (!counter) return Error{ErrorCode::kUsage, "--floor takes FLOW=N"};
  const std::size_t slash = pair.first.find('/');
  Roster::Floor floor{pair.first.substr(0, slash), statement::Pin{}.channel,
                      static_cast<std::int64_t>(*counter)};
  if (slash != std::string::npos) floor.channel = pair.first.substr(slash + 1);
  if (floor.counter < roster.floorOf(floor.flow, floor.channel)) {
    return Error{ErrorCode::kUsage, "the floor of " + shown(pair.first) + " only goes up"};
  }
  std::erase_if(roster.floors, [&](const Roster::Floor& each) {
    return each.flow == floor.flow && each.channel == floor.channel;
  });
  roster.floors.push_back(std::move(floor));
  return {};
}

Status addIdentity(Roster& roster, const std::string& text) {
  BELAY_ASSIGN(const auto pair, splitPair(text, "identity"));
  const std::size_t at = pair.second.rfind('@');
  if (at == std::string::npos) return Error{ErrorCode::kUsage, "--identity takes PERSON=ID@KID"};
  roster.identities.push_back({pair.second.substr(0, at), pair.first, pair.second.substr(at + 1)});
  return {};
}

Status change(const Invocation& invocation, Roster& roster) {
  BELAY_TRY(addKeys(invocation, roster));
  for (const std::string& kid : invocation.flags("remove")) BELAY_TRY(removeKey(roster, kid));
  for (const std::string& kid : invocation.flags("revoke")) {
    BELAY_TRY(revokeKey(invocation, roster, kid, Roster::Mode::kFromNow));
  }
  for (const std::string& kid : invocation.flags("void")) {
    BELAY_TRY(revokeKey(invocation, roster, kid, Roster::Mode::kVoid));
  }
  for (const std::string& text : invocation.flags("identity")) BELAY_TRY(addIdentity(roster, text));
  for (const std::string& text : invocation.flags("floor")) BELAY_TRY(setFloor(roster, text));
  BELAY_ASSIGN(roster.pinThreshold, numberFlag(invocation, "pin-threshold", roster.pinThreshold));
  BELAY_ASSIGN(roster.upgradeThreshold,
               numberFlag(invocation, "upgrade-threshold", roster.upgradeThreshold));
  BELAY_ASSIGN(const auto maxAge,
               invocation.duration("max-age", std::chrono::seconds(roster.maxAgeS)));
  roster.maxAgeS = maxAge.count() / 1000;
  return {};
}

Result<api::Envelope> nextRoster(Invocation& invocation) {
  BELAY_ASSIGN(const RosterBefore before, readRosterBefore(invocation, invocation.argument(0)));
  Roster roster = before.roster;
  BELAY_TRY(change(invocation, roster));
  return writeNextRoster(invocation, before, std::move(roster), invocation.argument(1));
}

Result<api::Envelope> revoke(Invocation& invocation) {
  BELAY_ASSIGN(const RosterBefore before, readRosterBefore(invocation, invocation.argument(0)));
  Roster roster = before.roster;
  BELAY_TRY(revokeKey(invocation, roster, invocation.argument(1),
                      invocation.has("void") ? Roster::Mode::kVoid : Roster::Mode::kFromNow));
  return writeNextRoster(invocation, before, std::move(roster), invocation.argument(2));
}

}  // namespace

const Command kTrustRosterCommand{
    "trust roster",
    "ROSTER OUT",
    "make the next version of a roster, and sign it",
    "ROSTER is the one in force, with all its signatures. Without changes it is the same with a "
    "new "
    "date. Where several persons must sign, the others run `belay trust sign OUT`. Keys come from "
    "files, and their thumbprints by another way: never from a relay.",
    kRosterFlags,
    &nextRoster,
    &printNextRoster,
    Completes::kFile};

const Command kTrustRevokeCommand{
    "trust revoke",
    "ROSTER KID OUT",
    "make the next version of a roster, in which a key counts no more",
    "What hosts have accepted of the key before they see this roster stays, and with --void it "
    "does not: approvals that it gave, and pins that it signed, are not believed any more. The key "
    "of a host, "
    "which no roster has, is KID host:THUMBPRINT, or host:FILE with its card: approvers and "
    "starters "
    "do not believe its card any more, nor does the host itself.",
    kRevokeFlags,
    &revoke,
    &printNextRoster,
    Completes::kFile};

}  // namespace belay::cli
