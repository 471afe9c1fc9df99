#include "agent/steps/OAuthTokens.h"

#include <algorithm>
#include <utility>

#include "agent/steps/HttpCalls.h"
#include "agent/vault/ConnectionReader.h"
#include "agent/trust/AsideRequest.h"
#include "common/base/Text.h"
#include "common/base/Utf8.h"
#include "common/crypto/Sha256.h"
#include "common/crypto/Wipe.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kAnswerBytesMax = 64u << 10;
constexpr std::chrono::seconds kTimeout{30};
constexpr std::int64_t kLifeSeconds = 300;      // Where the server does not say.
constexpr std::int64_t kLifeSecondsMax = 86'400;
constexpr std::int64_t kMarginSeconds = 30;     // A token must last as long as a request takes.

std::string formField(std::string_view name, std::string_view value) {
  return std::string(name) + "=" + http::percentEncode(value);
}

/// What a server says in place of a token (RFC 6749 §5.2). It may give back what it was sent, in any
/// writing of JSON.
Error refusal(const http::ClientResponse& response, const redaction::Redactor& redactor) {
  std::string message = "the token server answered " + std::to_string(response.status);
  if (const auto body = json::parse(response.body)) {
    const std::string error = body->text("error");
    const auto shown = [&](const std::string& text, std::size_t most) {
      return base::visible(base::wholeCharacters(redactor.redact(text), most));
    };
    if (!error.empty()) message += ": " + shown(error, 100);
    const std::string description = body->text("error_description");
    if (!description.empty()) message += " (" + shown(description, 300) + ")";
  }
  const bool ours = response.status / 100 == 4 && response.status != 408 && response.status != 429;
  return Error{ours ? ErrorCode::kAuthentication : ErrorCode::kHttpStatus, std::move(message)};
}

}  // namespace

Status OAuthTokens::checkPolicy(const vault::Connection& connection, const http::Url& url) const {
  trust::HttpEffect effect;
  effect.method = "POST";
  effect.url = url;
  BELAY_TRY(describeConnection(effect, connection, world_.vault));
  return trust::checkAside(world_.policy, effect, "", "token of " + connection.name, world_.clock.wallMs())
      .status();
}

Result<http::ClientRequest> OAuthTokens::makeRequest(const vault::ConnectionPtr& connection,
                                                     const vault::HttpConnection& kind,
                                                     const vault::Secret& secret,
                                                     const http::ClientRequest& forWhom) const {
  const vault::HttpAuth& auth = kind.auth;
  BELAY_ASSIGN(const http::Url url, http::parseUrl(auth.tokenUrl));
  BELAY_TRY(checkPolicy(*connection, url));
  BELAY_ASSIGN(const vault::SecretValue id, vault::valueOf(auth.user, world_.vault));
  http::ClientRequest request;
  request.method = "POST";
  request.url = auth.tokenUrl;
  request.body = "grant_type=client_credentials";
  if (!auth.scope.empty()) request.body += "&" + formField("scope", auth.scope);
  if (!auth.audience.empty()) request.body += "&" + formField("audience", auth.audience);
  if (auth.secretInBody) {
    request.body += "&" + formField("client_id", id.reveal()) + "&" +
                    formField("client_secret", secret.value.reveal());
  } else {
    std::string pair =
        http::percentEncode(id.reveal()) + ":" + http::percentEncode(secret.value.reveal());
    request.headers.set("Authorization", "Basic " + base::toBase64(pair));
    crypto::wipe(pair);
  }
  request.headers.set("Content-Type", "application/x-www-form-urlencoded");
  request.headers.set("Accept", "application/json");
  request.caFile = forWhom.caFile;
  request.identity = forWhom.identity;
  request.proxy = forWhom.proxy;
  request.allowAddress = forWhom.allowAddress;
  // Apart from those of the connection itself: what was opened for a token is for tokens.
  request.compartment = forWhom.compartment + "\ntoken";
  request.cancel = forWhom.cancel;
  request.connectTimeout = forWhom.connectTimeout;
  request.timeout = std::min<std::chrono::milliseconds>(forWhom.timeout, kTimeout);
  request.responseBytesMax = kAnswerBytesMax;
  return request;
}

Result<OAuthTokens::Token> OAuthTokens::fetch(const http::ClientRequest& request,
                                              http::Client& client) const {
  http::ClientOutcome outcome = client.send(request);
  if (!outcome.ok()) return Error(outcome.failure().error).in("fetch a token");
  http::ClientResponse& response = outcome.response();
  if (response.status != 200) {
    BELAY_ASSIGN(const auto redactor, world_.vault.redactor());
    return refusal(response, *redactor);
  }
  auto body = json::parse(response.body);
  std::string text = body ? body->text("access_token") : "";
  crypto::wipe(response.body);
  const bool bearer = body && base::equalsIgnoringCase(body->text("token_type", "bearer"), "bearer");
  if (text.empty() || !bearer || !vault::isOneLine(text)) {
    return Error{ErrorCode::kAuthentication,
                 "the token server answered with no bearer token that can be used"};
  }
  const std::int64_t life =
      std::clamp<std::int64_t>(body->integer("expires_in", kLifeSeconds), 0, kLifeSecondsMax);
  Token token;
  token.until = world_.clock.sinceBoot() + std::chrono::seconds{std::max<std::int64_t>(life - kMarginSeconds, 0)};
  token.value = vault::SecretValue::take(std::move(text));
  return token;
}

Status OAuthTokens::authorize(http::ClientRequest& request, const vault::ConnectionPtr& connection,
                              const vault::HttpConnection& kind, http::Client& client) {
  if (kind.auth.kind != vault::HttpAuth::Kind::kOAuth2) return {};
  BELAY_ASSIGN(const vault::Secret secret, world_.vault.secret(kind.auth.secret.name));
  const std::string madeOf = connection->version + " " + std::to_string(secret.version);
  std::string header = "Bearer ";
  const auto use = [&](const Token& token) {
    header += token.value.reveal();
    request.headers.set(kind.auth.header, header);
    request.secretHeaders.push_back(kind.auth.header);
    crypto::wipe(header);
  };
  {
    base::MutexLock lock(mutex_);
    const auto known = tokens_.find(connection->name);
    if (known != tokens_.end() && known->second.madeOf == madeOf &&
        known->second.until > world_.clock.sinceBoot()) {
      use(known->second);
      return {};
    }
  }
  BELAY_ASSIGN(const http::ClientRequest ask, makeRequest(connection, kind, secret, request));
  BELAY_ASSIGN(Token token, fetch(ask, client));
  token.madeOf = madeOf;
  world_.vault.maskAlso(connection->name + "-token", token.value);
  use(token);
  base::MutexLock lock(mutex_);
  if (tokens_.size() >= kTokensMax) tokens_.clear();
  tokens_.insert_or_assign(connection->name, std::move(token));
  return {};
}

void OAuthTokens::forget(const vault::Connection& connection) {
  base::MutexLock lock(mutex_);
  tokens_.erase(connection.name);
}

}  // namespace belay::steps
