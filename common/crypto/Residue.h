#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace belay::crypto {

/// 256 bits, the least significant limb first.
using Limbs = std::array<std::uint64_t, 4>;
__extension__ using WideLimb = unsigned __int128;

/// All ones for 1, zero for 0. The compiler must not see that it has two values only, or it may
/// make a jump of it, whose time tells which.
constexpr std::uint64_t maskOf(std::uint64_t bit) {
  std::uint64_t mask = 0 - bit;
  if (!std::is_constant_evaluated()) asm volatile("" : "+r"(mask));
  return mask;
}

constexpr Limbs choose(std::uint64_t mask, const Limbs& whenOnes, const Limbs& whenZero) {
  const std::uint64_t other = ~mask;
  return {
      (whenOnes[0] & mask) | (whenZero[0] & other), (whenOnes[1] & mask) | (whenZero[1] & other),
      (whenOnes[2] & mask) | (whenZero[2] & other), (whenOnes[3] & mask) | (whenZero[3] & other)};
}

// Written out limb by limb: the compiler unrolls such loops only where it optimises for speed
// alone.

constexpr std::uint64_t low(WideLimb wide) { return static_cast<std::uint64_t>(wide); }
constexpr std::uint64_t high(WideLimb wide) { return static_cast<std::uint64_t>(wide >> 64); }

/// a * b + c + d, which always fits.
constexpr WideLimb multiplyAdd(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
  return WideLimb{a} * b + c + d;
}

/// Returns the carry.
constexpr std::uint64_t addLimbs(Limbs& out, const Limbs& a, const Limbs& b) {
  const WideLimb s0 = WideLimb{a[0]} + b[0];
  const WideLimb s1 = WideLimb{a[1]} + b[1] + high(s0);
  const WideLimb s2 = WideLimb{a[2]} + b[2] + high(s1);
  const WideLimb s3 = WideLimb{a[3]} + b[3] + high(s2);
  out = {low(s0), low(s1), low(s2), low(s3)};
  return high(s3);
}

/// Returns the borrow: 1 when a < b.
constexpr std::uint64_t subtractLimbs(Limbs& out, const Limbs& a, const Limbs& b) {
  const WideLimb d0 = WideLimb{a[0]} - b[0];
  const WideLimb d1 = WideLimb{a[1]} - b[1] - (high(d0) & 1u);
  const WideLimb d2 = WideLimb{a[2]} - b[2] - (high(d1) & 1u);
  const WideLimb d3 = WideLimb{a[3]} - b[3] - (high(d2) & 1u);
  out = {low(d0), low(d1), low(d2), low(d3)};
  return high(d3) & 1u;
}

constexpr bool isLess(const Limbs& a, const Limbs& b) {
  Limbs ignored{};
  return subtractLimbs(ignored, a, b) == 1;
}

constexpr bool isZero(const Limbs& a) { return (a[0] | a[1] | a[2] | a[3]) == 0; }

/// A number modulo `Prime::kModulus` (more than 2^255, odd), kept as itself times 2^256
/// (Montgomery): a product then needs no division. No time depends on values.
///
/// Threads: owner.
template <typename Prime>
class Residue {
 public:
  constexpr Residue() = default;
  /// `value` must be less than the modulus.
  static constexpr Residue of(const Limbs& value) { return multiply(value, kSquareOfRadix); }
  static constexpr Residue one() { return of({1, 0, 0, 0}); }

  constexpr Limbs value() const { return multiply(limbs_, {1, 0, 0, 0}).limbs_; }
  constexpr bool isZero() const { return crypto::isZero(limbs_); }

