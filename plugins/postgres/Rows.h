#pragma once

#include <libpq-fe.h>

#include <cstddef>
#include <string>

#include "common/json/Value.h"

namespace belay::postgres {

/// The rows of one answer as JSON, within bounds: so many rows, and 512 KiB.
///
/// A column gives a number where no digit is lost (int2, int4, float, and int8 up to 2^53), true or
/// false, the value of json and jsonb, null, and text for all else, numeric included.
class Rows {
 public:
  /// The first row of `answer`; false when there is no room for it.
  bool add(const PGresult* answer, std::size_t rowsMax);
  /// What the server says at its end.
  void finish(const PGresult* answer);
  json::Value output() const;

 private:
  void describe(const PGresult* answer);

  json::Value rows_{json::Array{}};
  json::Value columns_{json::Array{}};
  std::string command_;
  std::int64_t changed_ = -1;  ///< Rows that a statement without rows changed.
  std::size_t bytes_ = 0;
  bool truncated_ = false;
};

}  // namespace belay::postgres
