// The first line as a pattern, the rest as a text to be searched: compiled or refused, and answered
// within the bound, twice the same.

#include "common/base/Check.h"
#include "common/json/Pattern.h"
#include "tests/fuzz/Input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using belay::json::Pattern;
  const auto [source, text] = belay::fuzz::split(belay::fuzz::textOf(data, size), '\n');
  const auto pattern = Pattern::compile(source);
  if (!pattern.ok()) {
    BELAY_CHECK(pattern.error().code == belay::base::ErrorCode::kSchemaInvalid ||
                pattern.error().code == belay::base::ErrorCode::kLimit);
    return 0;
  }
  constexpr std::uint64_t kSteps = 200'000;
  std::uint64_t left = kSteps;
  const Pattern::Answer answer = pattern->search(text, left);
  BELAY_CHECK(left <= kSteps);
  std::uint64_t again = kSteps;
  BELAY_CHECK(pattern->search(text, again) == answer && again == left);
  return 0;
}
