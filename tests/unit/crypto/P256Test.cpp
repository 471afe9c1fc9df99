// Signs and verifies the vectors of RFC 6979 A.2.5, and gives verify() what an attacker would.

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/crypto/P256.h"
#include "common/json/Json.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::toBase64Url;
using belay::crypto::P256PrivateKey;
using belay::crypto::P256PublicKey;
using belay::crypto::Signature;
using belay::test::SeededRandom;

namespace {

constexpr std::string_view kOrder =
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
constexpr std::string_view kPrime =
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
constexpr std::string_view kScalar =
    "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
constexpr std::string_view kX = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
constexpr std::string_view kY = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";

std::string unhex(std::string_view text) {
  const auto bytes = belay::base::fromHex(text).value();
  return std::string(bytes.begin(), bytes.end());
}

std::string jwkOf(std::string_view d, std::string_view x, std::string_view y) {
  return R"({"crv":"P-256","d":")" + toBase64Url(unhex(d)) + R"(","kty":"EC","x":")" +
         toBase64Url(unhex(x)) + R"(","y":")" + toBase64Url(unhex(y)) + R"("})";
}

Signature signatureOf(std::string_view r, std::string_view s) {
  const std::string bytes = unhex(r) + unhex(s);
  Signature out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

/// `number` + `add` as 32 big-endian bytes in hex.
std::string plus(std::string_view number, int add) {
  std::string bytes = unhex(number);
  for (std::size_t i = 32; i-- > 0 && add != 0;) {
    const int sum = static_cast<unsigned char>(bytes[i]) + add;
    bytes[i] = static_cast<char>(sum & 0xFF);
    add = sum < 0 ? -1 : sum > 0xFF ? 1 : 0;
  }
  const auto* raw = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return belay::base::toHex({raw, bytes.size()});
}

struct Rfc6979Row {
  const char* message;
  const char* r;
  const char* s;
};
constexpr Rfc6979Row kRfc6979[] = {
    {"sample", "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
     "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
    {"test", "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
     "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"},
};

}  // namespace

TEST_GROUP(P256) {
  SeededRandom random;
  P256PrivateKey known = P256PrivateKey::fromJwk(jwkOf(kScalar, kX, kY)).value();
  std::string zero = std::string(64, '0');
  std::string one = std::string(63, '0') + "1";
};

TEST(P256, makesTheSignaturesOfRfc6979) {
  for (const Rfc6979Row& row : kRfc6979) {
    const Signature expected = signatureOf(row.r, row.s);
    CHECK(known.sign(row.message) == expected);
    CHECK(known.publicKey().verify(row.message, expected));
  }
}

TEST(P256, verifiesOwnSignaturesOnly) {
  for (int i = 0; i < 20; ++i) {
    const P256PrivateKey key = P256PrivateKey::generate(random);
    const std::string message = "message " + std::to_string(i);
    const Signature signature = key.sign(message);
    CHECK(key.publicKey().verify(message, signature));
    CHECK_FALSE(key.publicKey().verify(message + " ", signature));
    CHECK_FALSE(known.publicKey().verify(message, signature));
  }
}

TEST(P256, refusesASignatureWithAnyChangedByte) {
  const Signature signature = known.sign("sample");
  for (std::size_t at = 0; at < signature.size(); ++at) {
    Signature changed = signature;
    changed.at(at) ^= 0x40;
    CHECK_FALSE(known.publicKey().verify("sample", changed));
  }
}

TEST(P256, refusesNumbersOutsideOfTheirRange) {
  const std::string r(kRfc6979[0].r), s(kRfc6979[0].s);
  const std::string order(kOrder), top(64, 'f');
  const P256PublicKey& key = known.publicKey();
  for (const std::string& bad : {zero, order, plus(kOrder, 1), plus(kOrder, -1), top}) {
    CHECK_FALSE(key.verify("sample", signatureOf(bad, s)));
    CHECK_FALSE(key.verify("sample", signatureOf(r, bad)));
    CHECK_FALSE(key.verify("sample", signatureOf(bad, bad)));
  }
}

TEST(P256, refusesTheSameNumbersPlusTheOrder) {
  // s + n names the same residue where it fits into 32 bytes; here s is small enough to fit.
  const Signature small = signatureOf(kRfc6979[1].r, kRfc6979[1].s);
  CHECK(known.publicKey().verify("test", small));
  std::string s = unhex(kRfc6979[1].s);
  const std::string n = unhex(kOrder);
  int carry = 0;
  for (std::size_t i = 32; i-- > 0;) {
    const int sum = static_cast<unsigned char>(s[i]) + static_cast<unsigned char>(n[i]) + carry;
    s[i] = static_cast<char>(sum & 0xFF);
    carry = sum >> 8;
  }
  LONGS_EQUAL(1, carry);  // Does not fit: what remains is another number, and refused as well.
  Signature wrapped = small;
  std::copy(s.begin(), s.end(), wrapped.begin() + 32);
  CHECK_FALSE(known.publicKey().verify("test", wrapped));
}

// At the edges where implementations have gone wrong: u1 and u2 that are small, large or near
// powers of two, u1*G and u2*Q that are one point or opposites, an x that is not below the order.
TEST(P256, saysOfEdgeCasesWhatTheirVectorsSay) {
  const std::string text = belay::base::readFile("tests/data/p256-vectors.txt", 1u << 20).value();
  int held = 0, refused = 0;
  for (const std::string_view line : belay::base::split(text, '\n')) {
    const auto parts = belay::base::split(line, ';');
    if (parts.size() != 3) continue;
    const auto numbers = belay::base::split(belay::base::trim(parts[1]), ' ');
    LONGS_EQUAL(4, numbers.size());
    const auto key = P256PublicKey::fromPoint("\x04" + unhex(numbers[0]) + unhex(numbers[1]));
    CHECK_TEXT(key.ok(), std::string(line).c_str());
    const bool holds = belay::base::trim(parts[2]) == "holds";
    CHECK_TEXT(key->verify("edge", signatureOf(numbers[2], numbers[3])) == holds,
               std::string(line).c_str());
    CHECK_FALSE(key->verify("edges", signatureOf(numbers[2], numbers[3])));
    ++(holds ? held : refused);
  }
  CHECK(held > 100 && refused > 25);
}

TEST(P256, keepsAPrivateKeyOverToJwkAndBack) {
  const P256PrivateKey key = P256PrivateKey::generate(random);
  const P256PrivateKey again = P256PrivateKey::fromJwk(key.toJwk()).value();
  CHECK(again.publicKey() == key.publicKey());
  CHECK(again.sign("x") == key.sign("x"));
}

TEST(P256, refusesPrivateKeysThatAreNotOne) {
  CHECK_FALSE(P256PrivateKey::fromJwk(jwkOf(zero, kX, kY)).ok());
  CHECK_FALSE(P256PrivateKey::fromJwk(jwkOf(kOrder, kX, kY)).ok());
  CHECK_FALSE(P256PrivateKey::fromJwk(jwkOf(plus(kScalar, 1), kX, kY)).ok());
  CHECK_FALSE(P256PrivateKey::fromJwk("{}").ok());
  CHECK_FALSE(P256PrivateKey::fromJwk("").ok());
  CHECK_FALSE(P256PrivateKey::fromJwk(known.publicKey().jwk()).ok());
}

TEST(P256, takesTheSmallestAndTheLargestScalar) {
  const P256PublicKey base =
      P256PublicKey::fromPoint(
          "\x04" + unhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296") +
          unhex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"))
          .value();
  const std::string x = belay::json::parse(base.jwk()).value().text("x");
  const std::string y = belay::json::parse(base.jwk()).value().text("y");
  const auto jwk = R"({"kty":"EC","crv":"P-256","x":")" + x + R"(","y":")" + y + R"(","d":")" +
                   toBase64Url(unhex(one)) + R"("})";
  const auto key = P256PrivateKey::fromJwk(jwk);
  CHECK(key.ok());
  CHECK(key->publicKey() == base);
  CHECK(base.verify("m", key->sign("m")));
}

