#include "common/statement/Sealed.h"

#include <array>

#include "common/base/Check.h"
#include "common/base/Text.h"
#include "common/crypto/KeyWrap.h"
#include "common/crypto/SealKey.h"
#include "common/crypto/Wipe.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"
#include "common/statement/Payload.h"

namespace belay::statement {

using base::Error;
using base::ErrorCode;
using base::Result;
using crypto::P256PrivateKey;
using crypto::P256PublicKey;
using crypto::SealKey;

namespace {

constexpr std::string_view kAlgorithm = "ECDH-ES+A256KW";
constexpr std::string_view kEncryption = "A256GCM";
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kHeaderBytesMax = 1024;
/// An artifact of some MiB, in base64.
constexpr std::size_t kTextBytesMax = 48u << 20;

constexpr std::array<std::string_view, 5> kMembers{"protected", "recipients", "iv", "ciphertext",
                                                   "tag"};
constexpr std::array<std::string_view, 4> kHeaderMembers{"alg", "enc", "epk", "typ"};
constexpr std::array<std::string_view, 2> kRecipientMembers{"header", "encrypted_key"};
constexpr std::array<std::string_view, 1> kRecipientHeader{"kid"};

Error invalid(const std::string& why) {
  return Error{ErrorCode::kSealed, "what was sealed does not open: " + why};
}

/// The key that wraps the one of the content, for one recipient.
std::string wrappingKey(std::string secret) {
  std::string out = crypto::deriveAgreedKey(secret, kAlgorithm, {}, {}, SealKey::kBytes);
  crypto::wipe(secret);
  return out;
}

std::string headerJson(const P256PublicKey& ephemeral, std::string_view typ) {
  std::string out;
  json::Writer(out)
      .beginObject()
      .member("alg", kAlgorithm)
      .member("enc", kEncryption)
      .rawMember("epk", ephemeral.jwk())
      .member("typ", typ)
      .endObject();
  return out;
}

/// A JWE, taken apart.
struct Parts {
  std::string header;  ///< As it stands, in base64url.
  std::optional<P256PublicKey> ephemeral;
  std::string wrapped;  ///< For the recipient that was asked for.
  std::string sealed;   ///< Nonce, ciphertext and tag.
};

base::Status readHeader(const std::string& text, std::string_view typ, Parts& out) {
  const auto bytes = base::fromBase64Url(text);
  if (!bytes) return invalid("its header is not base64url");
  const auto header = json::parse(*bytes, {.bytesMax = kHeaderBytesMax, .depthMax = 2});
  if (!header) return invalid("its header is not strict JSON");
  Members members(*header, "the header", kHeaderMembers);
  if (members.text("alg", kHeaderBytesMax) != kAlgorithm) members.refuse("alg", "is another");
  if (members.text("enc", kHeaderBytesMax) != kEncryption) members.refuse("enc", "is another");
  if (members.text("typ", kHeaderBytesMax) != typ) members.refuse("typ", "is of another kind");
  const json::Value& jwk = members.object("epk");
  if (!members.status()) return invalid(members.status().error().message);
  auto key = readPublicKey(jwk, "the header");
  if (!key) return invalid(key.error().message);
  out.ephemeral = std::move(*key);
  out.header = text;
  return {};
}

/// Finds the entry of one recipient; every entry has to be one.
base::Status readRecipients(const json::Array& list, std::string_view kid, Parts& out) {
  for (const json::Value& each : list) {
    Members members(each, "a recipient", kRecipientMembers);
    const json::Value& header = members.object("header");
    const auto wrapped = base::fromBase64Url(members.text("encrypted_key", kHeaderBytesMax));
    if (!wrapped) members.refuse("encrypted_key", "is not base64url");
    if (!members.status()) return invalid(members.status().error().message);
    Members inner(header, "the header of a recipient", kRecipientHeader);
    const std::string name = inner.thumbprint("kid");
    if (!inner.status()) return invalid(inner.status().error().message);
    if (name == kid) out.wrapped = *wrapped;
  }
  return out.wrapped.empty() ? base::Status{invalid("it is not for this key")} : base::Status{};
}

Result<Parts> readParts(std::string_view text, std::string_view typ, std::string_view kid) {
  const auto value = json::parse(text, {.bytesMax = kTextBytesMax, .depthMax = 4});
  if (!value) return invalid("it is not strict JSON");
  Members members(*value, "it", kMembers);
  const std::string header = members.text("protected", kHeaderBytesMax * 2);
  const json::Array& recipients = members.list("recipients", kRecipientsMax);
  const auto nonce = base::fromBase64Url(members.text("iv", kHeaderBytesMax));
  const auto tag = base::fromBase64Url(members.text("tag", kHeaderBytesMax));
  const auto content = base::fromBase64Url(members.text("ciphertext", kTextBytesMax));
  if (!members.status()) return invalid(members.status().error().message);
  if (!nonce || nonce->size() != kNonceBytes || !tag || tag->size() != kTagBytes || !content) {
    return invalid("iv, ciphertext or tag are none");
  }
  Parts out;
  BELAY_TRY(readHeader(header, typ, out));
  BELAY_TRY(readRecipients(recipients, kid, out));
  out.sealed = *nonce + *content + *tag;
  return out;
}

}  // namespace

std::string seal(std::string_view plain, std::string_view typ,
                 std::span<const P256PublicKey> recipients, base::Random& random) {
  BELAY_CHECK(!recipients.empty() && recipients.size() <= kRecipientsMax);
  const P256PrivateKey ephemeral = P256PrivateKey::generate(random);
  std::string content(SealKey::kBytes, '\0');
  random.fill({reinterpret_cast<std::uint8_t*>(content.data()), content.size()});
  const std::string header = base::toBase64Url(headerJson(ephemeral.publicKey(), typ));
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("protected", header).name("recipients").beginArray();
  for (const P256PublicKey& each : recipients) {
    std::string wrapping = wrappingKey(ephemeral.agree(each));
    writer.beginObject().name("header").beginObject().member("kid", each.thumbprint()).endObject();
    writer.member("encrypted_key", base::toBase64Url(crypto::wrapKey(wrapping, content)));
    writer.endObject();
    crypto::wipe(wrapping);
  }
  writer.endArray();
  const auto key = SealKey::fromBytes(content);
  crypto::wipe(content);
  BELAY_CHECK(key.ok());
  const std::string sealed = key->seal(plain, header, random);
  const std::string_view bytes = sealed;
  writer.member("iv", base::toBase64Url(bytes.substr(0, kNonceBytes)));
  writer.member("ciphertext",
                base::toBase64Url(bytes.substr(kNonceBytes, bytes.size() - SealKey::kOverhead)));
  writer.member("tag", base::toBase64Url(bytes.substr(bytes.size() - kTagBytes)));
  writer.endObject();
  return out;
}

Result<std::string> unseal(std::string_view text, std::string_view typ, const P256PrivateKey& key) {
  BELAY_ASSIGN(const Parts parts, readParts(text, typ, key.publicKey().thumbprint()));
  std::string wrapping = wrappingKey(key.agree(*parts.ephemeral));
  auto content = crypto::unwrapKey(wrapping, parts.wrapped);
  crypto::wipe(wrapping);
  if (!content || content->size() != SealKey::kBytes) return invalid("its key does not fit");
  const auto opened = SealKey::fromBytes(*content);
  crypto::wipe(*content);
  BELAY_CHECK(opened.ok());
  auto plain = opened->open(parts.sealed, parts.header);
  if (!plain) return invalid("it was changed");
  return plain;
}

}  // namespace belay::statement
