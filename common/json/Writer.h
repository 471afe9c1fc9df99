#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/json/Value.h"

namespace belay::json {

/// Appends compact JSON to a string, member by member, without building a tree: for records that
/// are written often.
///
/// Threads:   owner.
/// Ownership: the string must outlive the writer.
/// The caller keeps begin and end in balance; commas are put where they belong.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  Writer& beginObject() { return open('{'); }
  Writer& endObject() { return close('}'); }
  Writer& beginArray() { return open('['); }
  Writer& endArray() { return close(']'); }
  Writer& name(std::string_view name);

  Writer& string(std::string_view text);
  Writer& number(double value);
  Writer& integer(std::int64_t value);
  Writer& boolean(bool value);
  Writer& null();
  Writer& value(const Value& value);
  /// Text that is JSON already, taken as it is.
  Writer& raw(std::string_view json);

  // The common case: a member with its value.
  Writer& member(std::string_view key, std::string_view text) { return name(key).string(text); }
  Writer& member(std::string_view key, const char* text) { return name(key).string(text); }
  Writer& member(std::string_view key, std::int64_t value) { return name(key).integer(value); }
  Writer& member(std::string_view key, bool value) { return name(key).boolean(value); }
  Writer& rawMember(std::string_view key, std::string_view json) { return name(key).raw(json); }

 private:
  void separate();
  Writer& open(char c);
  Writer& close(char c);

  std::string& out_;
  bool needComma_ = false;
};

/// Appends `text` as a JSON string, quotes included.
void appendQuoted(std::string& out, std::string_view text);

}  // namespace belay::json
