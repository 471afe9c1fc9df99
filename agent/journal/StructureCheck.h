#pragma once

#include "agent/journal/Rows.h"
#include "agent/journal/Session.h"

namespace belay::journal {

/// Looks at the structure of the file without holding the loop up.
///
/// A small file is checked by SQLite at once (PRAGMA quick_check). A large one is read row by row,
/// a piece per call: every page of every table is loaded with its cells checked, and each event
/// must be found through its index. What only PRAGMA quick_check sees then (the list of free pages,
/// pages that nothing uses) can lose room, but no row.
///
/// Threads: owner. Errors: kJournalCorrupt names the table; kJournalIo.
class StructureCheck {
 public:
  explicit StructureCheck(Session& session);

  base::Status step(CheckCursor& cursor, std::size_t rowsMost);

 private:
  base::Status checkBySqlite(const char* pragma);
  base::Status stepEvents(CheckCursor& cursor, std::size_t rowsMost);
  base::Status stepTable(CheckCursor& cursor, std::size_t rowsMost);

  Session& session_;
  sqlite::Statement events_;
};

}  // namespace belay::journal
