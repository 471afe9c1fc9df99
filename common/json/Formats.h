#pragma once

#include <span>
#include <string_view>

namespace belay::json {

/// One name that `format` may have in a schema.
struct FormatRow {
  std::string_view name;
  std::string_view what;  ///< For messages: "a date and time like 2026-11-21T08:00:00Z".
  bool (*holds)(std::string_view text);
};

std::span<const FormatRow> formatTable();
/// Null pointer when there is no such format.
const FormatRow* findFormat(std::string_view name);

}  // namespace belay::json
