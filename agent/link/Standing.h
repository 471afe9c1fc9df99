#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/journal/Journal.h"
#include "agent/link/RelayClient.h"
#include "common/base/Result.h"

namespace belay::link {

/// What the journal keeps of the link in one row, besides the outbox.
struct Standing {
  Identity identity;  ///< Without a URL: there is no link.
  std::int64_t enrolledMs = 0;
  std::int64_t received = 0;      ///< Number of the last message from the relay that was processed.
  std::int64_t processed = 0;     ///< Messages from relays, since the journal began.
  std::int64_t sent = 0;          ///< Number of the last message that was put into the outbox.
  std::int64_t handed = 0;        ///< Number of the last message that the relay has on disk.
  std::int64_t callbackMark = 0;  ///< Row of the last wait that was looked at.
  std::int64_t changeMark = 0;    ///< Row of the last change of flows that was looked at.
  std::int64_t rosterMark = 0;    ///< Version of the roster by which requests were sealed.
  std::int64_t rootMark = 0;      ///< Version of the root document by which rosters were judged.
  std::string hooks;              ///< What the relay was told last, as JSON.
  std::string offer;              ///< Digest of what it was told last to be offered; empty: none.

  /// The latest refusal for want of room; its message empty: the relay has all.
  std::string refusal;
  std::string refusalCode;
  std::int64_t refusalMs = 0;

  bool linked() const { return !identity.url.empty(); }
};

// Threads: the journal's owner. Errors: of the journal.

/// No link when nothing is there.
base::Result<Standing> readStanding(journal::Journal& journal);
base::Status writeStanding(journal::Journal& journal, const Standing& standing);

}  // namespace belay::link