  friend constexpr Residue operator+(const Residue& a, const Residue& b) {
    Limbs sum{};
    const std::uint64_t carry = addLimbs(sum, a.limbs_, b.limbs_);
    return reduceOnce(sum, carry);
  }
  friend constexpr Residue operator-(const Residue& a, const Residue& b) {
    Residue out;
    const std::uint64_t mask = maskOf(subtractLimbs(out.limbs_, a.limbs_, b.limbs_));
    addLimbs(out.limbs_, out.limbs_, choose(mask, Prime::kModulus, {}));
    return out;
  }
  friend constexpr Residue operator*(const Residue& a, const Residue& b) {
    return multiply(a.limbs_, b.limbs_);
  }
  friend constexpr bool operator==(const Residue& a, const Residue& b) {
    std::uint64_t difference = 0;
    for (std::size_t i = 0; i < 4; ++i) difference |= a.limbs_[i] ^ b.limbs_[i];
    return difference == 0;
  }
  static constexpr Residue select(std::uint64_t mask, const Residue& ones, const Residue& zero) {
    Residue out;
    out.limbs_ = choose(mask, ones.limbs_, zero.limbs_);
    return out;
  }

  /// 0 for 0. By Fermat: to the power of modulus - 2, whose bits are public.
  constexpr Residue inverse() const {
    std::array<Residue, 16> powers{one(), *this};
    for (std::size_t i = 2; i < 16; ++i) powers[i] = powers[i - 1] * *this;
    Limbs exponent{};
    subtractLimbs(exponent, Prime::kModulus, {2, 0, 0, 0});
    Residue out = one();
    for (std::size_t nibble = 64; nibble-- > 0;) {
      for (int i = 0; i < 4; ++i) out = out * out;
      out = out * powers[(exponent[nibble / 16] >> (nibble % 16 * 4)) & 15u];
    }
    return out;
  }

 private:
  static constexpr Residue reduceOnce(const Limbs& value, std::uint64_t carry) {
    Limbs less{};
    const std::uint64_t borrow = subtractLimbs(less, value, Prime::kModulus);
    Residue out;
    // Too small to subtract from only when it borrows and nothing was carried out before.
    out.limbs_ = choose(maskOf(borrow & (carry ^ 1u)), value, less);
    return out;
  }

  /// One limb of a product: adds a * b to `t`, then the multiple of the modulus that makes the
  /// lowest limb zero, and drops that limb.
  static constexpr void addProduct(Limbs& t, std::uint64_t& top, const Limbs& a, std::uint64_t b) {
    constexpr const Limbs& m = Prime::kModulus;
    const WideLimb s0 = multiplyAdd(a[0], b, t[0], 0);
    const std::uint64_t factor = low(s0) * kFactor;
    const WideLimb z0 = multiplyAdd(factor, m[0], low(s0), 0);
    const WideLimb s1 = multiplyAdd(a[1], b, t[1], high(s0));
    const WideLimb z1 = multiplyAdd(factor, m[1], low(s1), high(z0));
    const WideLimb s2 = multiplyAdd(a[2], b, t[2], high(s1));
    const WideLimb z2 = multiplyAdd(factor, m[2], low(s2), high(z1));
    const WideLimb s3 = multiplyAdd(a[3], b, t[3], high(s2));
    const WideLimb z3 = multiplyAdd(factor, m[3], low(s3), high(z2));
    const WideLimb last = WideLimb{top} + high(s3) + high(z3);
    t = {low(z1), low(z2), low(z3), low(last)};
    top = high(last);
  }

  /// a * b / 2^256.
  static constexpr Residue multiply(const Limbs& a, const Limbs& b) {
    Limbs t{};
    std::uint64_t top = 0;
    addProduct(t, top, a, b[0]);
    addProduct(t, top, a, b[1]);
    addProduct(t, top, a, b[2]);
    addProduct(t, top, a, b[3]);
    return reduceOnce(t, top);
  }

  /// -1 / modulus modulo 2^64: each round of Newton's doubles the bits that are right.
  static constexpr std::uint64_t factor() {
    std::uint64_t inverse = 1;
    for (int i = 0; i < 6; ++i) inverse *= 2 - Prime::kModulus[0] * inverse;
    return 0 - inverse;
  }
  static constexpr Limbs squareOfRadix() {
    Residue out;
    out.limbs_ = {1, 0, 0, 0};
    for (int i = 0; i < 512; ++i) out = out + out;
    return out.limbs_;
  }
  static constexpr std::uint64_t kFactor = factor();
  static constexpr Limbs kSquareOfRadix = squareOfRadix();

  Limbs limbs_{};
};

}  // namespace belay::crypto
