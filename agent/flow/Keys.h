#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace belay::flow {

// The language of flow files as data: one row per key. The checks, "did you mean", the JSON Schema
// and the defaults of steps are all made from these tables.

/// What the value of a key looks like.
enum class Shape : std::uint8_t {
  kText,
  kScript,        ///< Text that is handed to a shell: an expression in it is an error of its own.
  kSql,           ///< Text that a database reads, likewise.
  kIdentifier,    ///< [a-z0-9][a-z0-9_-]{0,63}
  kFunctionName,  ///< [A-Za-z_][A-Za-z0-9_]{0,63}
  kItemName,      ///< [a-z_][A-Za-z0-9_]{0,63}, and a name that expressions do not have yet.
  kExpression,    ///< One "${{ … }}", or true or false.
  kFlag,
  kInteger,
  kNumber,
  kDuration,
  kInstant,
  kSize,     ///< "16 MiB", or bytes as a number.
  kRelease,  ///< A number from 1, "sha256:…" with 8 hex digits or more, "live" or "draft".
  kChoice,
  kWords,  ///< Text, or a list of texts.
  kTextList,
  kIntegerList,
  kChoiceList,
  kMap,  ///< Free names, values by `values`.
  kAny,
  kConstants,  ///< An object without expressions.
  kJsonSchema,
  kObject,      ///< By `object`.
  kObjectList,  ///< A list of such objects.
  kSteps,       ///< A list of steps: StepRules looks into it.
  kBranches,    ///< Lists of steps by name.
  kNext,        ///< A step's id, "end", or a template that gives one.
  kStep,        ///< A step's id or "end".
  kOnError,     ///< fail, skip, or a step's id.
  kPrompt,      ///< Text, or {template: NAME}.
};

/// The names that the members of a map may have.
enum class Names : std::uint8_t { kAny, kIdentifier, kFunction, kVariable, kHeader };

enum KeyFlag : unsigned {
  kRequired = 1,
  kTemplate = 2,         ///< Expressions may stand in it; in place of numbers and the like too.
  kSecrets = 4,          ///< {secret: NAME} may stand for a text.
  kEmpty = 8,            ///< May be empty.
  kFunctionSource = 16,  ///< The text is a JavaScript function.
  kCode = 32,            ///< The text is the code of a function step.
  kInFile = 64,          ///< {file: NAME} may stand for a text (Include.h).
  kNone = 128,           ///< Of a duration: `none` may stand for it.
  kOrTrue = 256,         ///< Of an object: true may stand for an empty one.
  kOrChoice = 512,       ///< Of an object: one of the choices may stand for it.
};

struct ObjectRow;

struct KeyRow {
  std::string_view name;
  Shape shape = Shape::kText;
  unsigned flags = 0;
  /// Bounds: of a number, of a size in bytes, of a duration in ms, else of characters, items or
  /// members.
  double least = 0;
  double most = std::numeric_limits<double>::infinity();
  std::span<const std::string_view> choices = {};
  const ObjectRow* object = nullptr;
  Names names = Names::kAny;
  /// Of a kMap: kText, kAny, kObject by `object`, or kNumber for text, numbers, true, false and
  /// lists of them.
  Shape values = Shape::kText;
  std::string_view fallback = {};  ///< What holds where the key is missing, as JSON.
  std::string_view help = {};
};

struct ObjectRow {
  std::string_view what;  ///< For messages: "a run step".
  std::span<const KeyRow> keys;
  /// Names of keys of which exactly one must be there; empty: no such rule.
  std::span<const std::string_view> exactlyOne = {};
  /// Names that the language has and this version does not.
  std::span<const std::string_view> later = {};

  const KeyRow* find(std::string_view name) const;
};

/// The keys of a flow file.
const ObjectRow& flowKeys();
/// Those of a flow that is code: without what says how it goes on.
const ObjectRow& codeFlowKeys();
/// The keys that all steps have; those of the families are in Family.h.
std::span<const KeyRow> stepKeys();

}  // namespace belay::flow
