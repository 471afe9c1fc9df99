#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/crypto/Residue.h"

namespace belay::crypto {

struct FieldPrime {
  static constexpr Limbs kModulus{0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000,
                                  0xffffffff00000001};
};
struct OrderPrime {
  static constexpr Limbs kModulus{0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff,
                                  0xffffffff00000000};
};
/// Coordinates of P-256.
using Field = Residue<FieldPrime>;
/// Multiples of its points.
using Scalar = Residue<OrderPrime>;

/// A point of P-256 (y^2 = x^3 - 3x + b) in projective coordinates: (X : Y : Z) is (X/Z, Y/Z), and
/// (0 : 1 : 0) the neutral element.
///
/// Sums are made by the complete formulas of Renes, Costello and Batina (2016), which hold for
/// every pair of points of a curve of prime order: equal, opposite or neutral ones need no case of
/// their own, and no time tells which it was.
///
/// Threads: owner.
class CurvePoint {
 public:
  constexpr CurvePoint() = default;  ///< The neutral element.
  static CurvePoint generator();
  /// Nothing unless both are less than the field's prime and the point is on the curve.
  static std::optional<CurvePoint> of(const Limbs& x, const Limbs& y);

  friend CurvePoint operator+(const CurvePoint& a, const CurvePoint& b);
  CurvePoint doubled() const;
  bool isNeutral() const { return z_.isZero(); }

  struct Affine {
    Limbs x{}, y{};
  };
  /// Not for the neutral element.
  Affine affine() const;
  /// True when x of this point, taken modulo the order, is `r`; without an inversion.
  bool hasX(const Limbs& r) const;

 private:
  friend class PointMultiples;
  constexpr CurvePoint(const Field& x, const Field& y, const Field& z) : x_(x), y_(y), z_(z) {}

  Field x_;
  Field y_ = Field::one();
  Field z_;
};

/// Sums of a point's multiples, made once (in about the time of one multiplication, 6 KB) so that
/// each multiplication costs 43 doublings instead of 256: the comb of Lim and Lee with six teeth.
///
/// Threads: any, at once.
class PointMultiples {
 public:
  explicit PointMultiples(const CurvePoint& point);
  static const PointMultiples& ofGenerator();

  /// `scalar` times the point. No time depends on the scalar, and no place in memory that is read.
  CurvePoint times(const Limbs& scalar) const;
  /// a times A plus b times B. The time depends on the scalars: for public numbers only.
  static CurvePoint sumOfPublic(const PointMultiples& pointA, const Limbs& a,
                                const PointMultiples& pointB, const Limbs& b);

 private:
  CurvePoint readEvery(std::uint64_t set) const;

  /// By a set of teeth: the sum of 2^(43 i) times the point over the teeth i in it.
  std::array<CurvePoint, 64> sums_;
};

}  // namespace belay::crypto
