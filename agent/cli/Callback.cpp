#include <algorithm>

#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/RelayCalls.h"
#include "common/http/RetryAfter.h"
#include "common/json/Json.h"
#include "common/wire/CallbackProof.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using std::chrono::milliseconds;

namespace {

constexpr Flag kFlags[] = {
    {"body", 0, "JSON", "what the run gets as the callback's body (null)"},
    {"body-file", 0, "FILE", "the same from a file; \"-\" is standard input"},
    {"url", 0, "URL",
     "the wait's URL at a relay; without it BELAY_CALLBACK_URL, where no daemon here has the wait"},
    kCaFileFlag,
};

constexpr milliseconds kTryFor{60'000};
/// The relay may not have heard of the wait yet.
constexpr milliseconds kGoneFor{10'000};
constexpr milliseconds kPauseLeast{500};
constexpr milliseconds kPauseMost{10'000};
constexpr std::int64_t kMsOfSecond = 1'000;

std::string fromEnvironment(const Invocation& invocation, const char* name) {
  return invocation.world().environment(name).value_or("");
}

Result<std::string> waitOf(const Invocation& invocation) {
  std::string wait =
      invocation.positional(0).value_or(fromEnvironment(invocation, "BELAY_CALLBACK_WAIT"));
  if (!wait.empty()) return wait;
  return Error{ErrorCode::kUsage, "WAIT is missing, and so is BELAY_CALLBACK_WAIT"};
}

/// Whether it may come to another answer later.
bool worthAnotherTry(int status) { return status == 408 || status == 429 || status >= 500; }

Error refusalOf(const http::ClientResponse& response) {
  auto envelope = wire::parseEnvelope(response.body);
  if (envelope && envelope->error) return std::move(*envelope->error);
  return Error{ErrorCode::kHttpStatus,
               "the URL answers " + std::to_string(response.status) +
                   " with something else than a relay's envelope",
               {"look whether the URL is that of a callback at a belay-relay"}};
}

/// The same delivery until it is taken: the relay passes it on once.
Result<api::Envelope> deliver(const Invocation& invocation, const http::ClientRequest& request,
                              const std::string& wait) {
  BELAY_ASSIGN(http::ClientSettings settings, relayClientSettings(invocation));
  const base::Clock& clock = invocation.world().clock;
  http::SystemResolver resolver;
  http::Client client(std::move(settings), clock, resolver);
  BELAY_ASSIGN(const milliseconds tryFor, invocation.duration("timeout", kTryFor));
  const milliseconds begun = clock.sinceBoot();
  for (milliseconds pause = kPauseLeast;; pause = std::min(2 * pause, kPauseMost)) {
    const http::ClientOutcome outcome = client.send(request);
    const milliseconds passed = clock.sinceBoot() - begun;
    Error error{ErrorCode::kConnect, "the relay was not reached"};
    milliseconds asked{0};
    bool again = false;
    if (outcome.ok()) {
      const http::ClientResponse& response = outcome.response();
      if (response.status == 202) {
        api::Envelope out;
        out.data.set("wait", wait).set("by", "relay");
        return out;
      }
      error = refusalOf(response);
      again = worthAnotherTry(response.status) || (response.status == 410 && passed < kGoneFor);
      asked = http::retryAfter(response.headers, clock.wallMs()).value_or(asked);
    } else {
      error = outcome.failure().error;
      again = !outcome.failure().retryClass.empty();
    }
    const milliseconds wanted = std::max(pause, std::min(asked, kPauseMost));
    if (!again || passed + wanted >= tryFor) return error;
    invocation.world().sleep(wanted);
  }
}

Result<api::Envelope> callThroughRelay(const Invocation& invocation, const std::string& url,
                                       const std::string& wait, std::string body) {
  const std::string token = fromEnvironment(invocation, "BELAY_CALLBACK_TOKEN");
  if (token.empty()) {
    return Error{ErrorCode::kUsage,
                 "BELAY_CALLBACK_TOKEN is not set: it signs what goes through a relay"};
  }
  BELAY_ASSIGN(const http::Url target, http::parseUrl(url));
  if (!target.secure()) return Error{ErrorCode::kUrlInvalid, "the URL of a relay is https"};
  http::ClientRequest request;
  request.method = "POST";
  request.url = url;
  request.body = std::move(body);
  const std::string at = std::to_string(invocation.nowMs() / kMsOfSecond);
  request.headers.add(std::string(wire::kTimestampHeader), at);
  request.headers.add(std::string(wire::kSignatureHeader),
                      wire::signCallback(token, wait, at, request.body));
  request.headers.add("Content-Type", "application/json");
  return deliver(invocation, request, wait);
}

/// Nobody here has the wait: there is no daemon, or it is that of another host of the fleet, which
/// tells those who are no operators of it only that the token is none of its own.
bool isElsewhere(const Result<api::Envelope>& answer) {
  if (answer && !answer->error) return false;
  const ErrorCode code = answer ? answer->error->code : answer.error().code;
  if (!answer && code == ErrorCode::kPermission) return true;  // Of the socket.
  return code == ErrorCode::kDaemonUnreachable || code == ErrorCode::kNotInitialised ||
         code == ErrorCode::kWaitNotFound || code == ErrorCode::kCallbackToken;
}

/// The token comes from the environment: what stands in argv is there for all to read.
Result<api::Envelope> callBack(Invocation& invocation) {
  BELAY_ASSIGN(const json::Value body, readJsonFlag(invocation, "body"));
  BELAY_ASSIGN(const std::string wait, waitOf(invocation));
  std::string text = json::print(body);
  if (invocation.has("url")) {
    return callThroughRelay(invocation, invocation.flag("url"), wait, std::move(text));
  }
  ApiRequest request;
  request.method = "POST";
  request.target = pathOf("/v1/callbacks", wait);
  request.body = text;
  const std::string token = fromEnvironment(invocation, "BELAY_CALLBACK_TOKEN");
  if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
  auto answer = invocation.send(request);
  const std::string url = fromEnvironment(invocation, "BELAY_CALLBACK_URL");
  if (url.empty() || token.empty() || !isElsewhere(answer)) return answer;
  auto passed = callThroughRelay(invocation, url, wait, std::move(text));
  // Where that daemon is the wait's, it will refuse what comes by the relay, too.
  if (passed && !passed->error && answer && answer->error &&
      answer->error->code == ErrorCode::kCallbackToken)
    passed->data.set("refused_here", base::errorText(ErrorCode::kCallbackToken));
  return passed;
}

std::string print(const Invocation& invocation, const json::Value& data) {
  const std::string wait = invocation.style().bold(data.text("wait"));
  if (data.text("by").empty()) return "answered " + wait + "\n";
  if (data.text("refused_here").empty()) return "answered " + wait + ", through the relay\n";
  return "handed to the relay for " + wait + "; the daemon here refuses its token\n";
}

}  // namespace

const Command kCallbackCommand{
    "callback",
    "[WAIT]",
    "answer a wait of kind callback",
    "A job that was given BELAY_CALLBACK_TOKEN answers with it; operators need no token. WAIT is "
    "BELAY_CALLBACK_WAIT, where it is not given.\n"
    "Elsewhere, with the three values that the job was given, the answer goes through the relay of "
    "BELAY_CALLBACK_URL (or --url), signed by the token, which does not travel; through the proxy "
    "of the environment; and again for --timeout (60s) while the relay is away or asks to wait.",
    kFlags,
    &callBack,
    &print,
    Completes::kWait};

}  // namespace belay::cli
