#include "agent/steps/HttpCalls.h"

#include "agent/steps/ConnectionPins.h"
#include "agent/vault/ConnectionReader.h"
#include "agent/vault/WebhookSignature.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using runtime::Attempt;
using runtime::StepResult;

flow::FailureClass failureClassOf(std::string_view retryClass) {
  return flow::failureClassFrom(retryClass).value_or(flow::FailureClass::kOther);
}

base::Status describeConnection(trust::HttpEffect& effect, const vault::Connection& connection,
                                const vault::SecretSource& secrets) {
  effect.connection = connection.name;
  effect.connectionVersion = connection.version;
  for (std::string& name : connection.secretNames()) {
    BELAY_ASSIGN(const std::uint64_t version, secrets.secretVersion(name));
    effect.connectionSecrets.push_back({std::move(name), version});
  }
  return {};
}

base::Status applyConnection(http::ClientRequest& request, const vault::ConnectionPtr& connection,
                             const vault::HttpConnection& kind,
                             const vault::SecretSource& secrets) {
  BELAY_ASSIGN(const vault::ResolvedHttp resolved, vault::resolve(kind, secrets));
  for (const vault::ResolvedHeader& header : resolved.headers) {
    request.headers.set(header.name, std::string(header.value.reveal()));
    request.secretHeaders.push_back(header.name);
  }
  request.caFile = resolved.caFile;
  request.identity = resolved.identity;
  BELAY_ASSIGN(request.proxy, proxyFor(resolved.proxy));
  request.compartment = connection->name + "@" + connection->version;
  limitAddresses(request, connection, kind.addresses);
  return {};
}

void limitAddresses(http::ClientRequest& request, const vault::ConnectionPtr& connection,
                    const std::vector<trust::AddressBlock>& blocks) {
  if (blocks.empty()) return;
  // Not over what another connection has left open.
  request.compartment = connection->name + "@" + connection->version;
  // Shared with the request, which may outlive a change of the connection.
  request.allowAddress = [connection, &blocks](const http::Address& address) {
    return vault::checkAddress(blocks, address, connection->name);
  };
}

base::Result<std::shared_ptr<const http::ProxySettings>> proxyFor(const std::string& url) {
  if (url.empty()) return std::shared_ptr<const http::ProxySettings>();
  BELAY_ASSIGN(const http::ProxyEndpoint endpoint, http::parseProxy(url));
  auto proxy = std::make_shared<http::ProxySettings>();
  proxy->http = proxy->https = endpoint;
  return std::shared_ptr<const http::ProxySettings>(std::move(proxy));
}

base::Status signMessage(http::ClientRequest& request, const vault::SecretValue& secret,
                         const std::string& id, std::int64_t wallMs) {
  BELAY_ASSIGN(const vault::WebhookHeaders headers,
               vault::signWebhook(secret, id, wallMs / 1000, request.body));
  for (const auto& [name, value] : headers.fields()) request.headers.set(name, value);
  return {};
}

std::optional<runtime::Performer::Connection> limitedConnection(
    const vault::ConnectionStore& connections, const Attempt& attempt) {
  const auto values = json::parse(attempt.renderedJson);
  const std::string name = values && values->isObject() ? values->text("connection") : "";
  if (name.empty()) return std::nullopt;
  const auto found = connectionOf(connections, attempt, name, nullptr);
  if (!found) return std::nullopt;
  return runtime::Performer::Connection{(*found)->name, (*found)->rateLimit};
}

StepResult resultOf(const Attempt& attempt, const http::ClientFailure& failure) {
  StepResult result;
  result.ok = false;
  engine::Failure& out = result.failure.emplace();
  out.code = base::errorText(failure.error.code);
  out.kind = failureClassOf(failure.retryClass);
  out.message = failure.error.message;
  if (failure.outOfTime && attempt.timeoutMs > 0) {
    out.code = base::errorText(ErrorCode::kStepTimeout);
    out.message = "the request of step " + attempt.key.path + " took longer than its timeout of " +
                  base::formatDuration(std::chrono::milliseconds{attempt.timeoutMs}) + ": " +
                  failure.error.message;
  }
  out.nothingLeft = !failure.sent;
  if (failure.sent && attempt.effect == flow::EffectClass::kOnce) {
    result.ambiguous = true;
    result.reason = "the request was sent and no response came: " + failure.error.message;
  }
  return result;
}

void HttpCalls::send(const Attempt& attempt, http::ClientRequest request,
                     std::function<StepResult(http::ClientOutcome)> finish) {
  perform(attempt, [request = std::move(request), finish = std::move(finish)](
                       http::Client& client, const base::CancelToken& cancel) mutable {
    request.cancel = &cancel;
    return finish(client.send(request));
  });
}

void HttpCalls::perform(const Attempt& attempt, Work work) {
  const Key key{attempt.run, attempt.key.path};
  const auto token = std::make_shared<base::CancelToken>();
  {
    base::MutexLock lock(mutex_);
    calls_[key] = token;
  }
  const bool posted =
      pool_.post([this, attempt, key, token, work = std::move(work)] {
        StepResult result = work(client_, *token);
        {
          base::MutexLock lock(mutex_);
          const auto found = calls_.find(key);
          if (found != calls_.end() && found->second == token) calls_.erase(found);
        }
        sink_(attempt.run, attempt.key, std::move(result));
      });
  if (posted) return;
  {
    base::MutexLock lock(mutex_);
    calls_.erase(key);
  }
  refuse(attempt, Error{ErrorCode::kBusy, "too many requests wait for a worker (http.workers)"});
}

StepResult refusalOf(const Error& error) {
  StepResult result;
  result.ok = false;
  engine::Failure& failure = result.failure.emplace();
  failure.code = base::errorText(error.code);
  failure.kind = failureClassOf(http::retryClassOf(error.code));
  failure.message = error.message;
  failure.nothingLeft = true;
  return result;
}

void HttpCalls::refuse(const Attempt& attempt, const Error& error) {
  sink_(attempt.run, attempt.key, refusalOf(error));
}

void HttpCalls::cancel(const base::RunId& run, const std::string& path) {
  base::MutexLock lock(mutex_);
  const auto found = calls_.find({run, path});
  if (found != calls_.end()) found->second->cancel();
}

std::size_t HttpCalls::inFlight() {
  base::MutexLock lock(mutex_);
  return calls_.size();
}

}  // namespace belay::steps
