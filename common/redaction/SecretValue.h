#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace belay::redaction {

/// The bytes of one secret: overwritten when they go, never printed or copied by accident.
///
/// Threads:   owner; const use from any.
/// Ownership: move only. What reveal() gives out must not outlive this object.
class SecretValue {
 public:
  SecretValue() = default;
  explicit SecretValue(std::string_view bytes);
  /// Takes the bytes over and overwrites the text that they came in.
  static SecretValue take(std::string&& bytes);
  ~SecretValue() { clear(); }
  SecretValue(SecretValue&& other) noexcept;
  SecretValue& operator=(SecretValue&& other) noexcept;
  SecretValue(const SecretValue&) = delete;
  SecretValue& operator=(const SecretValue&) = delete;

  /// The word to look for in a review: from here on the caller keeps the bytes out of logs.
  std::string_view reveal() const { return {bytes_.get(), size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// A second owner of the same bytes, said aloud.
  SecretValue clone() const { return SecretValue(reveal()); }

 private:
  void clear() noexcept;
  std::unique_ptr<char[]> bytes_;  ///< Not a std::string: short ones leave a copy where they moved.
  std::size_t size_ = 0;
};

}  // namespace belay::redaction
