#include "common/options/OptionReader.h"

#include <algorithm>

#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::options {

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

}  // namespace

void OptionReader::text(std::string_view name, std::string& field, std::string_view) {
  const json::Value* value = take(name);
  if (!value) return;
  if (value->isString())
    field = value->asString();
  else
    wrong(name, "must be a text");
}

void OptionReader::list(std::string_view name, std::vector<std::string>& field, std::string_view) {
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

void OptionReader::number(std::string_view name, std::int64_t& field, std::int64_t min,
                          std::int64_t max, std::string_view) {
  const json::Value* value = take(name);
  if (!value) return;
  if (!value->isInteger()) return wrong(name, "must be a whole number");
  if (value->asInteger() < min || value->asInteger() > max) {
    return wrong(name, "must be from " + std::to_string(min) + " to " + std::to_string(max));
  }
  field = value->asInteger();
}

void OptionReader::bytes(std::string_view name, std::uint64_t& field, std::uint64_t min,
                         std::uint64_t max, std::string_view) {
  const json::Value* value = take(name);
  if (!value) return;
  const bool whole = value->isInteger() && value->asInteger() >= 0;
  if (!value->isString() && !whole) return wrong(name, "must be a size, for example 64 MiB");
  const auto size =
      base::parseBytes(whole ? std::to_string(value->asInteger()) : value->asString());
  if (!size) return wrong(name, size.error().message);
  if (*size < min || *size > max) {
    return wrong(name, "must be from " + base::formatBytes(min) + " to " + base::formatBytes(max));
  }
  field = *size;
}

void OptionReader::duration(std::string_view name, std::chrono::milliseconds& field,
                            std::chrono::milliseconds min, std::chrono::milliseconds max,
                            std::string_view) {
  const json::Value* value = take(name);
  if (!value) return;
  if (!value->isString()) return wrong(name, "must be a duration with its unit, for example 30s");
  const auto length = base::parseDuration(value->asString());
  if (!length) return wrong(name, length.error().message);
  if (*length < min || *length > max) {
    return wrong(name,
                 "must be from " + base::formatDuration(min) + " to " + base::formatDuration(max));
  }
  field = *length;
}

void OptionReader::mustBeAbsolute(std::string_view name, const std::string& path) {
  if (path.empty() || path.starts_with("/")) return;
  wrong(name,
        "must be an absolute path, is " + base::visible(path) +
            (path.starts_with("~") ? "; ~ is not expanded here: write the home folder out" : ""));
}

Status OptionReader::finish() {
  const json::Value& root = document_.root;
  if (!root.isNull() && !root.isObject()) wrong("", "must be a list of sections");
  if (root.isObject()) {
    for (const json::Member& section : root.asObject()) checkSection(section);
  }
  if (error_) return std::move(*error_);
  return {};
}

const json::Value* OptionReader::take(std::string_view name) {
  names_.push_back(name);
  return document_.root.at(pointerOf(name));
}

void OptionReader::checkSection(const json::Member& section) {
  if (std::find(foreign_.begin(), foreign_.end(), section.first) != foreign_.end()) return;
  if (!known(section.first)) return unknown(section.first, "");
  if (section.second.isNull()) return;
  if (!section.second.isObject()) return wrong(section.first, "must hold options");
  for (const json::Member& option : section.second.asObject()) {
    const std::string name = section.first + "." + option.first;
    if (!known(name)) unknown(name, section.first + ".");
  }
}

bool OptionReader::known(std::string_view name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

void OptionReader::unknown(const std::string& name, const std::string& prefix) {
  std::vector<std::string_view> candidates;
  for (const std::string_view candidate : names_) {
    const bool sameLevel = candidate.starts_with(prefix) &&
                           (candidate.find('.') == std::string_view::npos) == prefix.empty();
    if (sameLevel) candidates.push_back(candidate);
  }
  if (prefix.empty()) candidates.insert(candidates.end(), foreign_.begin(), foreign_.end());
  const auto near = base::nearest(name, candidates);
  fail(pointerOf(name),
       "unknown option \"" + base::visible(name) + "\"" +
           (near ? "; did you mean \"" + *near + "\"?" : ""),
       true);
}

void OptionReader::wrong(std::string_view name, const std::string& what) {
  fail(name.empty() ? "" : pointerOf(name), std::string(name) + (name.empty() ? "" : " ") + what,
       false);
}

void OptionReader::fail(const std::string& pointer, const std::string& message, bool atKey) {
  if (error_) return;
  const yaml::Place& place = document_.placeOf(pointer);
  const yaml::Mark mark = atKey ? place.key : place.value;
  const std::string where =
      source_ + ":" + std::to_string(mark.line) + ":" + std::to_string(mark.column);
  error_ = Error{ErrorCode::kSettingsInvalid, where + ": " + message, {help_}}.at(
      base::SourcePlace{source_, mark.line, mark.column, pointer});
}

Result<yaml::Document> parseOptionsFile(std::string_view text, const std::string& source) {
  auto document = yaml::parse(text);
  if (document) return document;
  Error error = std::move(document).error();
  error.code = ErrorCode::kSettingsInvalid;
  error.place.file = source;
  return std::move(error).in(source);
}

}  // namespace belay::options
