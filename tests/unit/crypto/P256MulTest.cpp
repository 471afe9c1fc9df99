// The multiplication of points that Belay adds to Mbed TLS (config/cmake/deps/mbedtls-p256.c) against
// the library's general one, which is taken for a curve without a name.

#include <cstddef>
#include <cstdint>
#include <span>

#include <mbedtls/ecp.h>

#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using belay::test::SeededRandom;

namespace {

constexpr int kPowers = 256;

int fill(void* context, unsigned char* out, std::size_t length) {
  static_cast<SeededRandom*>(context)->fill(std::span<std::uint8_t>(out, length));
  return 0;
}

struct Curve {
  Curve() {
    mbedtls_ecp_group_init(&group);
    LONGS_EQUAL(0, mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1));
  }
  ~Curve() { mbedtls_ecp_group_free(&group); }
  Curve(const Curve&) = delete;
  Curve& operator=(const Curve&) = delete;
  mbedtls_ecp_group group{};
};

struct Point {
  Point() { mbedtls_ecp_point_init(&raw); }
  ~Point() { mbedtls_ecp_point_free(&raw); }
  Point(const Point&) = delete;
  Point& operator=(const Point&) = delete;
  mbedtls_ecp_point raw{};
};

struct Number {
  Number() { mbedtls_mpi_init(&raw); }
  ~Number() { mbedtls_mpi_free(&raw); }
  Number(const Number&) = delete;
  Number& operator=(const Number&) = delete;
  mbedtls_mpi raw{};
};

}  // namespace

TEST_GROUP(P256Mul) {
  SeededRandom random;
  Curve named;
  Curve general;
  Number factor;
  Point base;

  void setup() override {
    general.group.id = MBEDTLS_ECP_DP_NONE;
    LONGS_EQUAL(0, mbedtls_ecp_copy(&base.raw, &named.group.G));
  }

  /// `factor` times the point, both ways; the product is the next base.
  void compare(const mbedtls_ecp_point& point, bool keep) {
    Point ours;
    Point theirs;
    LONGS_EQUAL(0, mbedtls_ecp_mul(&named.group, &ours.raw, &factor.raw, &point, fill, &random));
    LONGS_EQUAL(0,
                mbedtls_ecp_mul(&general.group, &theirs.raw, &factor.raw, &point, fill, &random));
    LONGS_EQUAL(0, mbedtls_ecp_point_cmp(&ours.raw, &theirs.raw));
    LONGS_EQUAL(0, mbedtls_ecp_check_pubkey(&named.group, &ours.raw));
    if (keep) LONGS_EQUAL(0, mbedtls_ecp_copy(&base.raw, &ours.raw));
  }
  void compareBoth() {
    compare(named.group.G, false);
    compare(base.raw, false);
  }
  void draw() {
    LONGS_EQUAL(0, mbedtls_ecp_gen_privkey(&named.group, &factor.raw, fill, &random));
  }
};

TEST(P256Mul, isTheGeneralOneForNumbersAtRandom) {
  for (int i = 0; i < 200; ++i) {
    draw();
    compare(named.group.G, false);
    compare(base.raw, true);
  }
}

TEST(P256Mul, isTheGeneralOneAtTheEdges) {
  draw();
  compare(base.raw, true);
  for (int i = 1; i <= 20; ++i) {
    LONGS_EQUAL(0, mbedtls_mpi_lset(&factor.raw, i));
    compareBoth();
    LONGS_EQUAL(0, mbedtls_mpi_sub_int(&factor.raw, &named.group.N, i));
    compareBoth();
  }
  // Of all digits one is set; then all below it are.
  for (int bit = 0; bit < kPowers - 1; ++bit) {
    LONGS_EQUAL(0, mbedtls_mpi_lset(&factor.raw, 1));
    LONGS_EQUAL(0, mbedtls_mpi_shift_l(&factor.raw, static_cast<std::size_t>(bit)));
    compareBoth();
    if (bit == 0) continue;
    LONGS_EQUAL(0, mbedtls_mpi_sub_int(&factor.raw, &factor.raw, 1));
    compareBoth();
  }
}

TEST(P256Mul, takesNoNumberOutsideOfTheGroup) {
  Point out;
  LONGS_EQUAL(0, mbedtls_mpi_lset(&factor.raw, 0));
  CHECK(mbedtls_ecp_mul(&named.group, &out.raw, &factor.raw, &base.raw, fill, &random) != 0);
  LONGS_EQUAL(0, mbedtls_mpi_copy(&factor.raw, &named.group.N));
  CHECK(mbedtls_ecp_mul(&named.group, &out.raw, &factor.raw, &base.raw, fill, &random) != 0);
}

TEST(P256Mul, takesNoPointOutsideOfTheCurve) {
  draw();
  Point out;
  LONGS_EQUAL(0, mbedtls_mpi_add_int(&base.raw.MBEDTLS_PRIVATE(X), &base.raw.MBEDTLS_PRIVATE(X), 1));
  CHECK(mbedtls_ecp_mul(&named.group, &out.raw, &factor.raw, &base.raw, fill, &random) != 0);
  LONGS_EQUAL(0, mbedtls_ecp_set_zero(&base.raw));
  CHECK(mbedtls_ecp_mul(&named.group, &out.raw, &factor.raw, &base.raw, fill, &random) != 0);
}

// Of u G + v Q: what the check of a signature does.
TEST(P256Mul, addsTwoProducts) {
  Number other;
  for (int i = 0; i < 50; ++i) {
    draw();
    LONGS_EQUAL(0, mbedtls_ecp_gen_privkey(&named.group, &other.raw, fill, &random));
    // Twice the same point, and a point and its opposite, have formulas of their own.
    if (i == 0) LONGS_EQUAL(0, mbedtls_mpi_copy(&other.raw, &factor.raw));
    if (i == 1) {
      LONGS_EQUAL(0, mbedtls_mpi_sub_mpi(&other.raw, &named.group.N, &factor.raw));
    }
    if (i == 2) compare(base.raw, true);
    Point ours;
    Point theirs;
    const int first = mbedtls_ecp_muladd(&named.group, &ours.raw, &factor.raw, &named.group.G,
                                         &other.raw, &base.raw);
    const int second = mbedtls_ecp_muladd(&general.group, &theirs.raw, &factor.raw,
                                          &general.group.G, &other.raw, &base.raw);
    LONGS_EQUAL(second, first);
    LONGS_EQUAL(0, mbedtls_ecp_point_cmp(&ours.raw, &theirs.raw));
  }
}
