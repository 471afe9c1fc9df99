#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <variant>

#include "agent/llm/Answer.h"
#include "agent/llm/Request.h"
#include "agent/vault/ConnectionStore.h"
#include "agent/vault/SecretSource.h"
#include "common/base/CancelToken.h"
#include "common/base/Clock.h"
#include "common/http/Client.h"

namespace belay::steps {

/// One request to a language model and the answer to it.
///
/// Threads:   owner; ask() blocks.
/// Ownership: borrows all it is given.
struct LlmExchange {
  http::Client& client;
  const vault::SecretSource& secrets;
  const base::Clock& clock;
  const base::CancelToken& cancel;
  std::chrono::milliseconds connectTimeout;
  std::uint64_t responseBytesMax = 0;
  std::chrono::milliseconds timeout{600'000};

  /// Why there is no answer.
  struct Missed {
    llm::Trouble trouble;
    std::optional<http::ClientFailure> failure;  ///< Of the request itself, where it was that.
    bool nothingLeft = false;                    ///< The provider has done nothing.
    std::int64_t retryAfterMs = 0;
  };
  using Outcome = std::variant<llm::Answer, Missed>;

  /// Of a connection of type llm.
  Outcome ask(const vault::ConnectionPtr& connection, const llm::Request& request) const;
};

}  // namespace belay::steps
