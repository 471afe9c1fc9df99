#include "agent/flow/Include.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "agent/flow/Bundle.h"
#include "agent/flow/CodeFile.h"
#include "agent/flow/Node.h"
#include "common/base/Units.h"
#include "common/json/Exact.h"

namespace belay::flow {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::size_t kIncludeDepthMax = 8;
constexpr std::size_t kValuesMax = 100'000;  ///< That files may add to a flow.

/// A value with the places of what is in it.
struct Piece {
  Value value;
  yaml::Place place;
};

Piece copyOf(const Node& node) { return {node.value, node.place}; }

void append(Piece& list, Piece item) {
  list.value.push(std::move(item.value));
  list.place.children.push_back(std::move(item.place));
}

void append(Piece& object, std::string_view name, Piece member) {
  object.value.asObject().emplace_back(std::string(name), std::move(member.value));
  object.place.children.push_back(std::move(member.place));
}

/// An object, with each member as `change` gives it; anything else as it is.
template <typename Change>
Piece changed(const Node& node, Change change) {
  if (!node.value.isObject()) return copyOf(node);
  Piece out{Value(json::Object{}), {node.place.key, node.place.value, {}}};
  for (std::size_t i = 0; i < node.size(); ++i) {
    const Node member = node.child(i);
    append(out, member.name, change(member));
  }
  return out;
}

std::size_t countOf(const Value& value) {
  std::size_t count = 1;
  if (value.isArray()) {
    for (const Value& item : value.asArray()) count += countOf(item);
  } else if (value.isObject()) {
    for (const json::Member& member : value.asObject()) count += countOf(member.second);
  }
  return count;
}

void number(yaml::Place& place, int file) {
  place.key.file = place.value.file = file;
  for (yaml::Place& child : place.children) number(child, file);
}

class Includes {
 public:
  Includes(const std::map<std::string, std::string>& files, Report& report)
      : files_(files), report_(report) {}

  Piece root(const Node& root) {
    Piece out{Value(json::Object{}), {root.place.key, root.place.value, {}}};
    std::optional<Node> list;
    for (std::size_t i = 0; i < root.size(); ++i) {
      const Node member = root.child(i);
      if (member.name == "include" && isListOfTexts(member.value)) {
        list.emplace(member);
      } else {
        append(out, member.name, part(member));
      }
    }
    for (std::size_t i = 0; list && i < list->size(); ++i) merge(list->child(i), out);
    return out;
  }

  void reportUnused(const Node& root) {
    for (const auto& [name, text] : files_) {
      if (used_.contains(name)) continue;
      report_.error(ErrorCode::kFlowUnknownName, root,
                    "the file " + quoted(name) + " came along, and the flow does not include it");
    }
  }

 private:
  static bool isListOfTexts(const Value& value) {
    return value.isArray() && std::all_of(value.asArray().begin(), value.asArray().end(),
                                          [](const Value& item) { return item.isString(); });
  }
  static bool isIn(std::string_view name, std::span<const std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  /// A member of a flow file.
  Piece part(const Node& member) {
    if (isIn(member.name, kTextMaps)) return texts(member);
    return isIn(member.name, kStepLists) ? steps(member) : copyOf(member);
  }

  Piece texts(const Node& map) {
    return changed(map, [this](const Node& member) {
      const auto name = member.find("file");
      if (!name || member.size() != 1) return copyOf(member);
      const std::string* text = fileOf(*name);
      // Text that stands for one that is missing, so that nothing more is said about it.
      return Piece{Value(text ? *text : "x"), {member.place.key, member.place.value, {}}};
    });
  }

  Piece steps(const Node& list) {
    if (!list.value.isArray()) return copyOf(list);
    Piece out{Value(json::Array{}), {list.place.key, list.place.value, {}}};
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Node item = list.child(i);
      if (const auto name = item.find("include")) {
        splice(item, *name, out);
      } else {
        append(out, step(item));
      }
    }
    return out;
  }

