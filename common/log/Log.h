#pragma once

#include <concepts>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/Result.h"

namespace belay::log {

enum class Level { kInfo, kWarning, kError };

/// One `key=value` of a line. Numbers and flags are turned into text here, so that a caller writes
/// `{"port", 443}`.
struct Field {
  std::string_view key;
  std::string value;

  Field(std::string_view name, std::string text) : key(name), value(std::move(text)) {}
  Field(std::string_view name, std::string_view text) : key(name), value(text) {}
  Field(std::string_view name, const char* text) : key(name), value(text) {}
  Field(std::string_view name, bool flag) : key(name), value(flag ? "true" : "false") {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) Field(std::string_view name, T number)
      : key(name), value(std::to_string(number)) {}
};

/// Takes the program's log lines: one line per change of state, the event's name first. Never pass
/// a secret.
///
/// Threads: any.
class Log {
 public:
  virtual ~Log() = default;

  void info(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::kInfo, event, {fields.begin(), fields.size()});
  }
  void warning(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::kWarning, event, {fields.begin(), fields.size()});
  }
  /// The line carries `code=BLY-…` and the message of the error after the given fields.
  void error(std::string_view event, const base::Error& error,
             std::initializer_list<Field> fields = {});

 protected:
  virtual void write(Level level, std::string_view event, std::span<const Field> fields) = 0;
};

/// Drops everything: for programs whose stderr belongs to their user.
class NoLog final : public Log {
 protected:
  void write(Level, std::string_view, std::span<const Field>) override {}
};

/// "event key=value key="two words"", without an end of line. Control, bidirectional and zero-width
/// characters are escaped, so that no value can forge a second line or move the cursor.
std::string formatLine(std::string_view event, std::span<const Field> fields);

}  // namespace belay::log
