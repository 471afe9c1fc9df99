#include "common/crypto/Sha256Blocks.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

namespace belay::crypto {

namespace {

// The compiler emits these instructions only in functions that are marked so, because the binary
// must start on processors without them.
#define BELAY_SHA_TARGET __attribute__((target("sha,sse4.1")))

struct Words {
  __m128i abef, cdgh;
};

/// Four rounds, with the message words `w` and the constants from `at`.
BELAY_SHA_TARGET inline void fourRounds(Words& words, __m128i w, std::size_t at) {
  const __m128i constants =
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(kSha256Constants.data() + at));
  const __m128i sum = _mm_add_epi32(w, constants);
  words.cdgh = _mm_sha256rnds2_epu32(words.cdgh, words.abef, sum);
  words.abef = _mm_sha256rnds2_epu32(words.abef, words.cdgh, _mm_shuffle_epi32(sum, 0x0E));
}

/// The next four words of the message from the sixteen before, oldest first.
BELAY_SHA_TARGET inline __m128i nextWords(__m128i w0, __m128i w1, __m128i w2, __m128i w3) {
  const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
  return _mm_sha256msg2_epu32(sum, w3);
}

BELAY_SHA_TARGET inline __m128i readWords(const std::uint8_t* data) {
  const __m128i bigEndian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  return _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data)), bigEndian);
}

}  // namespace

BELAY_SHA_TARGET void sha256BlocksNative(Sha256State& state, const std::uint8_t* data,
                                         std::size_t blocks) {
  auto* const low = reinterpret_cast<__m128i*>(state.data());
  auto* const high = reinterpret_cast<__m128i*>(state.data() + 4);
  // The instructions want the eight words as (a b e f) and (c d g h), the last one lowest.
  const __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128(low), 0xB1);
  const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128(high), 0x1B);
  Words words{_mm_alignr_epi8(badc, hgfe, 8), _mm_blend_epi16(hgfe, badc, 0xF0)};
  for (; blocks > 0; --blocks, data += 64) {
    const Words before = words;
    __m128i w0 = readWords(data), w1 = readWords(data + 16);
    __m128i w2 = readWords(data + 32), w3 = readWords(data + 48);
    fourRounds(words, w0, 0);
    fourRounds(words, w1, 4);
    fourRounds(words, w2, 8);
    fourRounds(words, w3, 12);
    for (std::size_t at = 16; at < 64; at += 16) {
      w0 = nextWords(w0, w1, w2, w3);
      fourRounds(words, w0, at);
      w1 = nextWords(w1, w2, w3, w0);
      fourRounds(words, w1, at + 4);
      w2 = nextWords(w2, w3, w0, w1);
      fourRounds(words, w2, at + 8);
      w3 = nextWords(w3, w0, w1, w2);
      fourRounds(words, w3, at + 12);
    }
    words.abef = _mm_add_epi32(words.abef, before.abef);
    words.cdgh = _mm_add_epi32(words.cdgh, before.cdgh);
  }
  const __m128i feba = _mm_shuffle_epi32(words.abef, 0x1B);
  const __m128i dchg = _mm_shuffle_epi32(words.cdgh, 0xB1);
  _mm_storeu_si128(low, _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128(high, _mm_alignr_epi8(dchg, feba, 8));
}

bool hasSha256Instructions() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  const bool sse41 = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_1) != 0;
  return sse41 && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}

}  // namespace belay::crypto

#else

namespace belay::crypto {

void sha256BlocksNative(Sha256State& state, const std::uint8_t* data, std::size_t blocks) {
  sha256BlocksPortable(state, data, blocks);
}

bool hasSha256Instructions() { return false; }

}  // namespace belay::crypto

#endif
