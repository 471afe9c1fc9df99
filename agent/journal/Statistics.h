#pragma once

#include "agent/journal/Rows.h"
#include "agent/journal/Session.h"

namespace belay::journal {

/// Sizes and numbers of rows, for `journal stats`.
///
/// Counts beyond a million are the span of the row numbers: exact unless rows between were pruned,
/// and never a scan that holds the loop up.
base::Result<JournalStats> readStats(Session& session);

}  // namespace belay::journal
