#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "agent/journal/Journal.h"
#include "common/base/Random.h"
#include "common/base/Result.h"

namespace belay::runtime {

/// Why this host begins nothing until a person has looked.
struct Quarantine {
  std::string cause;    ///< "machine": another machine; "session": the relay has a later statement.
  std::string message;  ///< For people.
  std::int64_t sinceMs = 0;  ///< Wall.
};

/// Files that name the machine, each with the SHA-256 of its content in hex.
using MachineFacts = std::map<std::string, std::string>;

/// What tells this host from a copy of itself, and from what it was before it was set back.
struct HostEpoch {
  std::int64_t counter = 1;           ///< Rises when a quarantine ends and with a new host key.
  std::string random;                 ///< 128 bits, unpadded base64url; new with each counter.
  std::int64_t sessions = 0;          ///< Number of the last session statement that was signed.
  std::int64_t grantedSession = 0;    ///< Number of the last one that a relay granted.
  std::string grantedDigest;          ///< SHA-256 of that statement, hex.
  MachineFacts machine;               ///< As they were last seen.
  std::optional<Quarantine> quarantine;

  /// "2.q1Zl…", as statements carry it.
  std::string text() const { return std::to_string(counter) + "." + random; }
};

// Threads: the journal's owner. Errors: of the journal.

/// The first epoch where none was written: its random bits are those of the installation.
base::Result<HostEpoch> readHostEpoch(journal::Journal& journal);
base::Status writeHostEpoch(journal::Journal& journal, const HostEpoch& epoch);

/// What is another machine than it was, in words; empty: nothing. A fact that is missing now says
/// nothing. Pure.
std::string machineChange(const HostEpoch& epoch, const MachineFacts& now);

/// The same host, after whatever made it doubtful: decisions about what it asked before are void.
void beginEpoch(HostEpoch& epoch, base::Random& random);

}  // namespace belay::runtime
