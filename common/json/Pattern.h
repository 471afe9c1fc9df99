#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/Result.h"

namespace belay::json {

/// A regular expression that is matched in linear time: states are simulated side by side, nothing
/// is tried twice, so no pattern and no text can make it run away or fill the stack.
///
/// The grammar is the common part of ECMA-262: literals, ., classes, \d \w \s and their opposites,
/// \b \B, ^ $, groups (also (?:…)), |, and * + ? {n} {n,} {n,m} with an optional ? that changes
/// nothing here. Back references and look-around are refused. Texts are matched by character
/// (UTF-8), anywhere in the text unless anchored.
///
/// Threads: any, after compile.
class Pattern {
 public:
  enum class Answer : std::uint8_t { kNo, kYes, kTooCostly };

  /// Errors: kSchemaInvalid, which names what is not understood and where; kLimit when it grows too
  /// large.
  static base::Result<Pattern> compile(std::string_view source);

  /// How many steps one search may take: a pattern of hundreds of states on a text of megabytes.
  static constexpr std::uint64_t kStepsMax = 20'000'000;

  /// kTooCostly after kStepsMax.
  Answer search(std::string_view text) const;
  /// kTooCostly when `steps` are used up; those that were taken are subtracted.
  Answer search(std::string_view text, std::uint64_t& steps) const;

 private:
  friend class PatternCompiler;
  struct Range {
    char32_t from = 0;
    char32_t to = 0;
  };
  struct Class {
    std::vector<Range> ranges;
    bool negated = false;
  };
  enum class Op : std::uint8_t {
    kClass,
    kAny,
    kSplit,
    kJump,
    kStart,
    kEnd,
    kWordEdge,
    kNoWordEdge,
    kMatch
  };
  struct Instruction {
    Op op = Op::kMatch;
    std::uint32_t a = 0;  ///< Class, or first target.
    std::uint32_t b = 0;  ///< Second target of kSplit.
  };
  class Search;

  std::vector<Instruction> program_;
  std::vector<Class> classes_;
};

}  // namespace belay::json
