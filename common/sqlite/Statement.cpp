#include "common/sqlite/Statement.h"

#include <sqlite3.h>

namespace belay::sqlite {

using base::Result;
using base::Status;

Execution::Execution(Statement& statement, Begin) : statement_(statement) {
  if (!statement.handle_) {
    sqlite3_stmt* prepared = nullptr;
    failure_ = sqlite3_prepare_v3(statement.database_.raw(), statement.sql_, -1,
                                  SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    statement.handle_.reset(prepared);
  }
  raw_ = statement.handle_.get();
}

Execution::~Execution() noexcept {
  // The result repeats the error of the last step, which next() has returned.
  if (raw_ != nullptr) static_cast<void>(sqlite3_reset(raw_));
}

Result<bool> Execution::next() {
  if (failure_ == SQLITE_OK) {
    // A value that was forgotten would be NULL, or the one of the last use.
    BELAY_CHECK(bound_ == sqlite3_bind_parameter_count(raw_));
    const int stepped = sqlite3_step(raw_);
    if (stepped == SQLITE_ROW) return true;
    if (stepped == SQLITE_DONE) return false;
    failure_ = stepped;
  }
  return statement_.database_.error(failure_, statement_.name_);
}

Status Execution::run() {
  while (true) {
    BELAY_ASSIGN(const bool more, next());
    if (!more) return {};
  }
}

std::int64_t Execution::integer(int column) const { return sqlite3_column_int64(raw_, column); }

std::string_view Execution::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(raw_, column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(raw_, column))};
}

std::span<const std::uint8_t> Execution::blob(int column) const {
  const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(raw_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(raw_, column))};
}

bool Execution::isNull(int column) const {
  return sqlite3_column_type(raw_, column) == SQLITE_NULL;
}

void Execution::bindInteger(std::int64_t value) {
  if (failure_ == SQLITE_OK) failure_ = sqlite3_bind_int64(raw_, ++bound_, value);
}

void Execution::bindText(std::string_view value) {
  if (failure_ != SQLITE_OK) return;
  // An empty view may have no address, which SQLite would take for NULL.
  const char* bytes = value.data() == nullptr ? "" : value.data();
  failure_ = sqlite3_bind_text64(raw_, ++bound_, bytes, value.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Execution::bindBlob(std::span<const std::uint8_t> value) {
  if (failure_ != SQLITE_OK) return;
  const void* bytes = value.data() == nullptr ? "" : static_cast<const void*>(value.data());
  failure_ = sqlite3_bind_blob64(raw_, ++bound_, bytes, value.size(), SQLITE_STATIC);
}

}  // namespace belay::sqlite
