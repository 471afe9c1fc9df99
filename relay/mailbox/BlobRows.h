#pragma once

#include <cstdint>
#include <string>

namespace belay::mailbox {

/// One part of what was sealed for those who may answer a request.
struct BlobPart {
  std::string request;  ///< Digest, hex.
  std::string name;     ///< That host and approvers have for it; says nothing to others. Hex.
  std::string seal;     ///< For whom it was sealed: parts of one seal belong together. Hex.
  std::int64_t part = 0;
  std::int64_t parts = 1;
  std::string content;
};

/// How much of it is there: its first `have` parts.
struct BlobState {
  std::string seal;
  std::int64_t have = 0;
  std::int64_t parts = 0;
};

}  // namespace belay::mailbox
