#include "common/base/ErrorCode.h"

#include <array>
#include <cstddef>

#include "common/base/Text.h"

namespace belay::base {

namespace {

constexpr std::array<ErrorRow, static_cast<std::size_t>(ErrorCode::kCount)> kErrors{{
#define BELAY_ERROR(name, text, exitCode, httpStatus, summary) \
  {ErrorCode::name, text, exitCode, httpStatus, summary},
#include "common/base/ErrorCodes.inc"
#undef BELAY_ERROR
}};

}  // namespace

std::span<const ErrorRow> errorTable() { return kErrors; }

const ErrorRow& errorRow(ErrorCode code) { return kErrors.at(static_cast<std::size_t>(code)); }

std::string_view errorText(ErrorCode code) { return errorRow(code).text; }

std::optional<ErrorCode> errorFromText(std::string_view text) {
  for (const ErrorRow& row : kErrors) {
    if (equalsIgnoringCase(row.text, text)) return row.code;
  }
  return std::nullopt;
}

}  // namespace belay::base
