#pragma once

#include <cstdint>
#include <string>

namespace belay::mailbox {

/// A pin with its signatures, not believed by anybody here.
struct PinRow {
  std::string digest;   ///< Of its lines, hex: with other signatures it is another one.
  std::string payload;  ///< Digest of what is signed, hex.
  std::string chain;    ///< "flow/channel"
  std::string release;  ///< That it names, hex.
  std::string text;     ///< As it came.
  std::int64_t atMs = 0;
};

/// Who is right can tell nobody here, so the newest stay.
struct PinBounds {
  std::int64_t ofChain = 8;
  std::int64_t ofPayload = 4;  ///< With different signatures.
  std::int64_t tries = 16;     ///< So often one is passed on.
};

}  // namespace belay::mailbox
