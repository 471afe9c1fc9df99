#pragma once

#include <string>

#include "agent/journal/Session.h"

namespace belay::journal {

/// Writes a compact copy of the journal to `target`: under a temporary name, synced, then renamed.
/// Durability: the copy is complete and on disk on success; after a failure there is no `target`.
/// Errors: kConflict when `target` exists, kDiskFull, kIo, kJournalIo.
base::Status backUp(Session& session, const std::string& target);

}  // namespace belay::journal
