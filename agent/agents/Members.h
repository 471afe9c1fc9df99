#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::agents {

/// Reads the members of one JSON object that must have no others, and keeps the first thing that is
/// wrong.
///
/// Threads:   owner.
/// Ownership: borrows the value; names are literals.
/// Errors:    kInvalidArgument with the member's path, out of finish(); a field that is missing or
///            wrong keeps the value that it had.
class Members {
 public:
  /// `where` is the path of the object, as errors say it: "budgets", or "" for the outermost.
  Members(const json::Value& value, std::string where);

  void text(std::string_view name, std::string& field);
  void texts(std::string_view name, std::vector<std::string>& field);
  void flag(std::string_view name, bool& field);
  /// A whole number from 0 on.
  void count(std::string_view name, std::int64_t& field);
  void amount(std::string_view name, double& field);

  /// An object below this one, read by `read(Members&)`; nothing when it is missing or null.
  template <typename Read>
  void object(std::string_view name, const Read& read) {
    const json::Value* found = take(name);
    if (!found) return;
    Members below(*found, pathOf(name));
    read(below);
    keep(below.finish());
  }

  /// The member as it is, for whoever reads on below it; null pointer when it is missing or null.
  const json::Value* take(std::string_view name);
  std::string pathOf(std::string_view name) const;
  void wrong(std::string_view name, const std::string& what);
  void keep(const base::Status& status);

  /// Everything was right, and no member is left that nobody asked for.
  base::Status finish();

 private:
  const json::Value& value_;
  const std::string where_;
  std::vector<std::string_view> known_;
  base::Status status_;
};

}  // namespace belay::agents