  Piece step(const Node& item) {
    return changed(item, [this](const Node& member) {
      const bool body = member.name == "for_each" || member.name == "loop";
      if (!body && member.name != "parallel") return copyOf(member);
      return changed(member, [this, body](const Node& key) {
        if (key.name == (body ? "steps" : "finalize")) return steps(key);
        if (body || key.name != "branches") return copyOf(key);
        return changed(key, [this](const Node& branch) { return steps(branch); });
      });
    });
  }

  /// The steps of a file in the place of `- include: NAME`.
  void splice(const Node& item, const Node& name, Piece& out) {
    if (item.size() != 1) {
      return report_.error(
          ErrorCode::kFlowBadValue, item, "include stands alone in its item of the list",
          "- include: " + (name.value.isString() ? name.value.asString() : "FILE"));
    }
    const yaml::Document* document = documentOf(name);
    if (!document) return;
    const Node root{document->root, document->places};
    if (!root.value.isArray()) {
      return report_.error(ErrorCode::kFlowWrongType, root,
                           "must be a list of steps, is " + std::string(kindWords(root.value)));
    }
    within(name, [&] {
      Piece list = steps(root);
      for (std::size_t i = 0; i < list.place.children.size(); ++i) {
        append(out, Piece{std::move(list.value.asArray()[i]), std::move(list.place.children[i])});
      }
    });
  }

  /// The templates and functions of a file beside those of the flow.
  void merge(const Node& name, Piece& out) {
    const yaml::Document* document = documentOf(name);
    if (!document) return;
    const Node root{document->root, document->places};
    if (!root.value.isObject()) {
      return report_.error(ErrorCode::kFlowWrongType, root,
                           "must be an object with templates or functions, is " +
                               std::string(kindWords(root.value)),
                           "steps are included in their list: - include: " + name.value.asString());
    }
    for (std::size_t i = 0; i < root.size(); ++i) {
      const Node map = root.child(i);
      if (!isIn(map.name, kTextMaps)) {
        report_.errorAtName(ErrorCode::kFlowUnknownKey, map,
                            "unknown key " + quoted(map.name) + " in a file under include",
                            "such a file has templates and functions");
      } else if (map.value.isObject()) {
        within(name, [&] { mergeMap(map, texts(map), out); });
      } else {
        report_.error(ErrorCode::kFlowWrongType, map,
                      "must be an object, is " + std::string(kindWords(map.value)));
      }
    }
  }

  void mergeMap(const Node& map, Piece members, Piece& out) {
    if (!out.value.find(map.name))
      append(out, map.name, {Value(json::Object{}), {map.place.key, map.place.value, {}}});
    Value& target = *out.value.find(map.name);
    if (!target.isObject()) return;
    const auto at = static_cast<std::size_t>(
        std::find_if(out.value.asObject().begin(), out.value.asObject().end(),
                     [&](const json::Member& member) { return member.first == map.name; }) -
        out.value.asObject().begin());
    for (std::size_t i = 0; i < map.size(); ++i) {
      const Node member = map.child(i);
      if (target.find(member.name)) {
        report_.errorAtName(ErrorCode::kFlowBadValue, member,
                            std::string(map.name) + " has the name " + quoted(member.name) +
                                " already, in the flow or in another file");
        continue;
      }
      target.set(member.name, std::move(members.value.asObject()[i].second));
      out.place.children[at].children.push_back(std::move(members.place.children[i]));
    }
  }

  const std::string* fileOf(const Node& name) {
    if (!name.value.isString() || !isIncludeName(name.value.asString())) {
      report_.error(ErrorCode::kFlowBadValue, name,
                    "must be the name of a file in or below the folder of the flow",
                    "like prompts/task.md: letters, digits, . _ - and /, without ..");
      return nullptr;
    }
    const auto found = files_.find(name.value.asString());
    if (found == files_.end()) {
      report_.error(ErrorCode::kFlowUnknownName, name,
                    "the file " + quoted(name.value.asString()) + " is not there",
                    "names are relative to the folder of the flow file");
      return nullptr;
    }
    used_.insert(found->first);
    return &found->second;
  }

