#include "common/crypto/P256.h"

#include <algorithm>
#include <optional>

#include <mbedtls/ecdsa.h>

#include "common/base/Check.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/crypto/Wipe.h"
#include "common/json/Json.h"

namespace belay::crypto {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::size_t kScalarBytes = 32;

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// Loading the group copies pointers to constant tables (well under a microsecond), so each call has
// a group of its own and threads share nothing.
class Group {
 public:
  Group() {
    mbedtls_ecp_group_init(&raw_);
    BELAY_CHECK(mbedtls_ecp_group_load(&raw_, MBEDTLS_ECP_DP_SECP256R1) == 0);
  }
  ~Group() { mbedtls_ecp_group_free(&raw_); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  mbedtls_ecp_group* get() { return &raw_; }
  mbedtls_ecp_group* operator->() { return &raw_; }

 private:
  mbedtls_ecp_group raw_;
};

class Number {
 public:
  Number() { mbedtls_mpi_init(&raw_); }
  explicit Number(std::string_view bigEndian) : Number() {
    BELAY_CHECK(mbedtls_mpi_read_binary(&raw_, crypto::raw(bigEndian), bigEndian.size()) == 0);
  }
  ~Number() { mbedtls_mpi_free(&raw_); }
  Number(const Number&) = delete;
  Number& operator=(const Number&) = delete;
  mbedtls_mpi* get() { return &raw_; }
  void write(unsigned char* out) const {
    BELAY_CHECK(mbedtls_mpi_write_binary(&raw_, out, kScalarBytes) == 0);
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

/// Random numbers that hide what the processor does; they change no result, so they are not
/// injected.
int fillForBlinding(void*, unsigned char* out, std::size_t size) noexcept {
  base::OsRandom().fill({out, size});
  return 0;
}

std::string_view view(const std::array<std::uint8_t, 32>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Error invalidKey(const std::string& why) {
  return Error{ErrorCode::kCrypto, "the P-256 key is not valid: " + why};
}

/// 32 bytes of a member in canonical base64url.
Result<std::string> readCoordinate(const json::Value& jwk, std::string_view name) {
  const json::Value* member = jwk.find(name);
  const auto bytes =
      member && member->isString() ? base::fromBase64Url(member->asString()) : std::nullopt;
  if (!bytes || bytes->size() != kScalarBytes) {
    return invalidKey("\"" + std::string(name) + "\" must be 32 bytes in base64url");
  }
  return *bytes;
}

Result<std::string> readPoint(const json::Value& jwk) {
  if (jwk.text("kty") != "EC" || jwk.text("crv") != "P-256")
    return invalidKey("kty must be EC and crv P-256");
  BELAY_ASSIGN(const std::string x, readCoordinate(jwk, "x"));
  BELAY_ASSIGN(const std::string y, readCoordinate(jwk, "y"));
  return "\x04" + x + y;
}

/// The uncompressed point of `scalar`; nothing when it is not in [1, n).
std::optional<std::string> pointOf(std::string_view scalar) {
  Group group;
  Number d(scalar);
  if (mbedtls_ecp_check_privkey(group.get(), d.get()) != 0) return std::nullopt;
  Point point;
  BELAY_CHECK(
      mbedtls_ecp_mul(group.get(), point.get(), d.get(), &group->G, fillForBlinding, nullptr) == 0);
  std::string out(65, '\0');
  std::size_t size = 0;
  BELAY_CHECK(mbedtls_ecp_point_write_binary(group.get(), point.get(), MBEDTLS_ECP_PF_UNCOMPRESSED,
                                             &size, reinterpret_cast<unsigned char*>(out.data()),
                                             out.size()) == 0);
  BELAY_CHECK(size == out.size());
  return out;
}

}  // namespace

P256PublicKey::P256PublicKey(std::string_view point) {
  std::copy(point.begin(), point.end(), point_.begin());
  thumbprint_ = base::toBase64Url(sha256(jwk()).view());
}

Result<P256PublicKey> P256PublicKey::fromPoint(std::string_view point) {
  if (point.size() != 65 || point.front() != '\x04')
    return invalidKey("a point is 0x04 and 64 bytes");
  Group group;
  Point parsed;
  // The library checks the range of the coordinates and the equation of the curve in the second
  // call only.
  if (mbedtls_ecp_point_read_binary(group.get(), parsed.get(), raw(point), point.size()) != 0 ||
      mbedtls_ecp_check_pubkey(group.get(), parsed.get()) != 0) {
    return invalidKey("the point is not on the curve");
  }
  return P256PublicKey(point);
}

Result<P256PublicKey> P256PublicKey::fromJwk(const json::Value& jwk) {
  if (jwk.find("d")) return invalidKey("it holds the private part \"d\"");
  BELAY_ASSIGN(const std::string point, readPoint(jwk));
  return fromPoint(point);
}

std::string P256PublicKey::jwk() const {
  // RFC 7638: required members only, names in order, no spaces.
  return R"({"crv":"P-256","kty":"EC","x":")" + base::toBase64Url(point().substr(1, 32)) +
         R"(","y":")" + base::toBase64Url(point().substr(33)) + R"("})";
}

bool P256PublicKey::verify(std::string_view message, const Signature& signature) const {
  const Digest digest = sha256(message);
  const std::string_view bytes(reinterpret_cast<const char*>(signature.data()), signature.size());
  Group group;
  Point point;
  BELAY_CHECK(
      mbedtls_ecp_point_read_binary(group.get(), point.get(), point_.data(), point_.size()) == 0);
  Number r(bytes.substr(0, kScalarBytes));
  Number s(bytes.substr(kScalarBytes));
  // The library refuses r and s outside of [1, n) itself.
  return mbedtls_ecdsa_verify(group.get(), digest.bytes.data(), digest.bytes.size(), point.get(),
                              r.get(), s.get()) == 0;
}

P256PrivateKey::P256PrivateKey(std::string_view scalar, P256PublicKey publicKey)
    : public_(std::move(publicKey)) {
  std::copy(scalar.begin(), scalar.end(), scalar_.begin());
}

P256PrivateKey::~P256PrivateKey() { wipe(scalar_.data(), scalar_.size()); }

P256PrivateKey::P256PrivateKey(P256PrivateKey&& other) noexcept
    : scalar_(other.scalar_), public_(std::move(other.public_)) {
  wipe(other.scalar_.data(), other.scalar_.size());
}

P256PrivateKey& P256PrivateKey::operator=(P256PrivateKey&& other) noexcept {
  if (this != &other) {
    scalar_ = other.scalar_;
    public_ = std::move(other.public_);
    wipe(other.scalar_.data(), other.scalar_.size());
  }
  return *this;
}

P256PrivateKey P256PrivateKey::generate(base::Random& random) {
  // A scalar outside of [1, n) is thrown away: less than once in 2^32 draws, and no bias is left.
  while (true) {
    std::array<std::uint8_t, kScalarBytes> scalar{};
    random.fill(scalar);
    const auto point = pointOf(view(scalar));
    if (!point) continue;
    auto publicKey = P256PublicKey::fromPoint(*point);
    BELAY_CHECK(publicKey.ok());
    P256PrivateKey key(view(scalar), std::move(publicKey).value());
    wipe(scalar.data(), scalar.size());
    return key;
  }
}

Result<P256PrivateKey> P256PrivateKey::fromJwk(std::string_view text) {
  BELAY_ASSIGN(const json::Value jwk, json::parse(text, {.bytesMax = 4096, .depthMax = 2}));
  BELAY_ASSIGN(const std::string point, readPoint(jwk));
  BELAY_ASSIGN(std::string scalar, readCoordinate(jwk, "d"));
  const auto expected = pointOf(scalar);
  if (!expected) return invalidKey("\"d\" is out of range");
  if (*expected != point) return invalidKey("x and y do not belong to d");
  BELAY_ASSIGN(P256PublicKey publicKey, P256PublicKey::fromPoint(point));
  P256PrivateKey key(scalar, std::move(publicKey));
  wipe(scalar);
  return key;
}

std::string P256PrivateKey::toJwk() const {
  const std::string_view point = public_.point();
  return R"({"crv":"P-256","d":")" + base::toBase64Url(view(scalar_)) + R"(","kty":"EC","x":")" +
         base::toBase64Url(point.substr(1, 32)) + R"(","y":")" +
         base::toBase64Url(point.substr(33)) + R"("})";
}

