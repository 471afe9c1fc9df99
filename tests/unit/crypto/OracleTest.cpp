// Compares our hash and curve with those of Mbed TLS, on random inputs and on those where carries,
// neutral elements and equal points make such code go wrong.

#include <mbedtls/ecdsa.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/md.h>
#include <mbedtls/sha256.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "common/base/Text.h"
#include "common/crypto/CurvePoint.h"
#include "common/crypto/Hmac.h"
#include "common/crypto/P256.h"
#include "common/crypto/Sha256.h"
#include "common/crypto/Sha256Blocks.h"
#include "common/json/Json.h"
#include "tests/support/SeededRandom.h"

#include "CppUTest/TestHarness.h"

using namespace belay::crypto;
using belay::test::SeededRandom;

namespace {

SeededRandom& oracleRandom() {
  static SeededRandom random(99);
  return random;
}

int fill(void*, unsigned char* out, std::size_t size) noexcept {
  oracleRandom().fill({out, size});
  return 0;
}

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

class Mpi {
 public:
  Mpi() { mbedtls_mpi_init(&raw_); }
  explicit Mpi(std::string_view bytes) : Mpi() {
    CHECK_EQUAL(0, mbedtls_mpi_read_binary(&raw_, raw(bytes), bytes.size()));
  }
  ~Mpi() { mbedtls_mpi_free(&raw_); }
  Mpi(const Mpi&) = delete;
  Mpi& operator=(const Mpi&) = delete;
  mbedtls_mpi* get() { return &raw_; }
  std::string bytes() const {
    std::string out(32, '\0');
    mbedtls_mpi_write_binary(&raw_, reinterpret_cast<unsigned char*>(out.data()), out.size());
    return out;
  }

 private:
  mbedtls_mpi raw_;
};

class Point {
 public:
  Point() { mbedtls_ecp_point_init(&raw_); }
  ~Point() { mbedtls_ecp_point_free(&raw_); }
  Point(const Point&) = delete;
  Point& operator=(const Point&) = delete;
  mbedtls_ecp_point* get() { return &raw_; }

 private:
  mbedtls_ecp_point raw_;
};

Limbs limbsOf(std::string_view bytes) {
  Limbs out{};
  for (std::size_t i = 0; i < 32; ++i) {
    out.at(i / 8) |= std::uint64_t{static_cast<std::uint8_t>(bytes[31 - i])} << (i % 8 * 8);
  }
  return out;
}

std::string bytesOf(const Limbs& limbs) {
  std::string out(32, '\0');
  for (std::size_t i = 0; i < 32; ++i) {
    out[31 - i] = static_cast<char>(limbs.at(i / 8) >> (i % 8 * 8));
  }
  return out;
}

/// Values at which carries run through all limbs, and random ones.
std::vector<Limbs> interesting(const Limbs& modulus, SeededRandom& random) {
  std::vector<Limbs> out{{0, 0, 0, 0}, {1, 0, 0, 0}, {2, 0, 0, 0}};
  for (std::uint64_t i = 1; i <= 3; ++i) {
    Limbs less{};
    subtractLimbs(less, modulus, {i, 0, 0, 0});
    out.push_back(less);
  }
  for (std::size_t bit = 31; bit < 256; bit += 32) {
    Limbs power{};
    power.at(bit / 64) = std::uint64_t{1} << (bit % 64);
    out.push_back(power);
    Limbs below{};
    subtractLimbs(below, power, {1, 0, 0, 0});
    out.push_back(below);
  }
  for (int i = 0; i < 12; ++i) {
    std::string bytes(32, '\0');
    random.fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
    out.push_back(limbsOf(bytes));
  }
  std::erase_if(out, [&](const Limbs& value) { return !isLess(value, modulus); });
  return out;
}

}  // namespace

