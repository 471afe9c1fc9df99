#include "common/log/Log.h"

#include <vector>

#include "common/base/Text.h"

namespace belay::log {

namespace {

bool needsQuotes(std::string_view value) {
  return value.empty() || value.find_first_of(" =\"\\") != std::string_view::npos;
}

void appendValue(std::string& line, std::string_view value) {
  if (!needsQuotes(value)) {
    line += base::visible(value);
    return;
  }
  // Quotes and backslashes first: visible() writes escapes of its own, which must stay as they are.
  std::string escaped;
  escaped.reserve(value.size() + 2);
  for (const char c : value) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  line += '"';
  line += base::visible(escaped);
  line += '"';
}

}  // namespace

void Log::error(std::string_view event, const base::Error& error,
                std::initializer_list<Field> fields) {
  std::vector<Field> all(fields);
  all.emplace_back("code", base::errorText(error.code));
  all.emplace_back("message", error.message);
  write(Level::kError, event, all);
}

std::string formatLine(std::string_view event, std::span<const Field> fields) {
  std::string line = base::visible(event);
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    appendValue(line, field.value);
  }
  return line;
}

}  // namespace belay::log
