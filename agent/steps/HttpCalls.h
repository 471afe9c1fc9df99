#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/runtime/Performer.h"
#include "agent/steps/WorkerPool.h"
#include "agent/vault/ConnectionStore.h"
#include "common/base/CancelToken.h"
#include "common/base/Mutex.h"
#include "common/http/Client.h"

namespace belay::steps {

/// Makes the requests of steps in the pool, and cancels them.
///
/// Threads:   any.
/// Ownership: borrows pool and client; must outlive the pool's work.
class HttpCalls {
 public:
  HttpCalls(WorkerPool& pool, http::Client& client, runtime::ResultSink sink)
      : pool_(pool), client_(client), sink_(std::move(sink)) {}

  /// Does work that blocks in the pool, and gives its result to the sink. What `work` waits for it
  /// must end when the token is cancelled.
  using Work = std::function<runtime::StepResult(http::Client&, const base::CancelToken&)>;
  void perform(const runtime::Attempt& attempt, Work work);
  /// Sends `request` and gives what `finish` makes of the outcome to the sink.
  void send(const runtime::Attempt& attempt, http::ClientRequest request,
            std::function<runtime::StepResult(http::ClientOutcome)> finish);
  void cancel(const base::RunId& run, const std::string& path);
  /// Requests that have not ended.
  std::size_t inFlight();
  /// Gives an attempt that could not be sent to the sink.
  void refuse(const runtime::Attempt& attempt, const base::Error& error);

 private:
  using Key = std::pair<base::RunId, std::string>;

  // Constant after construction.
  WorkerPool& pool_;
  http::Client& client_;
  const runtime::ResultSink sink_;

  base::Mutex mutex_;
  /// Shared with the thread that makes the request.
  std::map<Key, std::shared_ptr<base::CancelToken>> calls_ BELAY_GUARDED_BY(mutex_);
};

/// The failure of a request that got no response; for a `once` step of which something left, it is
/// not known whether it took effect.
runtime::StepResult resultOf(const runtime::Attempt& attempt, const http::ClientFailure& failure);
/// The failure of a request that was never made.
runtime::StepResult refusalOf(const base::Error& error);
/// Names the connection of a request and the secrets that it fills in, with their versions, for the
/// policy.
base::Status describeConnection(trust::HttpEffect& effect, const vault::Connection& connection,
                                const vault::SecretSource& secrets);
/// The connection that a rendered step names, with its limit; nothing when the host has none of the
/// name.
std::optional<runtime::Performer::Connection> limitedConnection(
    const vault::ConnectionStore& connections, const runtime::Attempt& attempt);
/// Puts the headers, authorities, addresses and proxy of a connection into a request. `kind` is that
/// of the connection, or part of it.
base::Status applyConnection(http::ClientRequest& request, const vault::ConnectionPtr& connection,
                             const vault::HttpConnection& kind,
                             const vault::SecretSource& secrets);
/// Refuses addresses that are not among `blocks`, which are the connection's; none: any may be.
void limitAddresses(http::ClientRequest& request, const vault::ConnectionPtr& connection,
                    const std::vector<trust::AddressBlock>& blocks);
/// Null for an empty URL: the client's own.
base::Result<std::shared_ptr<const http::ProxySettings>> proxyFor(const std::string& url);
/// Signs a request as Standard Webhooks has it. Errors: those of the secret.
base::Status signMessage(http::ClientRequest& request, const vault::SecretValue& secret,
                         const std::string& id, std::int64_t wallMs);
/// The class of failure that a name of common/http stands for.
flow::FailureClass failureClassOf(std::string_view retryClass);

}  // namespace belay::steps
