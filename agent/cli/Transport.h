#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/Result.h"

namespace belay::cli {

/// One request to the daemon.
struct ApiRequest {
  std::string method = "GET";
  std::string target;  ///< Path and query.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string contentType = "application/json";
  std::chrono::milliseconds timeout{30'000};
};

struct ApiResponse {
  int status = 0;
  std::string body;  ///< Empty where a sink took it.
};

/// Carries requests to the daemon and answers back.
///
/// Threads: owner.
/// Errors:  kDaemonUnreachable when nothing answers at the socket; kTimeout, kHttpProtocol,
/// kConnect.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual base::Result<ApiResponse> send(const ApiRequest& request) = 0;

  /// The body of an answer of status 200 goes to `sink` as it comes; its error ends the exchange
  /// and is returned. Other answers come back whole.
  using Sink = std::function<base::Status(std::string_view)>;
  virtual base::Result<ApiResponse> stream(const ApiRequest& request, const Sink& sink) = 0;
};

}  // namespace belay::cli
