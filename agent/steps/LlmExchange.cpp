#include "agent/steps/LlmExchange.h"

#include <utility>

#include "agent/llm/Collector.h"
#include "agent/steps/HttpCalls.h"
#include "agent/steps/HttpConnectionTests.h"
#include "agent/steps/LlmStep.h"
#include "common/base/Text.h"
#include "common/http/RetryAfter.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kErrorBytesMax = 1u << 20;
constexpr std::size_t kModelsShown = 100;

/// Where the bytes of one answer go.
struct Sink {
  llm::Collector collector;
  bool streams = false;
  int status = 0;
  std::string body;  ///< Of an answer that is no stream.

  Status head(const http::ClientResponse& response) {
    const std::string* type = response.headers.find("Content-Type");
    status = response.status;
    streams = status / 100 == 2 && type &&
              base::toLower(*type).find("text/event-stream") != std::string::npos;
    return {};
  }
  Status take(std::string_view bytes) {
    if (streams) return collector.push(bytes);
    if (status / 100 != 2 && body.size() + bytes.size() > kErrorBytesMax) return {};
    body += bytes;
    return {};
  }
};

/// Of a request that did not end in a response.
LlmExchange::Missed missedBy(const http::ClientFailure& failure, const Sink& sink) {
  if (sink.collector.trouble()) return {*sink.collector.trouble(), std::nullopt, false, 0};
  const ErrorCode code = failure.error.code;
  // What was cut within the body is a broken answer, whatever it is to HTTP.
  if (code == ErrorCode::kHttpProtocol && sink.status != 0) {
    return {{Error{ErrorCode::kLlmAnswer, "the answer broke off: " + failure.error.message},
             "connection"},
            std::nullopt, false, 0};
  }
  if (code == ErrorCode::kLlmAnswer) return {{failure.error, "server_error"}, std::nullopt, false, 0};
  return {{failure.error, failure.retryClass}, failure, !failure.sent, 0};
}

}  // namespace

LlmExchange::Outcome LlmExchange::ask(const vault::ConnectionPtr& connection,
                                      const llm::Request& request) const {
  const auto& kind = std::get<vault::LlmConnection>(connection->kind);
  const auto refused = [](const Error& error) {
    return Missed{{error, ""}, std::nullopt, true, 0};
  };
  http::ClientRequest out;
  out.method = "POST";
  auto url = vault::connectionUrl(kind.http, llm::pathOf(request.api));
  if (!url) return refused(url.error());
  auto body = llm::bodyOf(request);
  if (!body) return refused(body.error());
  if (Status applied = applyConnection(out, connection, kind.http, secrets); !applied)
    return refused(applied.error());
  out.url = url->str();
  out.body = std::move(*body);
  out.headers.set("Content-Type", "application/json");
  out.headers.set("Accept", "text/event-stream");
  out.connectTimeout = connectTimeout;
  out.timeout = timeout;
  out.responseBytesMax = static_cast<std::size_t>(responseBytesMax);
  out.cancel = &cancel;
  Sink sink{llm::Collector(request.api, llm::answersByTool(request)), false, 0, {}};
  out.onHead = [&sink](const http::ClientResponse& response) { return sink.head(response); };
  out.onBody = [&sink](std::string_view bytes) { return sink.take(bytes); };
  const http::ClientOutcome outcome = client.send(out);
  if (!outcome.ok()) return missedBy(outcome.failure(), sink);
  const http::ClientResponse& response = outcome.response();
  if (response.status / 100 != 2) {
    Missed missed{llm::troubleOf(response.status, sink.body), std::nullopt, false, 0};
    missed.nothingLeft = response.status < 500;
    if (const auto wait = http::retryAfter(response.headers, clock.wallMs()))
      missed.retryAfterMs = wait->count();
    return missed;
  }
  auto answer = sink.streams ? sink.collector.finish() : sink.collector.whole(sink.body);
  if (answer) return std::move(*answer);
  if (sink.collector.trouble()) return Missed{*sink.collector.trouble(), std::nullopt, false, 0};
  return Missed{{answer.error(), "server_error"}, std::nullopt, false, 0};
}

void addLlmTest(ConnectionTests& tests, const HttpTestWorld& world) {
  tests.add("llm", [world](const vault::ConnectionPtr& one) -> Result<json::Value> {
    const auto& kind = std::get<vault::LlmConnection>(one->kind);
    std::string body;
    BELAY_ASSIGN(json::Value found, askBelow(world, one, kind.http, "/models", &body));
    auto listed = json::parse(body);
    const json::Value* models = listed ? listed->find("data") : nullptr;
    if (!models || !models->isArray())
      return Error{ErrorCode::kLlmAnswer, found.text("detail") + ", which is no list of models"};
    json::Array names;
    for (const json::Value& model : models->asArray())
      if (names.size() < kModelsShown) names.emplace_back(model.text("id"));
    found.set("detail",
              found.text("detail") + ", " + std::to_string(models->asArray().size()) + " models");
    found.set("models", std::move(names));
    return found;
  });
}

}  // namespace belay::steps