TEST(P256, refusesPointsThatAreNotOnTheCurve) {
  const std::string x = unhex(kX), y = unhex(kY);
  CHECK(P256PublicKey::fromPoint("\x04" + x + y).ok());
  CHECK_FALSE(P256PublicKey::fromPoint("\x04" + y + x).ok());
  CHECK_FALSE(P256PublicKey::fromPoint("\x04" + x + unhex(plus(kY, 1))).ok());
  CHECK_FALSE(P256PublicKey::fromPoint("\x04" + x + unhex(kPrime)).ok());
  CHECK_FALSE(P256PublicKey::fromPoint("\x04" + unhex(zero) + unhex(zero)).ok());
  CHECK_FALSE(P256PublicKey::fromPoint("\x02" + x).ok());
  CHECK_FALSE(P256PublicKey::fromPoint("\x03" + x + y).ok());
  CHECK_FALSE(P256PublicKey::fromPoint(std::string(1, '\0')).ok());
  CHECK_FALSE(P256PublicKey::fromPoint("").ok());
}

TEST(P256, hasTheThumbprintOfItsJwk) {
  // Computed from the required members in the order of RFC 7638.
  const std::string expected = R"({"crv":"P-256","kty":"EC","x":")" + toBase64Url(unhex(kX)) +
                               R"(","y":")" + toBase64Url(unhex(kY)) + R"("})";
  STRCMP_EQUAL(expected.c_str(), known.publicKey().jwk().c_str());
  LONGS_EQUAL(43, known.publicKey().thumbprint().size());
  const auto read = P256PublicKey::fromJwk(belay::json::parse(expected).value());
  STRCMP_EQUAL(known.publicKey().thumbprint().c_str(), read.value().thumbprint().c_str());
}

TEST(P256, refusesAPublicJwkThatHoldsThePrivatePart) {
  const auto read = P256PublicKey::fromJwk(belay::json::parse(known.toJwk()).value());
  CHECK(read.error().code == ErrorCode::kCrypto);
}

TEST(P256, signsInSeveralThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (const Rfc6979Row& row : kRfc6979) {
        for (int i = 0; i < 10; ++i) {
          const Signature expected = signatureOf(row.r, row.s);
          if (known.sign(row.message) != expected) ++wrong[t];
          if (!known.publicKey().verify(row.message, expected)) ++wrong[t];
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : wrong) LONGS_EQUAL(0, count);
}
