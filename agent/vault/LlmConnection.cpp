#include "agent/vault/LlmConnection.h"

#include <array>

#include "agent/vault/ConnectionReader.h"

namespace belay::vault {

using base::Result;
using base::Status;

namespace {

constexpr std::array<std::string_view, 4> kKeys{"api", "secret", "model", "prices"};
constexpr std::array<std::string_view, 3> kPriceKeys{"input", "cached", "output"};
constexpr const char* kOpenAiUrl = "https://api.openai.com/v1";
constexpr const char* kAnthropicUrl = "https://api.anthropic.com/v1";
/// The version of Anthropic's API that this program speaks.
constexpr const char* kAnthropicVersion = "2023-06-01";

Status readPrices(const ConnectionReader& reader, LlmConnection& out) {
  const json::Value* prices = reader.definition().find("prices");
  if (!prices) return {};
  if (!prices->isObject()) return reader.invalid("/prices", "it must hold models and prices");
  for (const auto& [model, price] : prices->asObject()) {
    const std::string pointer = "/prices/" + json::pointerToken(model);
    BELAY_TRY(reader.onlyKeys(price, pointer, kPriceKeys));
    LlmPrice read;
    double* const fields[] = {&read.input, &read.cached, &read.output};
    for (std::size_t i = 0; i < kPriceKeys.size(); ++i) {
      const json::Value* value = price.find(kPriceKeys[i]);
      if (value && (!value->isNumber() || value->asNumber() < 0)) {
        return reader.invalid(pointer + "/" + std::string(kPriceKeys[i]),
                              "it must be US dollars for a million tokens");
      }
      // What is read from a cache costs as other input unless somebody says otherwise.
      *fields[i] = value ? value->asNumber() : i == 1 ? read.input : 0;
    }
    out.prices[model] = read;
  }
  return {};
}

void readKey(const std::string& secret, LlmConnection& out) {
  if (secret.empty()) return;
  HttpAuth& auth = out.http.auth;
  const bool bearer = out.api == LlmApi::kOpenAi;
  auth.kind = bearer ? HttpAuth::Kind::kBearer : HttpAuth::Kind::kApiKey;
  auth.header = bearer ? "Authorization" : "x-api-key";
  auth.secret.name = secret;
}

}  // namespace

const LlmPrice* LlmConnection::priceOf(std::string_view name) const {
  auto found = prices.find(name);
  if (found == prices.end()) found = prices.find("*");
  return found == prices.end() ? nullptr : &found->second;
}

Result<LlmConnection> readLlmConnection(const ConnectionReader& reader) {
  BELAY_TRY(onlyHttpKeys(reader, kKeys));
  LlmConnection out;
  BELAY_ASSIGN(const std::string api, reader.text("api", true));
  if (api != "openai" && api != "anthropic")
    return reader.invalid("/api", "it must be openai, which local servers speak too, or anthropic");
  if (api == "anthropic") out.api = LlmApi::kAnthropic;
  const bool anthropic = out.api == LlmApi::kAnthropic;
  const std::string fallback = anthropic ? kAnthropicUrl : kOpenAiUrl;
  out.ofProvider = !reader.definition().find("base_url");
  BELAY_TRY(readHttpParts(reader, out.ofProvider ? fallback : "", out.http));
  if (anthropic) out.http.headers.emplace_back("anthropic-version", kAnthropicVersion);
  std::string secret;
  if (reader.definition().find("secret")) {
    BELAY_ASSIGN(SecretRef named, reader.secretName(reader.definition(), "secret", ""));
    secret = std::move(named.name);
  }
  if (secret.empty() && out.ofProvider)
    return reader.invalid("", "secret is missing: the provider wants a key");
  readKey(secret, out);
  BELAY_TRY(checkAuthOnce(reader, out.http, "/secret"));
  BELAY_ASSIGN(out.model, reader.text("model", false));
  BELAY_TRY(readPrices(reader, out));
  return out;
}

void collectSecrets(const LlmConnection& connection, std::set<std::string>& names) {
  collectSecrets(connection.http, names);
}

}  // namespace belay::vault
