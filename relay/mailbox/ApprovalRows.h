#pragma once

#include <cstdint>
#include <string>

namespace belay::mailbox {

/// What a host asks of people. Nothing of it is believed here; mostly nothing can be read.
struct ApprovalRow {
  std::string request;  ///< SHA-256 of the request's bytes, as the host says: its name. Hex.
  std::string host;
  std::int64_t change = 0;  ///< Rises with every change of any approval. Given by the store.
  std::int64_t atMs = 0;
  std::int64_t expiresMs = 0;
  bool closed = false;
  std::string summary;   ///< Empty unless the host tells it.
  std::string content;   ///< JSON: {"sealed"} or {"statement"}.
  bool expired = false;  ///< Closed by its end alone: its host has said nothing yet.
};

/// A decision that was handed in about one.
struct HandedRow {
  std::string decision;  ///< SHA-256 of its lines, hex: two persons may sign the same bytes.
  std::string receipt;   ///< Compact JWS of the host; empty: there is none yet.
  std::int64_t atMs = 0;
  std::int64_t tries = 0;  ///< So often it was passed on.
};

}  // namespace belay::mailbox
