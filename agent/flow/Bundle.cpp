#include "agent/flow/Bundle.h"

#include <algorithm>
#include <utility>

#include "agent/flow/Include.h"
#include "agent/flow/Nested.h"
#include "agent/flow/Report.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::flow {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::int64_t kBundleVersion = 1;

Error notABundle(const std::string& why) {
  return Error{ErrorCode::kFlowBadValue, "this is no bundle of a flow: " + why};
}

/// Collects names in the order in which they are met.
class Names {
 public:
  std::vector<std::string> take() && { return std::move(names_); }

  /// A flow file, or a file that is included: an object, or a list of steps.
  void root(const Value& value) {
    if (value.isArray()) return steps(value);
    if (const Value* list = value.find("include"); list && list->isArray()) {
      for (const Value& name : list->asArray()) add(name);
    }
    for (const std::string_view map : kTextMaps) texts(value.find(map));
    for (const std::string_view list : kStepLists) {
      const Value* found = value.find(list);
      if (found && found->isArray()) steps(*found);
    }
  }

 private:
  void add(const Value& name) {
    if (!name.isString() || !isIncludeName(name.asString())) return;
    if (std::find(names_.begin(), names_.end(), name.asString()) != names_.end()) return;
    names_.push_back(name.asString());
  }

  void texts(const Value* map) {
    if (!map || !map->isObject()) return;
    for (const json::Member& member : map->asObject()) {
      if (const Value* file = member.second.find("file")) add(*file);
    }
  }

  void steps(const Value& list, int depth = 0) {
    for (const Value& step : list.asArray()) {
      if (const Value* name = step.find("include")) add(*name);
      if (depth > kNestingMax) continue;
      for (const NestedList& nested : nestedLists(step)) steps(*nested.steps, depth + 1);
    }
  }

  std::vector<std::string> names_;
};

}  // namespace

std::string printBundle(const Bundle& bundle) {
  Value files{json::Object{}};
  for (const auto& [name, text] : bundle.files) files.set(name, text);
  Value out;
  out.set("belay_bundle", kBundleVersion).set("format", formatName(bundle.format));
  out.set("content", bundle.content).set("files", std::move(files));
  return json::print(out);
}

Result<Bundle> parseBundle(std::string_view text) {
  auto parsed = json::parse(text);
  if (!parsed) return std::move(parsed).error();
  if (!parsed->isObject() || parsed->asObject().size() != 4 ||
      parsed->integer("belay_bundle") != kBundleVersion) {
    return notABundle("it has not the four members of version 1");
  }
  Bundle bundle;
  const auto format = formatNamed(parsed->text("format"));
  if (!format || format == Format::kBundle)
    return notABundle("its format is none of yaml, json and js");
  bundle.format = *format;
  bundle.content = parsed->text("content");
  const Value* files = parsed->find("files");
  if (!files || !files->isObject()) return notABundle("files is no object");
  if (files->asObject().size() > kIncludedFilesMax) {
    return notABundle("at most " + std::to_string(kIncludedFilesMax) + " files can be included");
  }
  std::size_t bytes = bundle.content.size();
  for (const json::Member& file : files->asObject()) {
    if (!isIncludeName(file.first) || !file.second.isString()) {
      return notABundle("the file " + quoted(file.first) +
                        " has a name that cannot be included, or is no text");
    }
    bytes += file.second.asString().size();
    bundle.files.emplace(file.first, file.second.asString());
  }
  if (bytes <= kFlowBytesMax) return bundle;
  return Error{ErrorCode::kFlowTooLarge, "the flow and its files have " + base::formatBytes(bytes) +
                                             " together, at most " +
                                             base::formatBytes(kFlowBytesMax) + " are taken"};
}

bool isIncludeName(std::string_view name) {
  constexpr std::size_t kNameBytesMax = 200;
  const auto isPart = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-").find(c) != std::string_view::npos;
  };
  if (name.empty() || name.size() > kNameBytesMax) return false;
  while (true) {
    const std::string_view part = name.substr(0, name.find('/'));
    if (part.empty() || part == "." || part == ".." ||
        !std::all_of(part.begin(), part.end(), isPart))
      return false;
    if (part.size() == name.size()) return true;
    name.remove_prefix(part.size() + 1);
  }
}

std::vector<std::string> includedNames(std::string_view text, Format format) {
  const auto document = readDocument(text, format);
  if (!document) return {};
  Names names;
  names.root(document->root);
  return std::move(names).take();
}

std::string readableText(std::string_view content, Format format) {
  const auto bundle = format == Format::kBundle ? parseBundle(content) : Result<Bundle>(Bundle{});
  if (format != Format::kBundle || !bundle) return std::string(content);
  std::string out = bundle->content;
  for (const auto& [name, text] : bundle->files) {
    if (!out.ends_with('\n')) out += '\n';
    out += "# included: " + name + "\n" + text;
  }
  return out;
}

}  // namespace belay::flow
