#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent/cli/Invocation.h"
#include "common/base/Result.h"
#include "common/http/Client.h"
#include "common/json/Value.h"

namespace belay::cli {

inline constexpr Flag kRelayFlag{"relay", 0, "URL", "over this relay, without a daemon"};
inline constexpr Flag kTokenFileFlag{
    "token-file", 0, "FILE",
    "a token of the relay is the first line of FILE (or BELAY_RELAY_TOKEN)"};
inline constexpr Flag kCaFileFlag{"ca-file", 0, "FILE",
                                  "certificates to believe, as PEM; else those of the system"};

/// How this machine reaches a relay: by the proxy that the environment names, believing --ca-file.
/// Errors: of the proxy's URL.
base::Result<http::ClientSettings> relayClientSettings(const Invocation& invocation);

/// Calls a relay on behalf of a person: --relay, --token-file and --ca-file, and the proxy that the
/// environment names.
///
/// Threads:   owner.
/// Ownership: borrows the invocation.
class RelayCalls {
 public:
  /// `role`: of the token that this takes. Errors: kUsage, kUrlInvalid.
  static base::Result<RelayCalls> open(const Invocation& invocation, const char* role);
  /// Nothing without --relay.
  static base::Result<std::optional<RelayCalls>> openNamed(const Invocation& invocation,
                                                           const char* role);

  /// The data of the answer. Errors: of the connection, and those of the relay.
  base::Result<json::Value> get(const std::string& target,
                                std::chrono::milliseconds timeout = std::chrono::seconds{30}) const;
  base::Result<json::Value> send(const std::string& method, const std::string& target,
                                 const json::Value& body) const;
  /// Bytes that are no JSON.
  base::Result<json::Value> put(const std::string& target, std::string content) const;

 private:
  RelayCalls(const Invocation& invocation, std::string url, std::string token)
      : invocation_(invocation), url_(std::move(url)), token_(std::move(token)) {}
  base::Result<json::Value> call(const std::string& method, const std::string& target,
                                 std::string body, std::chrono::milliseconds timeout,
                                 const char* type = "application/json") const;

  const Invocation& invocation_;
  std::string url_;
  std::string token_;
};

}  // namespace belay::cli
