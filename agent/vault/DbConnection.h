#pragma once

#include <string>

#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::vault {

/// A SQLite file of this host. Read-only unless it says otherwise.
struct DbConnection {
  std::string file;  ///< Absolute, and no link on its way.
  bool write = false;
};

/// Reads `{type: db, file, write, rate_limit}`. Errors: kConnectionInvalid, with the JSON Pointer
/// below /connections/NAME in `place`.
base::Result<DbConnection> readDbConnection(std::string_view name, const json::Value& definition);

}  // namespace belay::vault
