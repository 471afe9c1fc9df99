#include <algorithm>
#include <limits>
#include <optional>

#include "agent/settings/Options.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/yaml/Yaml.h"

namespace belay::settings {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

std::string pointerOf(std::string_view name) {
  std::string pointer = "/" + std::string(name);
  std::replace(pointer.begin(), pointer.end(), '.', '/');
  return pointer;
}

/// Reads each option from a document, and keeps the first thing that is wrong.
class Reader {
 public:
  Reader(const yaml::Document& document, std::string source)
      : document_(document), source_(std::move(source)) {}

  void section(std::string_view name, std::string_view) { names_.push_back(name); }

  void text(std::string_view name, std::string& field, std::string_view) {
    const json::Value* value = take(name);
    if (!value) return;
    if (value->isString())
      field = value->asString();
    else
      wrong(name, "must be a text");
  }

  void list(std::string_view name, std::vector<std::string>& field, std::string_view) {
    const json::Value* value = take(name);
    if (!value) return;
    if (!value->isArray()) return wrong(name, "must be a list");
    field.clear();
    for (const json::Value& item : value->asArray()) {
      if (item.isInteger())
        field.push_back(std::to_string(item.asInteger()));
      else if (item.isString())
        field.push_back(item.asString());
      else
        return wrong(name, "must be a list of texts");
    }
  }

  void number(std::string_view name, std::int64_t& field, std::int64_t min, std::int64_t max,
              std::string_view) {
    const json::Value* value = take(name);
    if (!value) return;
    if (!value->isInteger()) return wrong(name, "must be a whole number");
    if (value->asInteger() < min || value->asInteger() > max) {
      return wrong(name, "must be from " + std::to_string(min) + " to " + std::to_string(max));
    }
    field = value->asInteger();
  }

  void bytes(std::string_view name, std::uint64_t& field, std::uint64_t min, std::uint64_t max,
             std::string_view) {
    const json::Value* value = take(name);
    if (!value) return;
    const bool whole = value->isInteger() && value->asInteger() >= 0;
    if (!value->isString() && !whole) return wrong(name, "must be a size, for example 64 MiB");
    const auto size =
        base::parseBytes(whole ? std::to_string(value->asInteger()) : value->asString());
    if (!size) return wrong(name, size.error().message);
    if (*size < min || *size > max) {
      return wrong(name,
                   "must be from " + base::formatBytes(min) + " to " + base::formatBytes(max));
    }
    field = *size;
  }

  void duration(std::string_view name, std::chrono::milliseconds& field,
                std::chrono::milliseconds min, std::chrono::milliseconds max, std::string_view) {
    const json::Value* value = take(name);
    if (!value) return;
    if (!value->isString()) return wrong(name, "must be a duration with its unit, for example 30s");
    const auto length = base::parseDuration(value->asString());
    if (!length) return wrong(name, length.error().message);
    if (*length < min || *length > max) {
      return wrong(
          name, "must be from " + base::formatDuration(min) + " to " + base::formatDuration(max));
    }
    field = *length;
  }

  /// A path that is not empty begins with "/": what it means must not depend on where a process was
  /// started.
  void mustBeAbsolute(std::string_view name, const std::string& path) {
    if (path.empty() || path.starts_with("/")) return;
    wrong(name,
          "must be an absolute path, is " + base::visible(path) +
              (path.starts_with("~") ? "; ~ is not expanded here: write the home folder out" : ""));
  }

  /// All keys of the file must have been asked for.
  Status finish() {
    const json::Value& root = document_.root;
    if (!root.isNull() && !root.isObject()) wrong("", "must be a list of sections");
    if (root.isObject()) {
      for (const json::Member& section : root.asObject()) checkSection(section);
    }
    if (error_) return std::move(*error_);
    return {};
  }

 private:
  const json::Value* take(std::string_view name) {
    names_.push_back(name);
    return document_.root.at(pointerOf(name));
  }

  void checkSection(const json::Member& section) {
    if (section.first == "connections") return;
    if (!known(section.first)) return unknown(section.first, "");
    if (section.second.isNull()) return;
    if (!section.second.isObject()) return wrong(section.first, "must hold options");
    for (const json::Member& option : section.second.asObject()) {
      const std::string name = section.first + "." + option.first;
      if (!known(name)) unknown(name, section.first + ".");
    }
  }

  bool known(std::string_view name) const {
    return std::find(names_.begin(), names_.end(), name) != names_.end();
  }

  void unknown(const std::string& name, const std::string& prefix) {
    std::vector<std::string_view> candidates;
    for (const std::string_view candidate : names_) {
      const bool sameLevel = candidate.starts_with(prefix) &&
                             (candidate.find('.') == std::string_view::npos) == prefix.empty();
      if (sameLevel) candidates.push_back(candidate);
    }
    if (prefix.empty()) candidates.push_back("connections");
    const auto near = base::nearest(name, candidates);
    fail(pointerOf(name),
         "unknown option \"" + base::visible(name) + "\"" +
             (near ? "; did you mean \"" + *near + "\"?" : ""),
         true);
  }

  void wrong(std::string_view name, const std::string& what) {
    fail(name.empty() ? "" : pointerOf(name), std::string(name) + (name.empty() ? "" : " ") + what,
         false);
  }

  void fail(const std::string& pointer, const std::string& message, bool atKey) {
    if (error_) return;
    const yaml::Place& place = document_.placeOf(pointer);
    const yaml::Mark mark = atKey ? place.key : place.value;
    const std::string where =
        source_ + ":" + std::to_string(mark.line) + ":" + std::to_string(mark.column);
    error_ =
        Error{ErrorCode::kSettingsInvalid, where + ": " + message, {"belay config defaults"}}.at(
            base::SourcePlace{source_, mark.line, mark.column, pointer});
  }

  const yaml::Document& document_;
  const std::string source_;
  std::vector<std::string_view> names_;
  std::optional<Error> error_;
};

}  // namespace

Result<Settings> parseSettings(std::string_view text, const std::string& source) {
  auto document = yaml::parse(text);
  if (!document) {
    Error error = std::move(document).error();
    error.code = ErrorCode::kSettingsInvalid;
    error.place.file = source;
    return std::move(error).in(source);
  }
  Settings settings;
  Reader reader(*document, source);
  visitOptions(settings, reader);
  reader.mustBeAbsolute("state.folder", settings.state.folder);
  reader.mustBeAbsolute("api.socket", settings.api.socket);
  reader.mustBeAbsolute("jobs.work_folder", settings.jobs.workFolder);
  reader.mustBeAbsolute("http.ca_file", settings.http.caFile);
  reader.mustBeAbsolute("policy.file", settings.policyFile);
  BELAY_TRY(reader.finish());
  constexpr std::uint64_t kLeastMemory = 64u << 20;
  if (settings.limits.memoryBytes != 0 && settings.limits.memoryBytes < kLeastMemory) {
    return Error{ErrorCode::kSettingsInvalid,
                 source + ": limits.memory must be 0 or at least 64 MiB"};
  }
  if (const json::Value* connections = document->root.find("connections"))
    settings.connections = *connections;
  return settings;
}

}  // namespace belay::settings
