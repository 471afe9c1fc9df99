#pragma once

#include <cstdint>
#include <string>

namespace belay::mailbox {

/// A start that was handed in for a host, sealed. Nothing of it can be read here.
struct StartRow {
  std::string start;  ///< Digest, as whoever handed it in says: its name. Hex.
  std::string host;
  std::int64_t atMs = 0;
  std::int64_t expiresMs = 0;
  std::int64_t tries = 0;  ///< So often it was passed on.
  std::string receipt;     ///< Compact JWS of the host; empty: there is none yet.
};

/// What a host has said that it offers, not believed by anybody here.
struct OfferRow {
  std::string host;
  std::string label;
  std::string offer;  ///< Compact JWS; empty: nothing.
  std::int64_t offeredMs = 0;
  std::int64_t seenMs = 0;
  bool connected = false;
};

}  // namespace belay::mailbox
