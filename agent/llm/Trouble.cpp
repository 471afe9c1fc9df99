#include <array>

#include "agent/llm/Answer.h"
#include "common/base/Text.h"
#include "common/base/Utf8.h"
#include "common/http/Client.h"
#include "common/json/Json.h"

namespace belay::llm {

using base::Error;
using base::ErrorCode;
using json::Value;

namespace {

constexpr std::size_t kMessageMax = 1000;

/// Words of the providers for what their statuses say less exactly, or not at all within a stream.
struct Word {
  std::string_view word;  ///< Of `type` or `code`.
  ErrorCode code;
  std::string_view retryClass;
};
constexpr std::array<Word, 13> kWords{{
    {"insufficient_quota", ErrorCode::kLlmQuota, ""},
    {"billing_error", ErrorCode::kLlmQuota, ""},
    {"billing_not_active", ErrorCode::kLlmQuota, ""},
    {"rate_limit_error", ErrorCode::kRateLimited, "rate_limited"},
    {"rate_limit_exceeded", ErrorCode::kRateLimited, "rate_limited"},
    {"overloaded_error", ErrorCode::kHttpStatus, "unavailable"},
    {"timeout_error", ErrorCode::kHttpStatus, "timeout"},
    {"api_error", ErrorCode::kHttpStatus, "server_error"},
    {"server_error", ErrorCode::kHttpStatus, "server_error"},
    {"authentication_error", ErrorCode::kAuthentication, ""},
    {"permission_error", ErrorCode::kAuthentication, ""},
    {"invalid_request_error", ErrorCode::kLlmRequest, ""},
    {"not_found_error", ErrorCode::kLlmRequest, ""},
}};

const Word* wordOf(const Value& error) {
  for (const char* member : {"code", "type"}) {
    const std::string text = error.text(member);
    for (const Word& word : kWords)
      if (word.word == text) return &word;
  }
  return nullptr;
}

std::string messageOf(const Value& error) {
  if (error.isString()) return base::visible(base::wholeCharacters(error.asString(), kMessageMax));
  std::string out = error.text("message", error.text("type"));
  return base::visible(base::wholeCharacters(out, kMessageMax));
}

}  // namespace

Trouble troubleOf(const Value& error) {
  const Word* word = wordOf(error);
  const std::string message = "the provider says: " + messageOf(error);
  if (word) return {Error{word->code, message}, word->retryClass};
  return {Error{ErrorCode::kLlmAnswer, message}, "server_error"};
}

Trouble troubleOf(int status, std::string_view body) {
  const auto parsed = json::parse(body);
  const Value* error = parsed ? parsed->find("error") : nullptr;
  std::string message = "the provider answered " + std::to_string(status);
  if (error)
    message += ": " + messageOf(*error);
  else if (!body.empty())
    message += ": " + base::visible(base::wholeCharacters(body, 200));
  if (const Word* word = error ? wordOf(*error) : nullptr; word && word->code == ErrorCode::kLlmQuota)
    return {Error{word->code, std::move(message)}, ""};
  if (status == 401 || status == 403) return {Error{ErrorCode::kAuthentication, message}, ""};
  if (status == 429) return {Error{ErrorCode::kRateLimited, message}, "rate_limited"};
  // Anthropic's word for overloaded.
  if (status == 529) return {Error{ErrorCode::kHttpStatus, message}, "unavailable"};
  if (status == 402) return {Error{ErrorCode::kLlmQuota, message}, ""};
  if (status >= 500 || status == 408)
    return {Error{ErrorCode::kHttpStatus, message}, http::retryClassOf(status)};
  return {Error{ErrorCode::kLlmRequest, message}, ""};
}

}  // namespace belay::llm
