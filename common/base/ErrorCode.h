#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace belay::base {

/// Every failure that a caller can meet. One row each in the table of ErrorCode.cpp, one page each
/// in docs/errors/.
enum class ErrorCode : std::uint16_t {
#define BELAY_ERROR(name, text, exitCode, httpStatus, summary) name,
#include "common/base/ErrorCodes.inc"
#undef BELAY_ERROR
  kCount,
};

/// What the programs do with a code: the word that users see, the exit code of the CLI, the status
/// of the API.
struct ErrorRow {
  ErrorCode code;
  std::string_view text;     ///< Stable, "BLY-…"; never reused for another meaning.
  int exitCode;              ///< docs/exit-codes.md
  int httpStatus;            ///< Status of an API answer that carries this error.
  std::string_view summary;  ///< One sentence, the title of its page.
};

std::span<const ErrorRow> errorTable();
const ErrorRow& errorRow(ErrorCode code);
std::string_view errorText(ErrorCode code);

/// Finds the code for "BLY-…", in any case of letters.
std::optional<ErrorCode> errorFromText(std::string_view text);

}  // namespace belay::base