  const yaml::Document* documentOf(const Node& name) {
    const std::string* text = fileOf(name);
    if (!text) return nullptr;
    const std::string& file = name.value.asString();
    const auto open = std::find(open_.begin(), open_.end(), file);
    if (open != open_.end() || open_.size() >= kIncludeDepthMax) {
      report_.error(ErrorCode::kFlowBadValue, name,
                    open != open_.end() ? "the file " + quoted(file) + " includes itself"
                                        : "files include each other more than " +
                                              std::to_string(kIncludeDepthMax) + " deep");
      return nullptr;
    }
    const auto [entry, isNew] = documents_.try_emplace(file);
    if (isNew) entry->second = read(file, *text);
    if (!entry->second) return nullptr;
    if (values_ > kValuesMax) return nullptr;  // Said already.
    values_ += countOf(entry->second->root);
    if (values_ <= kValuesMax) return &*entry->second;
    report_.error(ErrorCode::kFlowTooLarge, name,
                  "the files that are included make the flow larger than " +
                      std::to_string(kValuesMax) + " values");
    return nullptr;
  }

  std::optional<yaml::Document> read(const std::string& file, const std::string& text) {
    auto document = readDocument(text, formatOf(file), report_.content());
    if (!document) {
      Diagnostic diagnostic = diagnosticOf(document.error());
      diagnostic.place.file = file;
      report_.addFile(file);
      report_.add(std::move(diagnostic));
      return std::nullopt;
    }
    number(document->places, report_.addFile(file));
    return std::move(*document);
  }

  template <typename Work>
  void within(const Node& name, Work work) {
    open_.push_back(name.value.asString());
    work();
    open_.pop_back();
  }

  const std::map<std::string, std::string>& files_;
  Report& report_;
  std::map<std::string, std::optional<yaml::Document>> documents_;
  std::set<std::string> used_;
  std::vector<std::string> open_;  ///< The files that are being put in, outermost first.
  std::size_t values_ = 0;
};

}  // namespace

Result<yaml::Document> readDocument(std::string_view text, Format format, Content content) {
  if (text.size() > kFlowBytesMax) {
    return Error{ErrorCode::kFlowTooLarge, "the file has " + base::formatBytes(text.size()) +
                                               ", a flow at most " +
                                               base::formatBytes(kFlowBytesMax)};
  }
  if (format == Format::kCode) return readCodeFile(text);
  yaml::Limits limits;
  // Escaped as JSON it may be six times as long, and still a record that can be parsed again.
  limits.textBytesMax = 4 * kFlowBytesMax;
  const bool isJson = format == Format::kJson;
  if (isJson && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  auto document = isJson ? yaml::parseJson(text, limits) : yaml::parse(text, limits);
  // Earlier versions took such numbers: of what is stored they are read as they were then.
  const bool exact = isJson && content == Content::kNew;
  if (exact && document.ok()) BELAY_TRY(json::checkExact(text));
  if (document.ok() || document.error().code != ErrorCode::kLimit) return document;
  // No bound of the settings: the file is at fault, as with anything else in it that is refused.
  Error error = std::move(document).error();
  error.code = isJson ? ErrorCode::kJsonSyntax : ErrorCode::kYamlRefused;
  return error;
}

yaml::Document resolveIncludes(const yaml::Document& document,
                               const std::map<std::string, std::string>& files, Report& report) {
  const Node root{document.root, document.places};
  if (!document.root.isObject()) return document;
  Includes includes(files, report);
  Piece piece = includes.root(root);
  includes.reportUnused(root);
  return {std::move(piece.value), std::move(piece.place)};
}

}  // namespace belay::flow
