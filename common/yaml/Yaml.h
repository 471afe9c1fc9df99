#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::yaml {

/// A place in a text. Lines and columns count from 1, columns in characters; 0 means unknown.
struct Mark {
  int line = 0;
  int column = 0;
  int file = 0;  ///< For whoever puts a document together from several texts: a number of his.
};

/// Where a value stands, and where its name does. The children follow the items or members of the
/// value, in order.
struct Place {
  Mark key;  ///< Of the member's name; of the value itself for items and the root.
  Mark value;
  std::vector<Place> children;
};

/// A parsed text with the places of all its values.
///
/// Threads:   owner.
/// Ownership: owns both trees; they have the same shape as long as `root` is not changed.
struct Document {
  json::Value root;
  Place places;

  /// The place under a JSON Pointer, or of the nearest value above it that exists.
  const Place& placeOf(std::string_view pointer) const;
};

/// Bounds of a text that is parsed; each is an error when it is passed, never a truncation.
struct Limits {
  std::size_t bytesMax = 1u << 20;
  int depthMax = 64;
  std::size_t nodesMax =
      100'000;  ///< Values after aliases are expanded; an anchored value counts twice.
  std::size_t textBytesMax =
      8u << 20;  ///< Bytes of all names and texts after aliases are expanded.
};

/// Parses one YAML 1.2 document by the core schema: `no`, `on` and `yes` are text, `012` is the
/// number 12, quoted is always text. Aliases are expanded. An empty text is null.
///
/// Refused, because they make a text mean something else than it shows or grow without bound:
/// duplicate and non-text keys, tags, merge keys (<<), several documents, .inf and .nan, whole
/// numbers that are not exact (beyond 2^53), NUL. Errors: kYamlSyntax, kYamlRefused with line,
/// column and JSON Pointer; kLimit.
base::Result<Document> parse(std::string_view text, const Limits& limits = {});

/// Parses strict JSON (common/json) with places.
/// Errors: those of json::parse; kLimit.
base::Result<Document> parseJson(std::string_view text, const Limits& limits = {});

}  // namespace belay::yaml
