#pragma once

#include <memory>
#include <string>

#include "agent/journal/Journal.h"
#include "agent/journal/Session.h"

namespace belay::journal {

// Copies of the journal. Each is written to a temporary name beside `target`, synced and renamed.
// Errors: kConflict when `target` exists, kDiskFull (the target's disk), kIo, kJournalIo.

/// Writes a compact copy at once, without free pages.
/// Durability: the copy is complete and on disk on success; after a failure there is no `target`.
base::Status backUp(Session& session, const std::string& target);

/// Begins a copy page by page, free ones too, between whose pieces the journal can be written.
base::Result<std::unique_ptr<Backup>> beginBackup(Session& session, const std::string& target);

}  // namespace belay::journal
