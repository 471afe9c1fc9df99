#include "common/statement/Jws.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "common/base/Check.h"
#include "common/base/Text.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"
#include "common/statement/Payload.h"

namespace belay::statement {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kHeaderBytesMax = 512;

Error invalid(const std::string& why) {
  return Error{ErrorCode::kStatementInvalid, "the statement is not valid: " + why};
}

bool isTyp(std::string_view typ) {
  constexpr std::string_view kPrefix = "belay-", kSuffix = "+jws";
  if (typ.size() <= kPrefix.size() + kSuffix.size() || typ.size() > 64) return false;
  if (!typ.starts_with(kPrefix) || !typ.ends_with(kSuffix)) return false;
  typ.remove_prefix(kPrefix.size());
  typ.remove_suffix(kSuffix.size());
  return std::all_of(typ.begin(), typ.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
}

/// The order of the group of P-256 (SEC 2, 2.4.2).
constexpr std::array<std::uint8_t, 32> kOrder{
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

/// 0 < `scalar` < n: what else comes is refused before any arithmetic.
bool inRange(std::span<const std::uint8_t> scalar) {
  const bool zero =
      std::all_of(scalar.begin(), scalar.end(), [](std::uint8_t byte) { return byte == 0; });
  return !zero &&
         std::lexicographical_compare(scalar.begin(), scalar.end(), kOrder.begin(), kOrder.end());
}

struct Header {
  std::string typ;
  std::string kid;
};

Result<Header> parseHeader(std::string_view text) {
  auto parsed = json::parse(text, {.bytesMax = kHeaderBytesMax, .depthMax = 1});
  if (!parsed.ok()) return invalid("its header is not strict JSON");
  const json::Value& header = parsed.value();
  // The parser refuses duplicates, so three members of these names are exactly these three.
  if (!header.isObject() || header.asObject().size() != 3)
    return invalid("its header must have alg, kid and typ only");
  if (header.text("alg") != "ES256") return invalid("alg must be ES256");
  Header out{header.text("typ"), header.text("kid")};
  if (!isTyp(out.typ)) return invalid("typ must be belay-…+jws");
  if (!isThumbprint(out.kid)) return invalid("kid must be the thumbprint of a key (RFC 7638)");
  return out;
}

}  // namespace

Result<Jws> Jws::parse(std::string_view compact) {
  if (compact.size() > kJwsBytesMax) {
    return invalid("it is longer than " + std::to_string(kJwsBytesMax) + " bytes");
  }
  const std::vector<std::string_view> parts = base::split(compact, '.');
  if (parts.size() != 3) return invalid("it must have three parts");
  const auto header = base::fromBase64Url(parts[0]);
  const auto payload = base::fromBase64Url(parts[1]);
  const auto signature = base::fromBase64Url(parts[2]);
  if (!header || !payload || !signature) return invalid("a part is not canonical base64url");
  Jws jws;
  if (signature->size() != jws.signature_.size()) return invalid("its signature must be 64 bytes");
  BELAY_ASSIGN(Header known, parseHeader(*header));
  jws.typ_ = std::move(known.typ);
  jws.kid_ = std::move(known.kid);
  jws.payload_ = *payload;
  jws.compact_ = compact;
  jws.signedBytes_ = parts[0].size() + 1 + parts[1].size();
  std::copy(signature->begin(), signature->end(), jws.signature_.begin());
  const std::span<const std::uint8_t> scalars(jws.signature_);
  if (!inRange(scalars.first(32)) || !inRange(scalars.subspan(32))) {
    return invalid("r and s of its signature must be from 1 to n - 1");
  }
  return jws;
}

Result<std::string> Jws::verify(const crypto::P256PublicKey& key, std::string_view typ) const {
  if (typ_ != typ) {
    return Error{ErrorCode::kStatementKind,
                 "the statement is a " + typ_ + ", not a " + std::string(typ)};
  }
  if (kid_ != key.thumbprint()) {
    return Error{ErrorCode::kStatementKey, "the statement names another key, " + kid_};
  }
  if (!key.verify(std::string_view(compact_).substr(0, signedBytes_), signature_)) {
    return Error{ErrorCode::kStatementSignature,
                 "the signature of the statement does not match key " + kid_};
  }
  return payload_;
}

std::string signJws(const crypto::P256PrivateKey& key, std::string_view typ,
                    std::string_view payload) {
  BELAY_CHECK(isTyp(typ));
  std::string header;
  json::Writer(header)
      .beginObject()
      .member("alg", "ES256")
      .member("kid", key.publicKey().thumbprint())
      .member("typ", typ)
      .endObject();
  std::string compact = base::toBase64Url(header) + "." + base::toBase64Url(payload);
  const crypto::Signature signature = key.sign(compact);
  const std::string_view bytes(reinterpret_cast<const char*>(signature.data()), signature.size());
  return compact + "." + base::toBase64Url(bytes);
}

}  // namespace belay::statement
