#pragma once

#include <string_view>
#include <unordered_set>

#include "common/json/Value.h"

namespace belay::json {

/// The names of an object, for many questions: an object of thousands of members is not searched
/// from its start each time.
///
/// Ownership: the object must outlive the set and stay as it is.
class NameSet {
 public:
  explicit NameSet(const Value& object) : object_(object) {
    if (object.asObject().size() <= 16) return;
    for (const Member& member : object.asObject()) names_.insert(member.first);
  }
  bool has(std::string_view name) const {
    return names_.empty() ? object_.find(name) != nullptr : names_.contains(name);
  }

 private:
  const Value& object_;
  std::unordered_set<std::string_view> names_;
};

}  // namespace belay::json
