#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/json/SchemaProgram.h"

namespace belay::json {

/// The way from the root to a value, as a chain on the stack: a pointer is only written when there
/// is a violation.
struct ValuePath {
  const ValuePath* above = nullptr;
  std::string_view name;
  std::size_t index = 0;
  bool isIndex = false;

  std::string pointer() const;
};

/// One validation or coercion, with its own bounds on work and depth.
///
/// Threads: owner.
class SchemaRun {
 public:
  using Program = Schema::Program;
  using Node = Program::Node;
  using Index = Program::Index;

  explicit SchemaRun(const Program& program) : program_(program) {}

  /// Adds to violations() what is wrong.
  void validate(Index node, const Value& value);
  /// Puts defaults and converts texts; checks nothing.
  void coerce(Index node, Value& value, int depth = 0);

  /// What was found since the last call; only the bound that was hit, if one was.
  std::vector<Violation> takeViolations();
  bool exhausted() const { return !exhausted_.empty(); }

 private:
  /// True when the value matches. Without `loud` it ends at the first thing that does not.
  bool check(Index node, const Value& value, const ValuePath& path, int depth, bool loud);
  bool checkKind(const Node& node, const Value& value, const ValuePath& path, bool loud);
  bool checkChoices(const Node& node, const Value& value, const ValuePath& path, bool loud);
  bool checkNumber(const Node& node, double number, const ValuePath& path, bool loud);
  bool checkText(const Node& node, const std::string& text, const ValuePath& path, bool loud);
  bool checkArray(const Node& node, const Array& items, const ValuePath& path, int depth,
                  bool loud);
  bool checkUnique(const Array& items, const ValuePath& path, bool loud);
  bool checkObject(const Node& node, const Value& value, const ValuePath& path, int depth,
                   bool loud);
  bool checkRequired(const Node& node, const Value& value, const ValuePath& path, bool loud);
  bool checkMember(const Node& node, const Member& member, const ValuePath& path, int depth,
                   bool loud);
  bool checkCombined(const Node& node, const Value& value, const ValuePath& path, int depth,
                     bool loud);
  bool checkAny(const Node& node, const Value& value, const ValuePath& path, int depth, bool loud);
  bool checkOne(const Node& node, const Value& value, const ValuePath& path, int depth, bool loud);
  void explainAlternatives(const std::vector<Index>& alternatives, const Value& value,
                           const ValuePath& path, int depth);
  void coerceText(const Node& node, Value& value) const;
  void coerceObject(const Node& node, Value& value, int depth);

  bool report(const ValuePath& path, bool loud, std::string message);
  bool spend(std::size_t steps, int depth);

  const Program& program_;
  std::vector<Violation> violations_;
  std::size_t steps_ = 0;
  std::uint64_t patternSteps_ = Pattern::kStepsMax;  ///< What is left, for all patterns together.
  std::string exhausted_;                            ///< Which bound was hit; empty: none.
};

}  // namespace belay::json
