// Any text as a signed statement, as a list of them, as a payload of each kind, and as a key file:
// read strictly or refused, and believed only when it is one of the two that the key of this test
// has signed.

#include <string>

#include "common/base/Check.h"
#include "common/crypto/KeyFile.h"
#include "common/json/Json.h"
#include "common/statement/Offer.h"
#include "common/statement/Pin.h"
#include "common/statement/Root.h"
#include "common/statement/Roster.h"
#include "common/statement/SignedStatement.h"
#include "common/statement/Start.h"
#include "common/statement/StartReceipt.h"
#include "tests/fuzz/Input.h"

namespace belay::fuzz {
namespace {

constexpr std::string_view kType = "belay-decision+jws";
// The example key of RFC 7515, appendix A.3.
constexpr std::string_view kKey =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",)"
    R"("d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"})";

crypto::P256PrivateKey makeKey() {
  auto key = crypto::P256PrivateKey::fromJwk(kKey);
  BELAY_CHECK(key.ok());
  return std::move(key).value();
}

void check(std::string_view text) {
  static const crypto::P256PrivateKey key = makeKey();
  static const std::string yes = statement::signJws(key, kType, R"({"decision":"approved"})");
  static const std::string no = statement::signJws(key, kType, R"({"decision":"rejected"})");
  const auto statement = statement::Jws::parse(text);
  if (!statement.ok()) {
    BELAY_CHECK(statement.error().code == base::ErrorCode::kStatementInvalid);
    return;
  }
  const bool believed = statement->verify(key.publicKey(), kType).ok();
  // A signature can be turned into its twin (r, n - s); what it signs cannot.
  const std::string_view signedPart = text.substr(0, text.rfind('.'));
  if (believed) BELAY_CHECK(yes.starts_with(signedPart) || no.starts_with(signedPart));
}

/// What is read as a document is printed, and that is read as the same.
template <typename Document>
void checkDocument(std::string_view text) {
  const auto document = Document::parse(text);
  if (!document.ok()) return;
  const std::string printed = document->print();
  const auto again = Document::parse(printed);
  BELAY_CHECK(again.ok() && again->print() == printed);
}

void checkLines(std::string_view text) {
  const auto statement = statement::SignedStatement::parse(text);
  if (!statement.ok()) return;
  const std::string lines = statement->lines();
  BELAY_CHECK(lines == text || lines.substr(0, lines.size() - 1) == text);
}

}  // namespace
}  // namespace belay::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = belay::fuzz::textOf(data, size);
  belay::fuzz::check(text);
  belay::fuzz::checkLines(text);
  belay::fuzz::checkDocument<belay::statement::Root>(text);
  belay::fuzz::checkDocument<belay::statement::Roster>(text);
  belay::fuzz::checkDocument<belay::statement::Pin>(text);
  belay::fuzz::checkDocument<belay::statement::Start>(text);
  belay::fuzz::checkDocument<belay::statement::StartReceipt>(text);
  belay::fuzz::checkDocument<belay::statement::Offer>(text);
  if (!belay::crypto::KeyFile::parse(text).ok()) {
    static_cast<void>(belay::crypto::parsePublicKeyFile(text));
  }
  const auto value = belay::json::parse(text);
  if (!value.ok()) return 0;
  const auto key = belay::crypto::P256PublicKey::fromJwk(*value);
  if (key.ok()) BELAY_CHECK(key->thumbprint().size() == 43);
  return 0;
}
