#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace belay::json {

class Value;
using Array = std::vector<Value>;
using Member = std::pair<std::string, Value>;
/// Members keep the order in which they were written; names are unique.
using Object = std::vector<Member>;

/// A JSON value in memory. Numbers are doubles, as in JavaScript: whole up to 2^53.
///
/// Threads:   owner.
/// Ownership: a value owns all below it; copies are deep.
class Value {
 public:
  enum class Kind { kNull, kBoolean, kNumber, kString, kArray, kObject };

  Value() = default;
  Value(std::nullptr_t) {}
  Value(bool value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(int value) : data_(static_cast<double>(value)) {}
  Value(std::int64_t value) : data_(static_cast<double>(value)) {}
  Value(std::uint64_t value) : data_(static_cast<double>(value)) {}
  Value(const char* value) : data_(std::string(value)) {}
  Value(std::string_view value) : data_(std::string(value)) {}
  Value(std::string value) : data_(std::move(value)) {}
  Value(Array value) : data_(std::move(value)) {}
  Value(Object value) : data_(std::move(value)) {}

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool isNull() const { return kind() == Kind::kNull; }
  bool isBool() const { return kind() == Kind::kBoolean; }
  bool isNumber() const { return kind() == Kind::kNumber; }
  bool isString() const { return kind() == Kind::kString; }
  bool isArray() const { return kind() == Kind::kArray; }
  bool isObject() const { return kind() == Kind::kObject; }
  /// A number without fraction, exact in 64 bits.
  bool isInteger() const;

  // Each requires its kind (checked: a wrong kind aborts). Ask first.
  bool asBool() const;
  double asNumber() const;
  std::int64_t asInteger() const;
  const std::string& asString() const;
  const Array& asArray() const;
  Array& asArray();
  const Object& asObject() const;
  Object& asObject();

  /// The member's value; null pointer when there is none, or this is no object.
  const Value* find(std::string_view name) const;
  Value* find(std::string_view name);
  /// Puts or replaces a member; makes this an object when it is null. Returns this object.
  Value& set(std::string_view name, Value value);
  /// Removes a member if it is there.
  void erase(std::string_view name);
  void push(Value value);

  // Lenient readers for records that this program wrote itself: a default where the member is
  // missing or of another kind.
  std::string text(std::string_view name, std::string_view fallback = {}) const;
  std::int64_t integer(std::string_view name, std::int64_t fallback = 0) const;
  bool flag(std::string_view name, bool fallback = false) const;

  /// Follows a JSON Pointer (RFC 6901); null pointer when it leads nowhere.
  const Value* at(std::string_view pointer) const;

  /// Equal as JSON: members in any order.
  bool operator==(const Value& other) const;

 private:
  std::variant<std::monostate, bool, double, std::string, Array, Object> data_;
};

/// "null", "boolean", "integer", "number", "string", "array", "object": the words of JSON Schema.
std::string_view kindName(const Value& value);

/// Escapes one reference token of a JSON Pointer: ~ and /.
std::string pointerToken(std::string_view name);

}  // namespace belay::json
