#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/engine/Event.h"
#include "agent/flow/Validate.h"
#include "agent/jobs/JobRunner.h"
#include "agent/link/Link.h"
#include "agent/resources/ResourceStore.h"
#include "agent/runtime/Loop.h"
#include "agent/steps/ConnectionTests.h"
#include "agent/triggers/Events.h"
#include "agent/triggers/Scheduler.h"
#include "agent/vault/ConnectionStore.h"
#include "agent/vault/Vault.h"
#include "common/base/Clock.h"
#include "common/base/Result.h"
#include "common/crypto/P256.h"
#include "common/json/Value.h"
#include "common/log/Log.h"

namespace belay::api {

/// Where the API listens, and whom it lets in.
struct ApiOptions {
  std::string socket;                  ///< Path of the Unix socket; its folder must exist.
  std::vector<std::string> operators;  ///< "alice", "1000", "group:ops", "group:998"
  std::vector<std::string> readers;    ///< The same; may only look.
  std::uint32_t rootUid = 0;           ///< Who may say that this host is the one that it was.
  std::uint64_t bodyBytesMax = 4u << 20;
  std::size_t connectionsMax = 256;
  std::size_t workers = 2;  ///< Threads that check flows, sign decisions, and read and seal files.
  std::chrono::milliseconds longPollMax{60'000};
  std::string folder() const { return socket.substr(0, socket.rfind('/')); }
  bool letsOthersIn() const { return !operators.empty() || !readers.empty(); }
  json::Value jobs;  ///< How jobs are kept apart and ended, for those who ask about the daemon.
};

/// What the API works with. All must outlive the server.
struct ApiDeps {
  runtime::Loop& loop;
  const base::Clock& clock;
  log::Log& log;
  const crypto::P256PrivateKey& decisionKey;  ///< Signs decisions of class `local`.
  const trust::DecisionKeys& decisionKeys;  ///< Those that may answer; the one above is among them.
  vault::Vault& vault;
  vault::ConnectionStore& connections;
  const resources::ResourceStore& resources;
  jobs::JobRunner& jobs;           ///< Called in the loop's thread only.
  triggers::Scheduler& scheduler;  ///< The same.
  triggers::Events& events;        ///< The same.
  /// The secret that a callback must show. Any thread.
  std::function<std::string(const base::WaitId&)> callbackToken;
  /// The job of one attempt of a `run` step: steps::jobIdOf.
  std::function<base::JobId(const runtime::Attempt&)> jobId;
  /// Makes the syntax check of flows; called once in each worker, which then owns what it returns.
  std::function<flow::SyntaxCheck()> makeSyntaxCheck;
  /// This host's own key, made when there is none. Any thread.
  std::function<base::Result<crypto::P256PrivateKey>()> hostKey;
  link::Link* link = nullptr;  ///< Null: the routes about the link say that there is none.
  /// What is overlooked in the relay's certificate; empty: nothing. Any thread.
  std::function<std::string()> relayAlarm = {};
  runtime::LargeOutputs* outputs = nullptr;  ///< Null: nothing can be attached to tasks.
  steps::ConnectionTests* connectionTests = nullptr;  ///< Null: none can be tested.
  std::string urlKey = {};  ///< Signs URLs of resources.
};

/// The local API: HTTP/1.1 over a Unix socket, JSON in one envelope. No TCP listener exists.
///
/// Every route names its class of callers in one table (Routes.h); the kernel says who calls. What
/// changes something becomes a task of the loop, and is answered after its commit; what only reads
/// is read after a commit too, so nobody sees what a power cut could take back.
///
/// Threads:   create(), drain() and the destructor the owner's; inside "api" (sockets) and
///            "api-work-N". The loop's thread runs its tasks.
/// Ownership: when the server is destroyed the loop must not step() any more; it may still hold
/// tasks. Errors:    create(): kSettingsInvalid for a user or group that does not exist,
/// kAlreadyRunning,
///            kIo.
class ApiServer {
 public:
  /// Listens on return. Registers itself with loop.onCommit(), so call it before the first step().
  static base::Result<std::unique_ptr<ApiServer>> create(ApiOptions options, ApiDeps deps);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  /// Accepts nothing more, ends streams and parked polls, and gives requests that are under way at
  /// most `most` to be answered. The loop must go on stepping meanwhile.
  void drain(std::chrono::milliseconds most);

 private:
  class Implementation;
  explicit ApiServer(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace belay::api
