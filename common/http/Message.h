#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace belay::http {

struct HeaderField {
  std::string name;
  std::string value;
};

/// The header fields of a message, in the order in which they came; repeated fields stay apart.
/// Names compare without regard to case.
///
/// Threads: owner.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<HeaderField> fields) : fields_(fields) {}

  void add(std::string name, std::string value);
  /// Replaces all fields of that name by one.
  void set(std::string_view name, std::string value);
  void remove(std::string_view name);

  /// The first field of that name; null pointer when there is none.
  const std::string* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::size_t count(std::string_view name) const;
  /// True when a field of that name has `token` in its comma-separated list, in any case.
  bool hasToken(std::string_view name, std::string_view token) const;

  const std::vector<HeaderField>& fields() const { return fields_; }
  bool empty() const { return fields_.empty(); }

 private:
  std::vector<HeaderField> fields_;
};

/// RFC 9110 token: what a method and a field name are made of.
bool isToken(std::string_view text);
/// A field value that cannot end its line: no control characters but tab, no space at the ends.
bool isFieldValue(std::string_view text);

/// "Not Found" for 404; "Status" for a number that has no phrase here.
std::string_view reasonPhrase(int status);

/// Decodes %XX; nothing on a bad escape or an escaped NUL.
bool percentDecode(std::string_view text, std::string& out);
/// Encodes all but the unreserved characters of RFC 3986.
std::string percentEncode(std::string_view text);

}  // namespace belay::http
