#include "agent/api/ApiServer.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>
#include <utility>

#include "agent/api/Routes.h"
#include "common/http/RouteTable.h"
#include "common/http/Server.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using std::chrono::milliseconds;

namespace {

/// Asked before a body is read. Whoever is refused learns nothing about what there is.
std::optional<Error> authorize(Access& access, std::string_view auth,
                               const http::ServerRequest& request) {
  if (!request.peer.credentials) {
    return Error{ErrorCode::kPermission, "the API is only for peers of its Unix socket"};
  }
  if (auth == kCallbackClass || auth == kSignedClass) return std::nullopt;
  const Caller caller = access.callerOf(*request.peer.credentials);
  const bool asReader = auth == kReaderClass || auth == http::RouteTable::kNoRoute;
  const bool allowed = (asReader && caller.role != Role::kNone) ||
                       (auth == kOperatorClass && caller.role == Role::kOperator);
  if (allowed) return std::nullopt;
  return Error{ErrorCode::kPermission,
               caller.shown() + " is not among the " +
                   (asReader ? "operators and readers" : "operators") + " of this host",
               {"ask the host's administrator for an entry in api.operators or api.readers"}};
}

}  // namespace

class ApiServer::Implementation {
 public:
  Implementation(ApiOptions options, ApiDeps deps, Access access)
      : access_(std::move(access)),
        backend_(std::move(options), std::move(deps)),
        table_(
            makeRoutes(backend_, access_),
            [this](std::string_view auth, const http::ServerRequest& request) {
              return authorize(access_, auth, request);
            },
            [](int status, Error error) {
              if (error.code == ErrorCode::kHttpBodyTooLarge) error.message += " (api.body_max)";
              return errorResponse(status, error);
            }) {}

  ~Implementation() {
    ending_.store(true);
    if (server_) server_->stop();
    if (thread_.joinable()) thread_.join();
    // Before the workers: whoever waits for a peer must see that it has gone.
    server_.reset();
  }
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;

  Status listen() {
    http::ServerSettings settings;
    settings.connectionsMax = backend_.options.connectionsMax;
    auto server = http::Server::create(settings, table_, backend_.deps.clock, backend_.deps.log);
    if (!server) return std::move(server).error();
    server_ = std::move(*server);
    // Who may do what is decided for each request; the mode only keeps out whom nobody has named.
    const bool named = backend_.options.letsOthersIn();
    BELAY_TRY(server_->listenUnix(backend_.options.socket, named ? 0666 : 0600));
    backend_.deps.loop.onCommit(
        [this](const std::vector<base::RunId>& runs) { backend_.subscriptions.tell(runs); });
    thread_ = std::thread([this] { run(); });
    return {};
  }

  void drain(milliseconds most) {
    server_->beginDrain();
    static_cast<void>(
        backend_.afterCommit([this](runtime::Runtime&) { backend_.subscriptions.close(); }));
    constexpr milliseconds kLook{5};
    for (milliseconds waited{0}; waited < most && !drained_.load(); waited += kLook) {
      std::this_thread::sleep_for(kLook);
    }
  }

 private:
  void run() noexcept {
    ::pthread_setname_np(::pthread_self(), "api");
    while (!ending_.load() && !server_->drained()) {
      const auto next = backend_.deadlines.next();
      milliseconds wait{-1};
      if (next) wait = std::max(milliseconds{0}, *next - backend_.deps.clock.sinceBoot());
      if (const Status stepped = server_->step(wait); !stepped) {
        backend_.deps.log.error("api.failed", stepped.error());
        std::abort();
      }
      backend_.deadlines.fire(backend_.deps.clock.sinceBoot());
    }
    drained_.store(true);
  }

  Access access_;
  Backend backend_;
  http::RouteTable table_;
  std::unique_ptr<http::Server> server_;
  std::atomic<bool> ending_{false};
  std::atomic<bool> drained_{false};
  std::thread thread_;
};

ApiServer::ApiServer(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
ApiServer::~ApiServer() = default;

Result<std::unique_ptr<ApiServer>> ApiServer::create(ApiOptions options, ApiDeps deps) {
  BELAY_ASSIGN(Access access,
               Access::create(options.operators, options.readers, ::geteuid(), AccountFiles()));
  auto implementation =
      std::make_unique<Implementation>(std::move(options), std::move(deps), std::move(access));
  BELAY_TRY(implementation->listen());
  return std::unique_ptr<ApiServer>(new ApiServer(std::move(implementation)));
}

void ApiServer::drain(milliseconds most) { implementation_->drain(most); }

}  // namespace belay::api
