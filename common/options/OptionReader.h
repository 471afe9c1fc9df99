#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/yaml/Yaml.h"

namespace belay::options {

/// Reads the options of a settings file that a table names one after the other, and keeps the first
/// thing that is wrong: unknown keys, bad units and values out of range, with file, line and the
/// nearest right key.
///
/// Threads:   owner.
/// Ownership: borrows the document; names are literals.
/// Errors:    kSettingsInvalid, out of finish().
class OptionReader {
 public:
  /// `help` is the command that shows the right options.
  OptionReader(const yaml::Document& document, std::string source, std::string help)
      : document_(document), source_(std::move(source)), help_(std::move(help)) {}

  void section(std::string_view name, std::string_view) { names_.push_back(name); }
  /// A section that somebody else reads.
  void foreignSection(std::string_view name) { foreign_.push_back(name); }

  void text(std::string_view name, std::string& field, std::string_view);
  void list(std::string_view name, std::vector<std::string>& field, std::string_view);
  void number(std::string_view name, std::int64_t& field, std::int64_t min, std::int64_t max,
              std::string_view);
  void bytes(std::string_view name, std::uint64_t& field, std::uint64_t min, std::uint64_t max,
             std::string_view);
  void duration(std::string_view name, std::chrono::milliseconds& field,
                std::chrono::milliseconds min, std::chrono::milliseconds max, std::string_view);

  /// A path that is not empty begins with "/": what it means must not depend on where a process was
  /// started.
  void mustBeAbsolute(std::string_view name, const std::string& path);
  /// Refuses the value of an option.
  void wrong(std::string_view name, const std::string& what);

  /// All keys of the file must have been asked for.
  base::Status finish();

 private:
  const json::Value* take(std::string_view name);
  void checkSection(const json::Member& section);
  bool known(std::string_view name) const;
  void unknown(const std::string& name, const std::string& prefix);
  void fail(const std::string& pointer, const std::string& message, bool atKey);

  const yaml::Document& document_;
  const std::string source_;
  const std::string help_;
  std::vector<std::string_view> names_;
  std::vector<std::string_view> foreign_;
  std::optional<base::Error> error_;
};

/// The YAML of a settings file. Errors: kSettingsInvalid with its place.
base::Result<yaml::Document> parseOptionsFile(std::string_view text, const std::string& source);

}  // namespace belay::options
