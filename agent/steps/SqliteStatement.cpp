#include "agent/steps/SqliteStatement.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <memory>
#include <set>
#include <vector>

#include "agent/steps/SqliteFiles.h"
#include "common/base/FreeWith.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

using Handle = std::unique_ptr<sqlite3, base::FreeWith<&sqlite3_close_v2>>;
using Prepared = std::unique_ptr<sqlite3_stmt, base::FreeWith<&sqlite3_finalize>>;

constexpr double kExactMax = 9007199254740992.0;
constexpr int kStepsPerLook = 2'000;

/// Pragmas that only tell.
constexpr std::array<std::string_view, 10> kPragmas{
    "table_info", "table_xinfo",      "table_list",   "index_list",   "index_info",
    "index_xinfo", "foreign_key_list", "user_version", "database_list", "compile_options"};

/// What callbacks of SQLite look at and note.
struct Guard {
  const base::Clock& clock;
  std::int64_t deadlineMs = 0;
  bool write = false;
  bool timedOut = false;
  std::string refused;  ///< What the statement may not do, in words.
  bool wouldWrite = false;
};

int onProgress(void* context) noexcept {
  auto& guard = *static_cast<Guard*>(context);
  guard.timedOut = guard.clock.sinceBoot().count() >= guard.deadlineMs;
  return guard.timedOut ? 1 : 0;
}

bool isPragma(const char* name, const char* argument) {
  const std::string text = base::toLower(name ? name : "");
  const bool known = std::find(kPragmas.begin(), kPragmas.end(), text) != kPragmas.end();
  return known && (text != "user_version" || argument == nullptr);
}

int refuse(Guard& guard, const char* what) {
  guard.refused = what;
  return SQLITE_DENY;
}

int authorize(void* context, int action, const char* first, const char* second, const char*,
              const char*) noexcept {
  auto& guard = *static_cast<Guard*>(context);
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      if (second && base::equalsIgnoringCase(second, "load_extension"))
        return refuse(guard, "load_extension()");
      return SQLITE_OK;
    case SQLITE_PRAGMA:
      return isPragma(first, second) ? SQLITE_OK : refuse(guard, "this PRAGMA");
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      return refuse(guard, "ATTACH and DETACH");
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
      return refuse(guard, "transactions of its own: one statement is one");
    case SQLITE_CREATE_VTABLE:
    case SQLITE_DROP_VTABLE:
      return refuse(guard, "virtual tables");
    default:
      if (guard.write) return SQLITE_OK;
      guard.wouldWrite = true;
      return SQLITE_DENY;
  }
}

class Query {
 public:
  Query(const SqliteRequest& request, const base::Clock& clock)
      : request_(request),
        guard_{clock, clock.sinceBoot().count() + request.timeoutMs, request.write, false, {},
               false} {}

  Result<Value> run() {
    auto done = perform();
    if (!done.ok()) takeBack();
    return done;
  }

 private:
  Result<Value> perform();
  Error error(int code) const;
  Status checkFile() const;
  Status open();
  Status configure();
  /// So that the file grows no further than it may.
  Status boundPages();
  Status pragma(const std::string& sql);
  Status prepare();
  Status bind();
  Status bindOne(int index, const Value& value);
  Status bindText(int index, std::string_view text);
  std::string_view own(std::string text) { return owned_.emplace_back(std::move(text)); }
  Status readColumns();
  Result<Value> rows();
  Result<Value> oneRow();
  Value valueAt(int column) const;
  Status commit();
  void takeBack();

  const SqliteRequest& request_;
  Guard guard_;
  const SqliteFiles files_;
  Handle handle_;
  std::deque<std::string> owned_;  ///< Texts and bytes that the statement is bound to.
  std::vector<std::string> columns_;
  std::uint64_t bytes_ = 0;  ///< Of the rows so far, as JSON.
  Prepared statement_;
};