TEST_GROUP(Oracle) {
  SeededRandom random{21};
  mbedtls_ecp_group group;

  void setup() override {
    mbedtls_ecp_group_init(&group);
    CHECK_EQUAL(0, mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1));
  }
  void teardown() override { mbedtls_ecp_group_free(&group); }

  std::string randomBytes(std::size_t size) {
    std::string out(size, '\0');
    random.fill({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
    return out;
  }
  P256PrivateKey keyOf(const std::string& scalar) {
    const CurvePoint::Affine point = PointMultiples::ofGenerator().times(limbsOf(scalar)).affine();
    const auto member = [](const char* name, const std::string& bytes) {
      return "\"" + std::string(name) + "\":\"" + belay::base::toBase64Url(bytes) + "\"";
    };
    return P256PrivateKey::fromJwk("{\"kty\":\"EC\",\"crv\":\"P-256\"," + member("d", scalar) +
                                   "," + member("x", bytesOf(point.x)) + "," +
                                   member("y", bytesOf(point.y)) + "}")
        .value();
  }
  bool oracleVerifies(const P256PublicKey& key, const std::string& message, const Signature& sig) {
    Point point;
    CHECK_EQUAL(0, mbedtls_ecp_point_read_binary(&group, point.get(), raw(key.point()), 65));
    const std::string bytes(sig.begin(), sig.end());
    Mpi r(bytes.substr(0, 32)), s(bytes.substr(32));
    const Digest hash = sha256(message);
    return mbedtls_ecdsa_verify(&group, hash.bytes.data(), 32, point.get(), r.get(), s.get()) == 0;
  }
  template <typename Prime>
  void comparesArithmetic(mbedtls_mpi * modulus) {
    using Number = Residue<Prime>;
    for (const Limbs& a : interesting(Prime::kModulus, random)) {
      CHECK(Number::of(a).value() == a);
      Mpi ma(bytesOf(a)), expected;
      if (!isZero(a)) {
        CHECK_EQUAL(0, mbedtls_mpi_inv_mod(expected.get(), ma.get(), modulus));
        CHECK(bytesOf(Number::of(a).inverse().value()) == expected.bytes());
      }
      for (const Limbs& b : interesting(Prime::kModulus, random)) {
        Mpi mb(bytesOf(b));
        const Number x = Number::of(a), y = Number::of(b);
        mbedtls_mpi_mul_mpi(expected.get(), ma.get(), mb.get());
        mbedtls_mpi_mod_mpi(expected.get(), expected.get(), modulus);
        CHECK(bytesOf((x * y).value()) == expected.bytes());
        mbedtls_mpi_add_mpi(expected.get(), ma.get(), mb.get());
        mbedtls_mpi_mod_mpi(expected.get(), expected.get(), modulus);
        CHECK(bytesOf((x + y).value()) == expected.bytes());
        mbedtls_mpi_sub_mpi(expected.get(), ma.get(), mb.get());
        mbedtls_mpi_mod_mpi(expected.get(), expected.get(), modulus);
        CHECK(bytesOf((x - y).value()) == expected.bytes());
      }
    }
  }
};

TEST(Oracle, hashesAgreeAtEveryLength) {
  const std::string text = randomBytes(700);
  for (std::size_t size = 0; size <= text.size(); ++size) {
    Digest expected;
    mbedtls_sha256(raw(text), size, expected.bytes.data(), 0);
    CHECK(sha256(text.substr(0, size)) == expected);
  }
}

TEST(Oracle, bothHashFunctionsTakeBlocksAlike) {
  for (std::size_t blocks = 0; blocks < 8; ++blocks) {
    const std::string text = randomBytes(blocks * 64);
    Sha256State portable{1, 2, 3, 4, 5, 6, 7, 0xffffffff}, native = portable;
    sha256BlocksPortable(portable, raw(text), blocks);
    if (hasSha256Instructions()) {
      sha256BlocksNative(native, raw(text), blocks);
      CHECK(portable == native);
    }
  }
}

TEST(Oracle, keyedHashesAgree) {
  const auto* sha = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
  for (int i = 0; i < 200; ++i) {
    const std::string key = randomBytes(random.below(150)), text = randomBytes(random.below(300));
    Digest expected;
    mbedtls_md_hmac(sha, raw(key), key.size(), raw(text), text.size(), expected.bytes.data());
    CHECK(hmacSha256(key, text) == expected);
    std::string derived(random.below(200), '\0');
    mbedtls_hkdf(sha, raw(text), text.size(), raw(key), key.size(), raw(text), text.size() / 2,
                 reinterpret_cast<unsigned char*>(derived.data()), derived.size());
    CHECK(hkdfSha256(key, text, text.substr(0, text.size() / 2), derived.size()) == derived);
  }
}

TEST(Oracle, fieldArithmeticAgrees) { comparesArithmetic<FieldPrime>(&group.P); }
TEST(Oracle, scalarArithmeticAgrees) { comparesArithmetic<OrderPrime>(&group.N); }

TEST(Oracle, multiplesOfTheGeneratorAgree) {
  const PointMultiples& generator = PointMultiples::ofGenerator();
  for (const Limbs& scalar : interesting(OrderPrime::kModulus, random)) {
    if (isZero(scalar)) continue;
    Mpi d(bytesOf(scalar));
    Point expected;
    CHECK_EQUAL(0, mbedtls_ecp_mul(&group, expected.get(), d.get(), &group.G, fill, nullptr));
    std::string bytes(65, '\0');
    std::size_t size = 0;
    mbedtls_ecp_point_write_binary(&group, expected.get(), MBEDTLS_ECP_PF_UNCOMPRESSED, &size,
                                   reinterpret_cast<unsigned char*>(bytes.data()), bytes.size());
    const auto secret = PointMultiples::ofGenerator().times(scalar).affine();
    const auto open =
        PointMultiples::sumOfPublic(generator, scalar, generator, {0, 0, 0, 0}).affine();
    CHECK(bytesOf(secret.x) + bytesOf(secret.y) == bytes.substr(1));
    CHECK(bytesOf(open.x) + bytesOf(open.y) == bytes.substr(1));
  }
}

TEST(Oracle, sumsHoldForEveryPairOfPoints) {
  const CurvePoint g = CurvePoint::generator();
  const PointMultiples& generator = PointMultiples::ofGenerator();
  Limbs minusOne{};
  subtractLimbs(minusOne, OrderPrime::kModulus, {1, 0, 0, 0});
  const CurvePoint opposite = PointMultiples::ofGenerator().times(minusOne);
  const auto same = [](const CurvePoint& a, const CurvePoint& b) {
    return a.affine().x == b.affine().x && a.affine().y == b.affine().y;
  };
  CHECK((g + opposite).isNeutral());
  CHECK((CurvePoint() + CurvePoint()).isNeutral());
  CHECK(CurvePoint().doubled().isNeutral());
  CHECK(same(g + CurvePoint(), g));
  CHECK(same(CurvePoint() + g, g));
  CHECK(same(g + g, g.doubled()));
  CHECK(same(g + g + g, PointMultiples::ofGenerator().times({3, 0, 0, 0})));
  CHECK(PointMultiples::ofGenerator().times({0, 0, 0, 0}).isNeutral());
  CHECK(PointMultiples::ofGenerator().times(OrderPrime::kModulus).isNeutral());
  CHECK(PointMultiples::sumOfPublic(generator, minusOne, generator, {1, 0, 0, 0}).isNeutral());
  CHECK_FALSE(CurvePoint().hasX({0, 0, 0, 0}));
}

TEST(Oracle, signaturesAgreeByteForByte) {
  for (int i = 0; i < 40; ++i) {
    const std::string scalar = randomBytes(32), message = randomBytes(random.below(100));
    const P256PrivateKey key = keyOf(scalar);
    Mpi d(scalar), r, s;
    const Digest hash = sha256(message);
    CHECK_EQUAL(0, mbedtls_ecdsa_sign_det_ext(&group, r.get(), s.get(), d.get(), hash.bytes.data(),
                                              32, MBEDTLS_MD_SHA256, fill, nullptr));
    const Signature made = key.sign(message);
    CHECK(std::string(made.begin(), made.end()) == r.bytes() + s.bytes());
    CHECK(oracleVerifies(key.publicKey(), message, made));
    CHECK(key.publicKey().verify(message, made));
  }
}

TEST(Oracle, verdictsAgreeOnChangedSignatures) {
  const P256PrivateKey key = keyOf(randomBytes(32));
  for (int i = 0; i < 60; ++i) {
    const std::string message = randomBytes(20);
    Signature signature = key.sign(message);
    const std::size_t at = random.below(signature.size());
    signature.at(at) = static_cast<std::uint8_t>(signature.at(at) ^ (1u << random.below(8)));
    CHECK_FALSE(oracleVerifies(key.publicKey(), message, signature));
    CHECK_FALSE(key.publicKey().verify(message, signature));
  }
}

TEST(Oracle, theOtherHalfOfAnHonestSignatureVerifiesAsEverywhere) {
  // (r, n - s) is valid ECDSA as well: whoever needs one name for a statement hashes its payload.
  const P256PrivateKey key = keyOf(randomBytes(32));
  Signature signature = key.sign("message");
  Limbs other{};
  subtractLimbs(other, OrderPrime::kModulus,
                limbsOf(std::string(signature.begin() + 32, signature.end())));
  const std::string bytes = bytesOf(other);
  std::copy(bytes.begin(), bytes.end(), signature.begin() + 32);
  CHECK(oracleVerifies(key.publicKey(), "message", signature));
  CHECK(key.publicKey().verify("message", signature));
}

TEST(Oracle, refusesASignatureWhosePointIsNeutral) {
  // With r = -hash / d the two products cancel each other, whatever s is.
  const std::string scalar = randomBytes(32);
  const P256PrivateKey key = keyOf(scalar);
  const Scalar hash = Scalar::of(limbsOf(sha256("message").view()));
  const Scalar r = (Scalar() - hash) * Scalar::of(limbsOf(scalar)).inverse();
  const std::string bytes = bytesOf(r.value()) + std::string(31, '\0') + '\7';
  Signature signature{};
  std::copy(bytes.begin(), bytes.end(), signature.begin());
  CHECK_FALSE(oracleVerifies(key.publicKey(), "message", signature));
  CHECK_FALSE(key.publicKey().verify("message", signature));
}

TEST(Oracle, takesASignatureWhosePointLiesBeyondTheOrder) {
  // x of the nonce's point may lie between order and prime: r is then x minus the order. Nobody
  // meets such a nonce by chance, so the key is made to fit: Q = (s R - hash G) / r.
  Mpi x(bytesOf(OrderPrime::kModulus)), y, right, root, three;
  mbedtls_mpi_add_int(root.get(), &group.P, 1);
  mbedtls_mpi_shift_r(root.get(), 2);
  std::optional<CurvePoint> nonce;
  while (!nonce) {
    mbedtls_mpi_add_int(x.get(), x.get(), 1);
    mbedtls_mpi_mul_mpi(right.get(), x.get(), x.get());
    mbedtls_mpi_sub_int(right.get(), right.get(), 3);
    mbedtls_mpi_mul_mpi(right.get(), right.get(), x.get());
    mbedtls_mpi_add_mpi(right.get(), right.get(), &group.B);
    mbedtls_mpi_mod_mpi(right.get(), right.get(), &group.P);
    mbedtls_mpi_exp_mod(y.get(), right.get(), root.get(), &group.P, nullptr);
    nonce = CurvePoint::of(limbsOf(x.bytes()), limbsOf(y.bytes()));
  }
  Limbs r{};
  subtractLimbs(r, limbsOf(x.bytes()), OrderPrime::kModulus);
  const Limbs s{12345, 0, 0, 0};
  const Scalar hash = Scalar::of(limbsOf(sha256("message").view()));
  const Scalar inverse = Scalar::of(r).inverse();
  const CurvePoint key = PointMultiples::sumOfPublic(
      PointMultiples(*nonce), (Scalar::of(s) * inverse).value(), PointMultiples::ofGenerator(),
      ((Scalar() - hash) * inverse).value());
  const auto affine = key.affine();
  const auto publicKey =
      P256PublicKey::fromPoint("\x04" + bytesOf(affine.x) + bytesOf(affine.y)).value();
  const std::string bytes = bytesOf(r) + bytesOf(s);
  Signature signature{};
  std::copy(bytes.begin(), bytes.end(), signature.begin());
  CHECK(oracleVerifies(publicKey, "message", signature));
  CHECK(publicKey.verify("message", signature));
}
