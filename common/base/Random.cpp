#include "common/base/Random.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "common/base/Check.h"
#include "common/base/Text.h"

namespace belay::base {

void OsRandom::fill(std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::getrandom(out.data() + done, out.size() - done, 0);
    BELAY_CHECK(got > 0 || errno == EINTR);
    if (got > 0) done += static_cast<std::size_t>(got);
  }
}

std::string makeSortableId(std::int64_t wallMs, Random& random) {
  constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";
  std::string id(16, '0');
  auto time = static_cast<std::uint64_t>(wallMs);
  for (std::size_t i = 9; i-- > 0; time >>= 5) id[i] = kDigits[time & 31u];
  std::array<std::uint8_t, 7> noise{};
  random.fill(noise);
  for (std::size_t i = 0; i < noise.size(); ++i) id[9 + i] = kDigits[noise.at(i) & 31u];
  return id;
}

std::string makeToken(Random& random, std::size_t bytes) {
  std::string raw(bytes, '\0');
  random.fill({reinterpret_cast<std::uint8_t*>(raw.data()), raw.size()});
  return toBase64Url(raw);
}

}  // namespace belay::base