Result<Value> Query::perform() {
  BELAY_TRY(open());
  BELAY_TRY(prepare());
  BELAY_TRY(bind());
  BELAY_TRY(readColumns());
  BELAY_ASSIGN(Value out, rows());
  if (request_.write) BELAY_TRY(commit());
  return out;
}

Error Query::error(int code) const {
  const std::string said = handle_ ? sqlite3_errmsg(handle_.get()) : "";
  const std::string shown = base::visible(said.substr(0, 500));
  const std::string file = base::visible(request_.file);
  if (guard_.timedOut)
    return Error{ErrorCode::kStepTimeout, "the statement was not done after " +
                                              std::to_string(request_.timeoutMs) + " ms"};
  if (guard_.wouldWrite)
    return Error{ErrorCode::kDbReadOnly,
                 "the statement would write; a step says so with write: true, and its connection "
                 "allows it with write: true"};
  if (!guard_.refused.empty())
    return Error{ErrorCode::kDbQuery, "a db step does not allow " + guard_.refused};
  if (!files_.refused().empty())
    return Error{ErrorCode::kDbQuery,
                 file + "-journal is left of a transaction over several databases and names " +
                     base::visible(files_.refused().substr(0, 500)) +
                     ", which a db step does not touch",
                 {"open it once with the program that made it, or with sqlite3"}};
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error{ErrorCode::kDbBusy, file + " is held by others"};
    case SQLITE_NOMEM:
      return Error{ErrorCode::kLimit, "the statement needs more memory than db.memory_max = " +
                                          base::formatBytes(request_.memoryBytes)};
    case SQLITE_TOOBIG:
      return Error{ErrorCode::kLimit, "a value is larger than db.result_max = " +
                                          base::formatBytes(request_.resultBytes)};
    case SQLITE_FULL:
      return Error{ErrorCode::kLimit, file + " would grow above db.file_max = " +
                                          base::formatBytes(request_.fileBytes) +
                                          ", or the disk is full"};
    case SQLITE_READONLY:
      return Error{ErrorCode::kDbReadOnly, file + ": " + shown};
    case SQLITE_CANTOPEN:
      return Error{ErrorCode::kDbQuery, "cannot open " + file + ": " + shown};
    default:
      return Error{ErrorCode::kDbQuery, file + ": " + shown};
  }
}

/// A file beside it that is a link would be written through.
Status Query::checkFile() const {
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
    struct stat info {};
    const std::string path = request_.file + suffix;
    if (::lstat(path.c_str(), &info) != 0) continue;
    if (!S_ISREG(info.st_mode))
      return Error{ErrorCode::kDbQuery, base::visible(path) + " is no regular file"};
  }
  return {};
}

