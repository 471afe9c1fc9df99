#pragma once

#include "common/base/Result.h"
#include "common/sqlite/Database.h"

namespace belay::mailbox {

/// The header of the file: "BLYR".
inline constexpr std::int64_t kApplicationId = 0x424C5952;
inline constexpr std::int64_t kSchemaVersion = 2;

/// Makes the tables of an empty file; brings no other version forward yet: none was released.
/// Errors: kJournalForeign, kJournalNewer; of the database.
base::Status prepareSchema(sqlite::Database& database);

}  // namespace belay::mailbox
