#pragma once

#include <yaml.h>

#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "common/yaml/Yaml.h"

namespace belay::yaml {

/// Makes a Document from the events of libyaml, and refuses what the contract of parse() refuses.
///
/// Threads:   owner.
/// Errors:    kYamlRefused, kLimit; after an error the builder is of no more use.
class Builder {
 public:
  explicit Builder(const Limits& limits) : limits_(limits) {}

  base::Status take(const yaml_event_t& event);
  bool finished() const { return documentEnded_; }
  Document result() && { return Document{std::move(root_), std::move(rootPlace_)}; }

  /// JSON Pointer of the value that is being read.
  std::string pointer() const;

 private:
  /// A list or object that has begun and not ended.
  struct Frame {
    json::Value value;
    Place place;
    std::string anchor;
    std::string name;  ///< Of the member whose value comes next.
    Mark nameMark;
    bool hasName = false;
    std::unordered_set<std::string> names;
    std::size_t nodes = 1;
    std::size_t textBytes = 0;
    int height = 1;
  };
  /// A value to which aliases can point. A copy: its nodes are counted, so copies of copies are
  /// bounded too.
  struct Anchored {
    json::Value value;
    Place place;
    std::size_t nodes = 1;
    std::size_t textBytes = 0;
    int height = 1;
  };

  base::Error refuse(const yaml_mark_t& mark, const std::string& what) const;
  base::Status beginDocument(const yaml_event_t& event);
  base::Status checkTag(const yaml_event_t& event, const unsigned char* tag) const;
  base::Status begin(const yaml_event_t& event, json::Value empty, const unsigned char* anchor);
  base::Status end(const yaml_event_t& event);
  base::Status scalar(const yaml_event_t& event);
  base::Status name(const yaml_event_t& event, std::string_view text, bool plain);
  base::Status alias(const yaml_event_t& event);
  base::Status place(const yaml_event_t& event, Anchored node, const unsigned char* anchor);
  base::Status count(const yaml_event_t& event, std::size_t nodes, std::size_t textBytes);
  bool wantsName() const;

  const Limits limits_;
  std::vector<Frame> frames_;
  std::map<std::string, Anchored, std::less<>> anchors_;
  std::size_t nodes_ = 0;
  std::size_t textBytes_ = 0;
  json::Value root_;
  Place rootPlace_{{1, 1}, {1, 1}, {}};
  bool documentEnded_ = false;
};

/// From libyaml's marks, which count from 0.
Mark markOf(const yaml_mark_t& mark);

}  // namespace belay::yaml