Status Query::open() {
  BELAY_TRY(checkFile());
  if (!files_.name()) return error(SQLITE_NOMEM);
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX |
                    (request_.write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
  const int opened = sqlite3_open_v2(request_.file.c_str(), &raw, flags, files_.name());
  handle_.reset(raw);
  if (opened != SQLITE_OK) return error(opened);
  return configure();
}

Status Query::pragma(const std::string& sql) {
  const int done = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return done == SQLITE_OK ? Status{} : Status{error(done)};
}

Status Query::boundPages() {
  sqlite3_stmt* raw = nullptr;
  const int compiled = sqlite3_prepare_v2(handle_.get(), "PRAGMA page_size", -1, &raw, nullptr);
  const Prepared ask(raw);
  if (compiled != SQLITE_OK) return error(compiled);
  const int stepped = sqlite3_step(raw);
  if (stepped != SQLITE_ROW) return error(stepped);
  const auto size = static_cast<std::uint64_t>(std::max(512, sqlite3_column_int(raw, 0)));
  const std::uint64_t pages = std::clamp<std::uint64_t>(request_.fileBytes / size, 1, 0xFFFFFFFE);
  return pragma("PRAGMA max_page_count = " + std::to_string(pages));
}

Status Query::configure() {
  sqlite3* db = handle_.get();
  const int length = static_cast<int>(std::min<std::uint64_t>(request_.resultBytes, 16u << 20));
  const std::array<std::pair<int, int>, 9> limits{{{SQLITE_LIMIT_LENGTH, length},
                                                   {SQLITE_LIMIT_SQL_LENGTH, 200'000},
                                                   {SQLITE_LIMIT_COLUMN, 1'000},
                                                   {SQLITE_LIMIT_EXPR_DEPTH, 100},
                                                   {SQLITE_LIMIT_COMPOUND_SELECT, 100},
                                                   {SQLITE_LIMIT_ATTACHED, 0},
                                                   {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1'000},
                                                   {SQLITE_LIMIT_TRIGGER_DEPTH, 16},
                                                   {SQLITE_LIMIT_WORKER_THREADS, 0}}};
  for (const auto& [limit, value] : limits) sqlite3_limit(db, limit, value);
  // What the file itself defines is not trusted: it may call no function that has effects.
  for (const auto& [option, on] : {std::pair{SQLITE_DBCONFIG_DEFENSIVE, 1},
                                   std::pair{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0}}) {
    const int set = sqlite3_db_config(db, option, on, nullptr);
    if (set != SQLITE_OK) return error(set);
  }
  sqlite3_busy_timeout(db, static_cast<int>(std::min<std::int64_t>(request_.timeoutMs, 60'000)));
  sqlite3_progress_handler(db, kStepsPerLook, &onProgress, &guard_);
  BELAY_TRY(pragma("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA cache_size = -4096"));
  if (request_.write) {
    BELAY_TRY(boundPages());
    // All that RETURNING gives is changed before its first row is there, and OR FAIL keeps what it
    // did before it failed: only a transaction around the statement takes them back.
    BELAY_TRY(pragma("BEGIN IMMEDIATE"));
  } else {
    BELAY_TRY(pragma("PRAGMA query_only = ON"));
  }
  sqlite3_set_authorizer(db, &authorize, &guard_);
  return {};
}

Status Query::prepare() {
  const char* tail = nullptr;
  sqlite3_stmt* raw = nullptr;
  const auto compile = [&](const char* from) {
    const auto length = static_cast<int>(request_.sql.data() + request_.sql.size() - from);
    const int done = sqlite3_prepare_v3(handle_.get(), from, length, 0, &raw, &tail);
    return std::pair{done, Prepared(raw)};
  };
  auto [done, first] = compile(request_.sql.data());
  if (done != SQLITE_OK) return error(done);
  if (!first) return Error{ErrorCode::kDbQuery, "there is no statement in sql"};
  const char* const end = request_.sql.data() + request_.sql.size();
  while (tail < end) {
    auto [more, second] = compile(tail);
    if (second || more != SQLITE_OK)
      return Error{ErrorCode::kDbQuery, "a db step runs one statement, and sql has several",
                   {"write a step for each"}};
  }
  if (!request_.write && sqlite3_stmt_readonly(first.get()) == 0) {
    guard_.wouldWrite = true;
    return error(SQLITE_READONLY);
  }
  statement_ = std::move(first);
  return {};
}

/// What is bound outlives the statement: it is not copied.
Status Query::bindText(int index, std::string_view text) {
  const int done = sqlite3_bind_text64(statement_.get(), index, text.data(), text.size(), nullptr,
                                       SQLITE_UTF8);
  return done == SQLITE_OK ? Status{} : Status{error(done)};
}

Status Query::bindOne(int index, const Value& value) {
  sqlite3_stmt* statement = statement_.get();
  int done = SQLITE_OK;
  if (value.isNull()) {
    done = sqlite3_bind_null(statement, index);
  } else if (value.isBool()) {
    done = sqlite3_bind_int(statement, index, value.asBool() ? 1 : 0);
  } else if (value.isNumber()) {
    const double number = value.asNumber();
    done = value.isInteger() ? sqlite3_bind_int64(statement, index, value.asInteger())
                             : sqlite3_bind_double(statement, index, number);
  } else if (value.isString()) {
    return bindText(index, value.asString());
  } else if (const Value* text = value.isObject() ? value.find("text") : nullptr;
             text && text->isString() && value.find("truncated")) {
    // The output of a step that wrote text.
    if (value.flag("truncated"))
      return Error{ErrorCode::kInvalidArgument,
                   "parameter " + std::to_string(index) + " is an output that was cut"};
    return bindText(index, text->asString());
  } else if (const Value* encoded = value.isObject() ? value.find("base64") : nullptr;
             encoded && encoded->isString() && value.asObject().size() == 1) {
    auto decoded = base::fromBase64(encoded->asString());
    if (!decoded)
      return Error{ErrorCode::kInvalidArgument,
                   "parameter " + std::to_string(index) + " is not base64"};
    const std::string_view bytes = own(std::move(*decoded));
    done = sqlite3_bind_blob64(statement, index, bytes.data(), bytes.size(), nullptr);
  } else {
    // Read by json_each() and its like.
    return bindText(index, own(json::print(value)));
  }
  return done == SQLITE_OK ? Status{} : Status{error(done)};
}

Status Query::bind() {
  const int places = sqlite3_bind_parameter_count(statement_.get());
  const Value& params = request_.params;
  const auto wrong = [](const std::string& why) {
    return Error{ErrorCode::kDbQuery, why, {"values belong into params, one for each place"}};
  };
  if (params.isObject()) {
    std::set<std::string> used;
    for (int i = 1; i <= places; ++i) {
      const char* raw = sqlite3_bind_parameter_name(statement_.get(), i);
      const std::string name = raw && *raw != '?' ? raw + 1 : "";
      const Value* value = name.empty() ? nullptr : params.find(name);
      if (!value)
        return wrong("params has no value for " + std::string(raw ? raw : "?") + " of the statement");
      used.insert(name);
      BELAY_TRY(bindOne(i, *value));
    }
    for (const auto& [name, value] : params.asObject()) {
      if (!used.contains(name))
        return wrong("the statement has no place :" + base::visible(name));
    }
    return {};
  }
  if (!params.isNull() && !params.isArray())
    return Error{ErrorCode::kInvalidArgument, "params must be a list or an object"};
  const std::size_t given = params.isArray() ? params.asArray().size() : 0;
  if (given != static_cast<std::size_t>(places))
    return wrong("the statement has " + std::to_string(places) + " places, and params has " +
                 std::to_string(given) + " values");
  for (int i = 1; i <= places; ++i)
    BELAY_TRY(bindOne(i, params.asArray()[static_cast<std::size_t>(i) - 1]));
  return {};
}

Status Query::readColumns() {
  std::set<std::string> seen;
  const int count = sqlite3_column_count(statement_.get());
  for (int i = 0; i < count; ++i) {
    const char* raw = sqlite3_column_name(statement_.get(), i);
    const std::string name = raw ? raw : "";
    if (!base::isUtf8(name)) return Error{ErrorCode::kDbQuery, "a column's name is no UTF-8"};
    if (!seen.insert(name).second)
      return Error{ErrorCode::kDbQuery, "two columns are called " + base::visible(name),
                   {"name one of them with AS"}};
    columns_.push_back(name);
  }
  return {};
}

Value Query::valueAt(int column) const {
  sqlite3_stmt* statement = statement_.get();
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER: {
      const std::int64_t number = sqlite3_column_int64(statement, column);
      // JSON's numbers would round it.
      if (std::fabs(static_cast<double>(number)) >= kExactMax) return std::to_string(number);
      return number;
    }
    case SQLITE_FLOAT: {
      const double number = sqlite3_column_double(statement, column);
      if (std::isfinite(number)) return number;
      return number > 0 ? "Infinity" : "-Infinity";
    }
    case SQLITE_NULL:
      return {};
    default:
      break;
  }
  const bool isText = sqlite3_column_type(statement, column) == SQLITE_TEXT;
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  const std::string_view bytes(data ? data : "", data ? size : 0);
  if (isText && base::isUtf8(bytes) && bytes.find('\0') == std::string_view::npos)
    return std::string(bytes);
  Value blob;
  blob.set("base64", base::toBase64(bytes));
  return blob;
}

Result<Value> Query::oneRow() {
  json::Object row;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    row.emplace_back(columns_[i], valueAt(static_cast<int>(i)));
  }
  Value whole(std::move(row));
  bytes_ += json::print(whole).size() + 1;
  if (bytes_ <= request_.resultBytes) return whole;
  return Error{ErrorCode::kLimit, "the rows have more than db.result_max = " +
                                      base::formatBytes(request_.resultBytes),
               {"select less", "a smaller max_rows"}};
}

Result<Value> Query::rows() {
  json::Array rows;
  bool truncated = false;
  while (true) {
    const int stepped = sqlite3_step(statement_.get());
    if (stepped == SQLITE_DONE) break;
    if (stepped != SQLITE_ROW) return error(stepped);
    truncated = rows.size() >= request_.rowsMax;
    if (truncated && request_.write) continue;  // What it changes is not done before its end.
    if (truncated) break;
    BELAY_ASSIGN(Value row, oneRow());
    rows.push_back(std::move(row));
  }
  // Its end may tell of an error.
  const int ended = sqlite3_reset(statement_.get());
  if (ended != SQLITE_OK) return error(ended);
  Value out;
  json::Array names;
  for (const std::string& name : columns_) names.emplace_back(name);
  out.set("columns", std::move(names)).set("row_count", static_cast<std::uint64_t>(rows.size()));
  out.set("rows", std::move(rows)).set("truncated", truncated);
  if (request_.write) {
    out.set("changes", std::int64_t{sqlite3_changes64(handle_.get())});
    out.set("last_insert_id", std::int64_t{sqlite3_last_insert_rowid(handle_.get())});
  }
  return out;
}

Status Query::commit() {
  statement_.reset();
  sqlite3_set_authorizer(handle_.get(), nullptr, nullptr);
  const int done = sqlite3_exec(handle_.get(), "COMMIT", nullptr, nullptr, nullptr);
  if (done == SQLITE_OK) return {};
  const Error why = error(done);
  if ((done & 0xff) != SQLITE_IOERR) return why;
  // The journal may be gone, or the log be whole, although the system said no to what came last.
  return Error{ErrorCode::kStepAmbiguous,
               "it is not known whether the statement was committed: " + why.message};
}

/// Where this fails too, the journal stays, and who opens the file next takes the changes back.
void Query::takeBack() {
  if (!handle_ || sqlite3_get_autocommit(handle_.get()) != 0) return;
  statement_.reset();
  sqlite3_progress_handler(handle_.get(), 0, nullptr, nullptr);
  sqlite3_set_authorizer(handle_.get(), nullptr, nullptr);
  sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace

Value SqliteRequest::toJson() const {
  Value out;
  out.set("file", file).set("sql", sql).set("params", params).set("write", write);
  out.set("rows_max", rowsMax).set("result_bytes", resultBytes).set("file_bytes", fileBytes);
  out.set("memory_bytes", memoryBytes).set("timeout_ms", timeoutMs);
  return out;
}

Result<SqliteRequest> SqliteRequest::parse(std::string_view text) {
  BELAY_ASSIGN(const Value value, json::parse(text));
  SqliteRequest out;
  out.file = value.text("file");
  out.sql = value.text("sql");
  if (const Value* params = value.find("params")) out.params = *params;
  out.write = value.flag("write");
  out.rowsMax = static_cast<std::uint64_t>(value.integer("rows_max"));
  out.resultBytes = static_cast<std::uint64_t>(value.integer("result_bytes"));
  out.fileBytes = static_cast<std::uint64_t>(value.integer("file_bytes"));
  out.memoryBytes = static_cast<std::uint64_t>(value.integer("memory_bytes"));
  out.timeoutMs = value.integer("timeout_ms");
  return out;
}

Result<Value> runSqlite(const SqliteRequest& request, const base::Clock& clock) {
  return Query(request, clock).run();
}

}  // namespace belay::steps
