#include "common/yaml/Builder.h"

#include <algorithm>
#include <utility>

#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/yaml/CoreSchema.h"

namespace belay::yaml {

using base::Error;
using base::ErrorCode;
using base::Status;

namespace {

std::string_view textOf(const unsigned char* raw) {
  return raw ? std::string_view(reinterpret_cast<const char*>(raw)) : std::string_view();
}

std::string shown(std::string_view text) {
  return "\"" + base::visible(text.substr(0, 60)) + (text.size() > 60 ? "…" : "") + "\"";
}

}  // namespace

Mark markOf(const yaml_mark_t& mark) {
  return {static_cast<int>(mark.line) + 1, static_cast<int>(mark.column) + 1};
}

std::string Builder::pointer() const {
  std::string out;
  for (const Frame& frame : frames_) {
    if (frame.value.isArray())
      out += "/" + std::to_string(frame.value.asArray().size());
    else if (frame.hasName)
      out += "/" + json::pointerToken(frame.name);
  }
  return out;
}

Error Builder::refuse(const yaml_mark_t& mark, const std::string& what) const {
  const Mark at = markOf(mark);
  base::SourcePlace where;
  where.line = at.line;
  where.column = at.column;
  where.pointer = pointer();
  return Error{ErrorCode::kYamlRefused, "YAML at line " + std::to_string(at.line) + ", column " +
                                            std::to_string(at.column) + ": " + what}
      .at(std::move(where));
}

Status Builder::take(const yaml_event_t& event) {
  switch (event.type) {
    case YAML_DOCUMENT_START_EVENT:
      return beginDocument(event);
    case YAML_DOCUMENT_END_EVENT:
      documentEnded_ = true;
      return {};
    case YAML_SEQUENCE_START_EVENT:
      BELAY_TRY(checkTag(event, event.data.sequence_start.tag));
      return begin(event, json::Array{}, event.data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
      BELAY_TRY(checkTag(event, event.data.mapping_start.tag));
      return begin(event, json::Object{}, event.data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
      return end(event);
    case YAML_SCALAR_EVENT:
      return scalar(event);
    case YAML_ALIAS_EVENT:
      return alias(event);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
      return {};
  }
  return {};
}

Status Builder::beginDocument(const yaml_event_t& event) {
  if (documentEnded_)
    return refuse(event.start_mark, "a second document begins here; one file holds one");
  const yaml_version_directive_t* version = event.data.document_start.version_directive;
  if (version && (version->major != 1 || version->minor != 2)) {
    return refuse(event.start_mark, "only YAML 1.2 is read, the file asks for " +
                                        std::to_string(version->major) + "." +
                                        std::to_string(version->minor));
  }
  if (event.data.document_start.tag_directives.start !=
      event.data.document_start.tag_directives.end) {
    return refuse(event.start_mark, "%TAG is refused: tags are not read");
  }
  return {};
}

Status Builder::checkTag(const yaml_event_t& event, const unsigned char* tag) const {
  if (!tag) return {};
  std::string name(textOf(tag));
  constexpr std::string_view kCore = "tag:yaml.org,2002:";
  if (name.starts_with(kCore)) name = "!!" + name.substr(kCore.size());
  return refuse(
      event.start_mark,
      "the tag " + base::visible(name.substr(0, 60)) +
          " is refused; quote a value to make it text, leave it plain to make it a number");
}

bool Builder::wantsName() const {
  return !frames_.empty() && frames_.back().value.isObject() && !frames_.back().hasName;
}

Status Builder::count(const yaml_event_t& event, std::size_t nodes, std::size_t textBytes) {
  nodes_ += nodes;
  textBytes_ += textBytes;
  if (nodes_ > limits_.nodesMax) {
    return refuse(event.start_mark, "the document holds more than " +
                                        std::to_string(limits_.nodesMax) +
                                        " values after its aliases are expanded");
  }
  if (textBytes_ > limits_.textBytesMax) {
    return refuse(event.start_mark, "the document holds more than " +
                                        base::formatBytes(limits_.textBytesMax) +
                                        " of text after its aliases are expanded");
  }
  return {};
}

Status Builder::begin(const yaml_event_t& event, json::Value empty, const unsigned char* anchor) {
  if (wantsName())
    return refuse(event.start_mark, "a name must be text, here is a list or an object");
  BELAY_TRY(count(event, 1, 0));
  if (frames_.size() >= static_cast<std::size_t>(limits_.depthMax)) {
    const Mark at = markOf(event.start_mark);
    return Error{ErrorCode::kLimit, "YAML at line " + std::to_string(at.line) + ", column " +
                                        std::to_string(at.column) + ": nested deeper than " +
                                        std::to_string(limits_.depthMax)}
        .at({{}, at.line, at.column, {}});
  }
  Frame frame;
  frame.value = std::move(empty);
  frame.place.key = frame.place.value = markOf(event.start_mark);
  frame.anchor = textOf(anchor);
  frames_.push_back(std::move(frame));
  return {};
}

Status Builder::end(const yaml_event_t& event) {
  Frame frame = std::move(frames_.back());
  frames_.pop_back();
  Anchored node{std::move(frame.value), std::move(frame.place), frame.nodes, frame.textBytes,
                frame.height};
  const std::string anchor = std::move(frame.anchor);
  return place(event, std::move(node),
               anchor.empty() ? nullptr : reinterpret_cast<const unsigned char*>(anchor.c_str()));
}

/// Puts a finished value where it belongs.
Status Builder::place(const yaml_event_t& event, Anchored node, const unsigned char* anchor) {
  if (anchor) {
    BELAY_TRY(count(event, node.nodes, node.textBytes));
    anchors_.insert_or_assign(std::string(textOf(anchor)), node);
  }
  if (frames_.empty()) {
    root_ = std::move(node.value);
    rootPlace_ = std::move(node.place);
    return {};
  }
  Frame& frame = frames_.back();
  frame.nodes += node.nodes;
  frame.textBytes += node.textBytes;
  frame.height = std::max(frame.height, node.height + 1);
  if (frame.value.isArray()) {
    frame.value.asArray().push_back(std::move(node.value));
  } else {
    node.place.key = frame.nameMark;
    frame.value.asObject().emplace_back(std::move(frame.name), std::move(node.value));
    frame.hasName = false;
  }
  frame.place.children.push_back(std::move(node.place));
  return {};
}

Status Builder::scalar(const yaml_event_t& event) {
  BELAY_TRY(checkTag(event, event.data.scalar.tag));
  const std::string_view text(reinterpret_cast<const char*>(event.data.scalar.value),
                              event.data.scalar.length);
  const bool plain = event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  if (text.find('\0') != std::string_view::npos)
    return refuse(event.start_mark, "the NUL character is refused");
  if (wantsName()) return name(event, text, plain);
  BELAY_TRY(count(event, 1, text.size()));
  Anchored node;
  node.textBytes = text.size();
  node.place.key = node.place.value = markOf(event.start_mark);
  if (plain) {
    Resolved resolved = resolvePlain(text);
    if (!resolved.refused.empty())
      return refuse(event.start_mark, shown(text) + " " + std::string(resolved.refused));
    node.value = std::move(resolved.value);
  } else {
    node.value = json::Value(text);
  }
  return place(event, std::move(node), event.data.scalar.anchor);
}

Status Builder::name(const yaml_event_t& event, std::string_view text, bool plain) {
  if (event.data.scalar.anchor) return refuse(event.start_mark, "an anchor on a name is refused");
  if (plain && text == "<<") {
    return refuse(event.start_mark, "the merge key << is refused; write the members out");
  }
  if (plain) {
    const Resolved resolved = resolvePlain(text);
    if (!resolved.refused.empty() || !resolved.value.isString()) {
      const std::string kind(resolved.refused.empty() ? json::kindName(resolved.value) : "number");
      return refuse(
          event.start_mark,
          "a name must be text, " +
              (text.empty() ? "here is none" : shown(text) + " is of type " + kind + "; quote it"));
    }
  }
  BELAY_TRY(count(event, 0, text.size()));
  Frame& frame = frames_.back();
  frame.name = text;
  frame.nameMark = markOf(event.start_mark);
  frame.hasName = true;
  frame.textBytes += text.size();
  if (!frame.names.emplace(text).second) {
    return refuse(event.start_mark, "the name " + shown(text) + " stands twice in the object");
  }
  return {};
}

Status Builder::alias(const yaml_event_t& event) {
  const std::string_view anchor = textOf(event.data.alias.anchor);
  if (wantsName()) return refuse(event.start_mark, "an alias cannot be a name; write the name out");
  const auto found = anchors_.find(anchor);
  if (found == anchors_.end()) {
    return refuse(event.start_mark, "the alias *" + base::visible(anchor.substr(0, 60)) +
                                        " has no anchor that ends before it");
  }
  const Anchored& anchored = found->second;
  BELAY_TRY(count(event, anchored.nodes, anchored.textBytes));
  if (frames_.size() + static_cast<std::size_t>(anchored.height) >
      static_cast<std::size_t>(limits_.depthMax) + 1) {
    return refuse(event.start_mark, "nested deeper than " + std::to_string(limits_.depthMax));
  }
  Anchored node = anchored;
  node.place.key = node.place.value = markOf(event.start_mark);
  return place(event, std::move(node), nullptr);
}

}  // namespace belay::yaml
