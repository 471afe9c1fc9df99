#pragma once

#include <cstddef>
#include <string>

#include "common/redaction/Redactor.h"

namespace belay::journal {

/// What was found in a text whose values were masked.
struct ScrubbedText {
  std::size_t found = 0;
  bool readable = true;  ///< False: it was JSON, and is none any more.
};

/// Masks values in a text by as many bytes. A number of a JSON text that has a value among its
/// digits stays a number: they become 0 (and 1 where a 0 may not lead). Threads: any.
ScrubbedText scrubText(const redaction::Redactor& values, std::string& text);

}  // namespace belay::journal
