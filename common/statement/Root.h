#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/crypto/Digest.h"
#include "common/crypto/P256.h"

namespace belay::statement {

/// Who may sign rosters and the next root document of a fleet.
///
/// The first one has version 1, no `prev`, and no `fleet`: its own digest is the fleet's name, for
/// good. Byte by byte: docs/format/statements.md.
struct Root {
  static constexpr std::string_view kTyp = "belay-root+jws";

  struct Key {
    crypto::P256PublicKey key;
    std::string person;
  };
  crypto::Digest fleet;  ///< Zero in the first one.
  std::int64_t version = 1;
  crypto::Digest prev;  ///< Of the payload of the root document before; zero in the first one.
  std::string name;     ///< What people call the fleet.
  std::vector<Key> keys;
  std::int64_t threshold = 1;  ///< So many persons must sign.
  std::int64_t createdMs = 0;

  /// Errors: kStatementInvalid, kStatementVersion.
  static base::Result<Root> parse(std::string_view payload);
  /// A payload that parse() reads; the same root always gives the same bytes.
  std::string print() const;
  /// `digest` is that of this document.
  crypto::Digest fleetName(const crypto::Digest& digest) const {
    return version == 1 ? digest : fleet;
  }
};

}  // namespace belay::statement
