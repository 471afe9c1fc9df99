#pragma once

#include <map>
#include <set>
#include <string>

#include "agent/vault/HttpConnection.h"
#include "common/base/Result.h"

namespace belay::vault {

enum class LlmApi { kOpenAi, kAnthropic };

/// What a million tokens cost, in US dollars.
struct LlmPrice {
  double input = 0;
  double cached = 0;  ///< Read from a cache.
  double output = 0;
};

struct LlmConnection {
  HttpConnection http;  ///< With the key as its auth.
  LlmApi api = LlmApi::kOpenAi;
  bool ofProvider = true;  ///< At the provider's own address.
  std::string model;       ///< When a step names none; empty: it must.
  std::map<std::string, LlmPrice, std::less<>> prices;  ///< By model; "*": of all others.

  /// Null pointer when nobody said.
  const LlmPrice* priceOf(std::string_view model) const;
};

/// Errors: kConnectionInvalid.
base::Result<LlmConnection> readLlmConnection(const ConnectionReader& reader);
void collectSecrets(const LlmConnection& connection, std::set<std::string>& names);

}  // namespace belay::vault
