#pragma once

#include <cstdint>
#include <span>

#include "common/base/Result.h"
#include "common/sqlite/Database.h"

namespace belay::journal {

// What the journal's file looks like: docs/format/journal.md.

/// PRAGMA application_id: "Bely".
constexpr std::int64_t kApplicationId = 0x42656c79;
/// PRAGMA user_version that this binary writes.
constexpr int kSchemaVersion = 3;

/// Statements that bring version `version` - 1 to `version`, in order; version 0 is an empty file.
/// SQLite keeps their texts verbatim in sqlite_schema. 1 <= `version` <= kSchemaVersion (checked).
std::span<const char* const> schemaStatements(int version);

/// What a file says that it is.
struct Header {
  std::int64_t applicationId = 0;
  std::int64_t version = 0;
  bool empty = false;  ///< A new file, or one whose creation was cut short.
};

/// Reads the header and refuses what is no journal, before anything is written.
/// Errors: kJournalForeign, kJournalNewer, kJournalCorrupt.
base::Result<Header> identify(sqlite::Database& database);
/// Makes a new file a journal, or brings an old one forward, one transaction for each version.
base::Status migrate(sqlite::Database& database, const Header& header);
/// kJournalCorrupt when the tables and indexes are not those of this version.
base::Status compareSchema(sqlite::Database& database);

}  // namespace belay::journal