Signature P256PrivateKey::sign(std::string_view message) const {
  const Digest digest = sha256(message);
  Group group;
  Number d(view(scalar_)), r, s;
  const int failed =
      mbedtls_ecdsa_sign_det_ext(group.get(), r.get(), s.get(), d.get(), digest.bytes.data(),
                                 digest.bytes.size(), MBEDTLS_MD_SHA256, fillForBlinding, nullptr);
  BELAY_CHECK(failed == 0);
  Signature signature{};
  r.write(signature.data());
  s.write(signature.data() + kScalarBytes);
  return signature;
}

std::string P256PrivateKey::agree(const P256PublicKey& other) const {
  Group group;
  Number d(view(scalar_));
  Point theirs, shared;
  // Checked to be on the curve, whose group has a prime order: the product is never at infinity.
  BELAY_CHECK(mbedtls_ecp_point_read_binary(group.get(), theirs.get(), raw(other.point()),
                                            other.point().size()) == 0);
  BELAY_CHECK(mbedtls_ecp_mul(group.get(), shared.get(), d.get(), theirs.get(), fillForBlinding,
                              nullptr) == 0);
  std::array<unsigned char, 65> out{};
  std::size_t size = 0;
  BELAY_CHECK(mbedtls_ecp_point_write_binary(group.get(), shared.get(), MBEDTLS_ECP_PF_UNCOMPRESSED,
                                             &size, out.data(), out.size()) == 0);
  std::string x(reinterpret_cast<const char*>(out.data()) + 1, kScalarBytes);
  wipe(out.data(), out.size());
  return x;
}

}  // namespace belay::crypto
