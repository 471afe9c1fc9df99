#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace belay::options {

/// Writes the example of a settings file from the same table that OptionReader reads: the words of
/// each option, then its default, commented out.
///
/// Threads: owner. Errors: none.
class OptionExample {
 public:
  /// `intro`: the first lines of the file.
  explicit OptionExample(std::string intro) : out_(std::move(intro)) {}

  void section(std::string_view name, std::string_view words);
  void text(std::string_view name, const std::string& value, std::string_view words);
  void list(std::string_view name, const std::vector<std::string>& value, std::string_view words);
  void number(std::string_view name, std::int64_t value, std::int64_t, std::int64_t,
              std::string_view words);
  void bytes(std::string_view name, std::uint64_t value, std::uint64_t, std::uint64_t,
             std::string_view words);
  void duration(std::string_view name, std::chrono::milliseconds value, std::chrono::milliseconds,
                std::chrono::milliseconds, std::string_view words);
  std::string take() { return std::move(out_); }

 private:
  void comment(std::string_view indent, std::string_view words);
  void option(std::string_view name, const std::string& value, std::string_view words);

  std::string out_;
};

}  // namespace belay::options
