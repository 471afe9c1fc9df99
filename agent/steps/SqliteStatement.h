#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/Clock.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::steps {

/// One statement on one SQLite file, and what it may use.
struct SqliteRequest {
  std::string file;  ///< Absolute, links resolved.
  std::string sql;
  json::Value params;  ///< A list, an object or null.
  bool write = false;
  std::uint64_t rowsMax = 1000;
  std::uint64_t resultBytes = 8u << 20;  ///< Of the rows as JSON.
  std::uint64_t fileBytes = 4ull << 30;  ///< Above it no file grows.
  std::uint64_t memoryBytes = 256u << 20;
  std::int64_t timeoutMs = 30'000;

  json::Value toJson() const;
  static base::Result<SqliteRequest> parse(std::string_view text);
};

/// Runs it: `{columns, rows, row_count, truncated}`, and of a write `changes` and `last_insert_id`.
///
/// A write is one transaction: committed on success, taken back on any error.
///
/// Neither the file nor the statement is believed: what is not needed is refused (other files,
/// those that a journal names too, pragmas, transactions, writing unless `write`), and time, rows, bytes and the growth of the file
/// are bounded. Memory is bounded by the process that calls it (runSqliteMain()).
///
/// Threads: any.
/// Errors:  kDbQuery, kDbReadOnly, kDbBusy, kStepTimeout, kLimit, kDiskFull, kInvalidArgument (the
///          parameters). After each of them the file is as it was. kStepAmbiguous: whether the
///          write was committed is not known.
base::Result<json::Value> runSqlite(const SqliteRequest& request, const base::Clock& clock);

/// The command of a job: takes a request from standard input, writes what came of it to the
/// descriptor of results. Gives the exit code.
int runSqliteMain(const base::Clock& clock);

}  // namespace belay::steps
