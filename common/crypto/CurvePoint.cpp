#include "common/crypto/CurvePoint.h"

namespace belay::crypto {

namespace {

constexpr Field kB =
    Field::of({0x3bce3c3e27d2604b, 0x651d06b0cc53b0f6, 0xb3ebbd55769886bc, 0x5ac635d8aa3a93e7});
constexpr Field kGeneratorX =
    Field::of({0xf4a13945d898c296, 0x77037d812deb33a0, 0xf8bce6e563a440f2, 0x6b17d1f2e12c4247});
constexpr Field kGeneratorY =
    Field::of({0xcbb6406837bf51f5, 0x2bce33576b315ece, 0x8ee7eb4a7c0f9e16, 0x4fe342e2fe1a7f9b});

constexpr std::size_t kTeeth = 6;
constexpr std::size_t kSpacing = 43;  // 6 * 43 bits cover 256.

std::uint64_t bitOf(const Limbs& number, std::size_t bit) {
  return bit < 256 ? (number[bit / 64] >> (bit % 64)) & 1u : 0;
}

/// The bits at `at`, `at` + 43, … as one number.
std::uint64_t teethAt(const Limbs& number, std::size_t at) {
  std::uint64_t set = 0;
  for (std::size_t tooth = kTeeth; tooth-- > 0;) {
    set = set << 1 | bitOf(number, at + tooth * kSpacing);
  }
  return set;
}

}  // namespace

CurvePoint CurvePoint::generator() { return {kGeneratorX, kGeneratorY, Field::one()}; }

std::optional<CurvePoint> CurvePoint::of(const Limbs& x, const Limbs& y) {
  if (!isLess(x, FieldPrime::kModulus) || !isLess(y, FieldPrime::kModulus)) return std::nullopt;
  const Field fx = Field::of(x), fy = Field::of(y);
  if (!(fy * fy == fx * fx * fx - (fx + fx + fx) + kB)) return std::nullopt;
  return CurvePoint{fx, fy, Field::one()};
}

// Algorithm 4 of the paper (a = -3), with its order of operations.
CurvePoint operator+(const CurvePoint& p, const CurvePoint& q) {
  const Field xx = p.x_ * q.x_, yy = p.y_ * q.y_, zz = p.z_ * q.z_;
  const Field xy = (p.x_ + p.y_) * (q.x_ + q.y_) - (xx + yy);
  const Field yz = (p.y_ + p.z_) * (q.y_ + q.z_) - (yy + zz);
  const Field xz = (p.x_ + p.z_) * (q.x_ + q.z_) - (xx + zz);
  const Field first = xz - kB * zz;
  const Field tripled = first + first + first;
  const Field minus = yy - tripled, plus = yy + tripled;
  const Field threeZz = zz + zz + zz;
  const Field second = kB * xz - threeZz - xx;
  const Field mixed = second + second + second;
  const Field slope = xx + xx + xx - threeZz;
  return {xy * plus - yz * mixed, plus * minus + slope * mixed, yz * minus + xy * slope};
}

// Algorithm 6 of the paper (a = -3).
CurvePoint CurvePoint::doubled() const {
  const Field xx = x_ * x_, yy = y_ * y_, zz = z_ * z_;
  const Field xy = x_ * y_, twoXy = xy + xy;
  const Field xz = x_ * z_, twoXz = xz + xz;
  const Field first = kB * zz - twoXz;
  const Field tripled = first + first + first;
  const Field minus = yy - tripled, plus = yy + tripled;
  const Field threeZz = zz + zz + zz;
  const Field second = kB * twoXz - threeZz - xx;
  const Field mixed = second + second + second;
  const Field slope = xx + xx + xx - threeZz;
  const Field yz = y_ * z_, twoYz = yz + yz;
  const Field product = twoYz * yy, twice = product + product;
  return {minus * twoXy - twoYz * mixed, plus * minus + slope * mixed, twice + twice};
}

PointMultiples::PointMultiples(const CurvePoint& point) {
  CurvePoint base = point;
  for (std::size_t tooth = 0; tooth < kTeeth; ++tooth) {
    const std::size_t bit = std::size_t{1} << tooth;
    for (std::size_t set = 0; set < bit; ++set) sums_.at(bit + set) = sums_.at(set) + base;
    if (tooth + 1 == kTeeth) break;
    for (std::size_t i = 0; i < kSpacing; ++i) base = base.doubled();
  }
}

const PointMultiples& PointMultiples::ofGenerator() {
  static const PointMultiples multiples(CurvePoint::generator());  // Never changes.
  return multiples;
}

CurvePoint PointMultiples::readEvery(std::uint64_t set) const {
  CurvePoint out;
  for (std::uint64_t i = 0; i < sums_.size(); ++i) {
    const std::uint64_t difference = i ^ set;
    const std::uint64_t mask = maskOf((~difference & (difference - 1)) >> 63);
    out.x_ = Field::select(mask, sums_[i].x_, out.x_);
    out.y_ = Field::select(mask, sums_[i].y_, out.y_);
    out.z_ = Field::select(mask, sums_[i].z_, out.z_);
  }
  return out;
}

CurvePoint PointMultiples::times(const Limbs& scalar) const {
  CurvePoint out;
  for (std::size_t at = kSpacing; at-- > 0;) {
    out = out.doubled();
    out = out + readEvery(teethAt(scalar, at));
  }
  return out;
}

CurvePoint PointMultiples::sumOfPublic(const PointMultiples& pointA, const Limbs& a,
                                       const PointMultiples& pointB, const Limbs& b) {
  CurvePoint out;
  for (std::size_t at = kSpacing; at-- > 0;) {
    out = out.doubled();
    out = out + pointA.sums_.at(teethAt(a, at));
    out = out + pointB.sums_.at(teethAt(b, at));
  }
  return out;
}

CurvePoint::Affine CurvePoint::affine() const {
  const Field inverse = z_.inverse();
  return {(x_ * inverse).value(), (y_ * inverse).value()};
}

bool CurvePoint::hasX(const Limbs& r) const {
  if (isNeutral()) return false;
  if (x_ == Field::of(r) * z_) return true;
  // The order is a little less than the field's prime: x may be r plus the order.
  Limbs next{};
  const bool carried = addLimbs(next, r, OrderPrime::kModulus) != 0;
  return !carried && isLess(next, FieldPrime::kModulus) && x_ == Field::of(next) * z_;
}

}  // namespace belay::crypto
