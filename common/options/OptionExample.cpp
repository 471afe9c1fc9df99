#include "common/options/OptionExample.h"

#include <utility>

#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::options {

namespace {

/// The part of an option's name behind its section.
std::string_view leaf(std::string_view name) { return name.substr(name.find('.') + 1); }

/// "64 MiB" for whole units, else plain bytes: what parseBytes reads back exactly.
std::string exactBytes(std::uint64_t bytes) {
  constexpr std::pair<std::uint64_t, std::string_view> kUnits[] = {
      {1ull << 30, " GiB"}, {1ull << 20, " MiB"}, {1ull << 10, " KiB"}};
  for (const auto& [size, name] : kUnits) {
    if (bytes >= size && bytes % size == 0) return std::to_string(bytes / size) + std::string(name);
  }
  return std::to_string(bytes);
}

}  // namespace

void OptionExample::section(std::string_view name, std::string_view words) {
  out_ += "\n";
  comment("", words);
  out_ += std::string(name) + ":\n";
}

void OptionExample::text(std::string_view name, const std::string& value, std::string_view words) {
  option(name, value.empty() ? "\"\"" : value, words);
}

void OptionExample::list(std::string_view name, const std::vector<std::string>& value,
                         std::string_view words) {
  option(name, "[" + base::join(value, ", ") + "]", words);
}

void OptionExample::number(std::string_view name, std::int64_t value, std::int64_t, std::int64_t,
                           std::string_view words) {
  option(name, std::to_string(value), words);
}

void OptionExample::bytes(std::string_view name, std::uint64_t value, std::uint64_t, std::uint64_t,
                          std::string_view words) {
  option(name, exactBytes(value), words);
}

void OptionExample::duration(std::string_view name, std::chrono::milliseconds value,
                             std::chrono::milliseconds, std::chrono::milliseconds,
                             std::string_view words) {
  option(name, base::formatDuration(value), words);
}

void OptionExample::comment(std::string_view indent, std::string_view words) {
  for (const std::string_view line : base::split(words, '\n')) {
    out_ += std::string(indent) + "# " + std::string(line) + "\n";
  }
}

void OptionExample::option(std::string_view name, const std::string& value,
                           std::string_view words) {
  comment("  ", words);
  out_ += "  # " + std::string(leaf(name)) + ": " + value + "\n";
}

}  // namespace belay::options
