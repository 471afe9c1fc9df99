#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/json/Formats.h"
#include "common/json/Pattern.h"
#include "common/json/Schema.h"

namespace belay::json {

/// The compiled form of a schema: one node per subschema, which name each other by index. Node 0 is
/// the root.
struct Schema::Program {
  using Index = std::uint32_t;
  static constexpr Index kNone = std::numeric_limits<Index>::max();
  static constexpr double kNoCount = std::numeric_limits<double>::infinity();

  /// A pair of bounds on a count or a number; both inclusive.
  struct Bounds {
    double least = -kNoCount;
    double most = kNoCount;
  };

  struct Node {
    bool never = false;      ///< The schema `false`.
    std::uint8_t types = 0;  ///< Bits of kTypeNames; 0: any.
    std::optional<Array> choices;
    std::optional<Value> constant;
    std::optional<Value> fallback;

    std::vector<std::pair<std::string, Index>> properties;
    std::unordered_map<std::string, Index> propertyIndex;
    std::vector<std::pair<Pattern, Index>> patternProperties;
    std::vector<std::string> required;
    std::vector<std::pair<std::string, std::vector<std::string>>> dependentRequired;
    Index additional = kNone;
    Index names = kNone;
    Bounds propertyCount;

    std::vector<Index> prefix;
    Index items = kNone;
    Bounds itemCount;
    bool uniqueItems = false;

    Bounds length;
    std::optional<Pattern> pattern;
    std::string patternSource;
    const FormatRow* format = nullptr;

    Bounds range;
    std::optional<double> above;  ///< exclusiveMinimum
    std::optional<double> below;  ///< exclusiveMaximum
    std::optional<double> multipleOf;

    std::vector<Index> all;
    std::vector<Index> any;
    std::vector<Index> one;
    Index negated = kNone;
    Index condition = kNone;
    Index consequence = kNone;
    Index alternative = kNone;
    Index reference = kNone;
  };

  std::vector<Node> nodes;
};

/// The words of `type`, in the order of their bits.
inline constexpr std::string_view kTypeNames[] = {"null",   "boolean", "integer", "number",
                                                  "string", "array",   "object"};
enum TypeBit : std::uint8_t {
  kNullBit = 1,
  kBooleanBit = 2,
  kIntegerBit = 4,
  kNumberBit = 8,
  kStringBit = 16,
  kArrayBit = 32,
  kObjectBit = 64
};

}  // namespace belay::json
