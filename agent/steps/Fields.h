#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/vault/Connection.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::steps {

/// Reads the members of a rendered step, whose expressions may have given any type.
///
/// Threads: owner.
/// Errors:  kInvalidArgument naming the step and the member.
class Fields {
 public:
  /// `values` must outlive this object.
  Fields(const json::Value& values, std::string step) : values_(values), step_(std::move(step)) {}

  bool has(std::string_view name) const;
  /// A text, a text output, a number or a boolean, as text; `fallback` when it is missing or null.
  base::Result<std::string> text(std::string_view name, std::string fallback = {}) const;
  base::Result<std::vector<std::string>> texts(std::string_view name) const;
  base::Result<std::int64_t> integer(std::string_view name, std::int64_t fallback) const;
  base::Result<bool> flag(std::string_view name, bool fallback) const;
  /// A number of bytes, or a size such as "16 MiB".
  base::Result<std::uint64_t> bytes(std::string_view name, std::uint64_t fallback) const;
  base::Result<std::vector<std::int64_t>> integers(std::string_view name) const;
  /// An object of texts, each of which may be `{secret: NAME}`.
  base::Result<std::vector<std::pair<std::string, vault::TextOrSecret>>> valuesOf(
      std::string_view name) const;

  base::Error wrong(std::string_view name, const std::string& what) const;

 private:
  const json::Value& values_;
  const std::string step_;
};

/// The text of a string, text output, number or boolean; nothing for anything else.
std::optional<std::string> asText(const json::Value& value);

}  // namespace belay::steps
