#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"
#include "common/crypto/P256.h"

namespace belay::statement {

/// What a key of the roster is for; one key has one role.
enum class Role { kApprover, kBot, kStarter, kRegistrar, kReleaseSigner, kUpgradeSigner };
std::string_view roleName(Role role);
std::optional<Role> roleFromName(std::string_view name);

/// How far the decisions of a key go; kNone for keys that decide nothing.
enum class KeyClass { kNone, kE2e, kPage, kBot };
std::string_view keyClassName(KeyClass keyClass);
/// Approvers are e2e or page, bots are bot, all others none.
bool isClassOf(KeyClass keyClass, Role role);

/// The keys of a fleet, who holds them, and what they may say. Signed by the root.
///
/// Byte by byte: docs/format/statements.md.
struct Roster {
  static constexpr std::string_view kTyp = "belay-roster+jws";

  struct Key {
    crypto::P256PublicKey key;
    Role role = Role::kApprover;
    KeyClass keyClass = KeyClass::kNone;
    std::string person;
  };
  /// An account of a chat, by its immutable id ("slack:T1/U2", "matrix:@a:example.org"), whose
  /// person a bot may attest.
  struct Identity {
    std::string id;
    std::string person;
    std::string bot;  ///< Thumbprint of a key of role bot.
  };
  enum class Mode {
    kFromNow,  ///< What a host has accepted before it saw this roster stays in force.
    kVoid,     ///< Nothing that the key has signed counts, whenever it was accepted.
  };
  struct Revocation {
    std::string key;  ///< Thumbprint.
    Mode mode = Mode::kFromNow;
    std::string reason;
  };
  /// Pins of this chain with lower counters are not used any more.
  struct Floor {
    std::string flow;
    std::string channel;
    std::int64_t counter = 1;
  };

  crypto::Digest fleet;
  std::int64_t version = 1;
  crypto::Digest prev;  ///< Of the payload of the roster before; zero in the first one.
  std::int64_t createdMs = 0;
  std::int64_t maxAgeS = 0;           ///< An older roster closes gates that are marked `fresh`.
  std::int64_t pinThreshold = 1;      ///< So many persons must sign a pin.
  std::int64_t upgradeThreshold = 1;  ///< So many persons must sign an upgrade.
  std::vector<Key> keys;
  std::vector<Identity> identities;
  std::vector<Revocation> revocations;
  std::vector<Floor> floors;
  std::vector<std::string> relays;  ///< Base URLs that hosts may use besides their own.

  /// Errors: kStatementInvalid, kStatementVersion.
  static base::Result<Roster> parse(std::string_view payload);
  /// A payload that parse() reads; the same roster always gives the same bytes.
  std::string print() const;

  /// Null pointer: not revoked.
  const Revocation* revocationOf(std::string_view kid) const;
  /// 0: there is none.
  std::int64_t floorOf(std::string_view flow, std::string_view channel) const;
};

}  // namespace belay::statement
