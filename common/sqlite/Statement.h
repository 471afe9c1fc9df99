#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "common/base/FreeWith.h"
#include "common/base/Result.h"
#include "common/sqlite/Database.h"

struct sqlite3_stmt;
extern "C" int sqlite3_finalize(sqlite3_stmt*);

namespace belay::sqlite {

class Execution;

/// One SQL statement, compiled at its first use and then kept.
///
/// Threads:   the owner thread of the database.
/// Ownership: the database must outlive it. `name` and `sql` are literals: they are not copied.
class Statement {
 public:
  /// `name` says in errors what was being done ("append event").
  Statement(Database& database, const char* name, const char* sql) noexcept
      : database_(database), name_(name), sql_(sql) {}

 private:
  friend class Execution;
  using Handle = std::unique_ptr<sqlite3_stmt, base::FreeWith<&sqlite3_finalize>>;

  Database& database_;
  const char* name_;
  const char* sql_;
  Handle handle_;
};

/// One use of a statement: values in, rows out. When it ends, the statement is ready for the next.
///
/// Ownership: borrows the statement, and the texts and blobs that are bound, until it ends. What
///            text() and blob() return is valid until the next step.
/// Errors:    those of Database; binding errors come out of next() and run().
class Execution {
 public:
  template <typename... Values>
  explicit Execution(Statement& statement, const Values&... values)
      : Execution(statement, Begin{}) {
    (bindNext(values), ...);
  }
  ~Execution() noexcept;
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  /// Goes to the next row; false when there is none.
  base::Result<bool> next();
  /// Runs to the end; for statements that give no rows.
  base::Status run();

  // Columns of the row, from 0.
  std::int64_t integer(int column) const;
  std::string_view text(int column) const;
  std::string string(int column) const { return std::string(text(column)); }
  std::span<const std::uint8_t> blob(int column) const;
  bool isNull(int column) const;

 private:
  struct Begin {};
  Execution(Statement& statement, Begin);

  template <typename Value>
  void bindNext(const Value& value) {
    if constexpr (std::integral<Value>) {
      bindInteger(static_cast<std::int64_t>(value));
    } else if constexpr (std::is_convertible_v<const Value&, std::string_view>) {
      bindText(value);
    } else {
      bindBlob(value);
    }
  }
  void bindInteger(std::int64_t value);
  void bindText(std::string_view value);
  void bindBlob(std::span<const std::uint8_t> value);

  Statement& statement_;
  sqlite3_stmt* raw_ = nullptr;
  int bound_ = 0;
  int failure_ = 0;  // the first result code that was not SQLITE_OK
};

}  // namespace belay::sqlite
