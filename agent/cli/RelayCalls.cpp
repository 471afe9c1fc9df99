#include "agent/cli/RelayCalls.h"

#include <algorithm>
#include <utility>

#include "agent/link/RelayClient.h"
#include "common/base/Files.h"
#include "common/http/Resolver.h"
#include "common/http/RetryAfter.h"
#include "common/json/Json.h"
#include "common/wire/Envelope.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::uint64_t kTokenFileBytesMax = 4096;
// A relay that asks to slow down took nothing; so often it is asked again, each time after its
// pause.
constexpr int kAskedAgainMax = 6;
constexpr std::chrono::milliseconds kSlowDownMax{10'000};

Result<std::string> tokenOf(const Invocation& invocation, const char* role) {
  std::string text = invocation.world().environment("BELAY_RELAY_TOKEN").value_or("");
  const bool given = invocation.has("token-file");
  if (given) {
    BELAY_ASSIGN(text, base::readFile(invocation.flag("token-file"), kTokenFileBytesMax));
  }
  text = text.substr(0, text.find_first_of("\r\n"));
  if (!text.empty()) return text;
  return Error{ErrorCode::kUsage,
               (given ? "the first line of --token-file " + shown(invocation.flag("token-file")) +
                            " is empty"
                      : std::string("--token-file FILE is missing")) +
                   ": a token of the relay, of role " + role + ", is wanted",
               {std::string("belay-relay tokens new --expires 30d --role ") + role}};
}

}  // namespace

Result<http::ClientSettings> relayClientSettings(const Invocation& invocation) {
  http::ClientSettings settings;
  settings.environment = invocation.world().environment;
  BELAY_ASSIGN(settings.proxy, http::ProxySettings::fromEnvironment(settings.environment));
  settings.caFile = invocation.flag("ca-file");
  return settings;
}

Result<std::optional<RelayCalls>> RelayCalls::openNamed(const Invocation& invocation,
                                                        const char* role) {
  if (!invocation.has("relay")) return std::optional<RelayCalls>();
  BELAY_ASSIGN(RelayCalls opened, open(invocation, role));
  return std::optional<RelayCalls>(std::move(opened));
}

Result<RelayCalls> RelayCalls::open(const Invocation& invocation, const char* role) {
  if (!invocation.has("relay")) return Error{ErrorCode::kUsage, "--relay URL is missing"};
  BELAY_ASSIGN(std::string url, link::relayUrl(invocation.flag("relay")));
  BELAY_ASSIGN(std::string token, tokenOf(invocation, role));
  return RelayCalls(invocation, std::move(url), std::move(token));
}

Result<Value> RelayCalls::call(const std::string& method, const std::string& target,
                               std::string body, std::chrono::milliseconds timeout,
                               const char* type) const {
  BELAY_ASSIGN(http::ClientSettings settings, relayClientSettings(invocation_));
  http::SystemResolver resolver;
  http::Client client(std::move(settings), invocation_.world().clock, resolver);
  http::ClientRequest request;
  request.method = method;
  request.url = url_ + target;
  request.headers.add("Authorization", "Bearer " + token_);
  request.timeout = timeout;
  if (!body.empty()) request.headers.add("Content-Type", type);
  request.body = std::move(body);
  http::ClientOutcome outcome = client.send(request);
  for (int again = 0; again < kAskedAgainMax && outcome.ok(); ++again) {
    if (outcome.response().status != 429) break;
    const auto pause =
        http::retryAfter(outcome.response().headers, invocation_.world().clock.wallMs());
    invocation_.world().sleep(std::min(pause.value_or(kSlowDownMax), kSlowDownMax));
    outcome = client.send(request);
  }
  if (!outcome.ok()) return outcome.failure().error;
  auto envelope = wire::parseEnvelope(outcome.response().body);
  if (!envelope) {
    return Error{ErrorCode::kHttpProtocol,
                 url_ + " answers with something else than a relay's envelope",
                 {"look whether the URL is that of a belay-relay"}};
  }
  if (envelope->error) return std::move(*envelope->error);
  return std::move(envelope->data);
}

Result<Value> RelayCalls::get(const std::string& target, std::chrono::milliseconds timeout) const {
  return call("GET", target, {}, timeout);
}

Result<Value> RelayCalls::send(const std::string& method, const std::string& target,
                               const Value& body) const {
  return call(method, target, json::print(body), std::chrono::seconds{30});
}

Result<Value> RelayCalls::put(const std::string& target, std::string content) const {
  constexpr std::chrono::minutes kLongest{5};
  return call("PUT", target, std::move(content), kLongest, "application/octet-stream");
}

}  // namespace belay::cli
