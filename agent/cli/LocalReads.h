#pragma once

#include <memory>
#include <string>

#include "agent/cli/Installation.h"
#include "agent/journal/Journal.h"
#include "common/base/Clock.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::cli {

// What can be read while no daemon runs: straight from its journal, read-only.

/// Errors: kNotFound, kJournalLocked while a daemon holds it, and those of Journal::open.
base::Result<std::unique_ptr<journal::Journal>> openJournal(const Installation& installation,
                                                            const base::Clock& clock,
                                                            bool readOnly);

/// The same for the journal of a path, such as a backup; no reserve is kept beside it.
base::Result<std::unique_ptr<journal::Journal>> openJournalAt(const std::string& path,
                                                              const base::Clock& clock,
                                                              bool readOnly);

/// Answers a read of the API by the very code that the daemon uses.
base::Result<json::Value> readLocally(const Installation& installation, const base::Clock& clock,
                                      const std::string& target);

}  // namespace belay::cli
