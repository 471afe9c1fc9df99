#include "agent/api/LockedServer.h"

#include <unistd.h>

#include <memory>
#include <utility>

#include "agent/api/Accounts.h"
#include "agent/api/Exchange.h"
#include "common/http/Server.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kPassphraseBytesMax = 4096;
constexpr std::chrono::milliseconds kLook{200};
constexpr std::chrono::seconds kGoodbye{2};

class LockedHandler final : public http::Handler {
 public:
  LockedHandler(Access access, const std::function<Status(const vault::SecretValue&)>& unseal)
      : access_(std::move(access)), unseal_(unseal) {}

  Admission admit(http::ServerRequest& request) override {
    const bool known = request.peer.credentials.has_value();
    const Role role = known ? access_.callerOf(*request.peer.credentials).role : Role::kNone;
    if (role == Role::kNone) {
      return {0, errorResponse(403, Error{ErrorCode::kPermission,
                                          "only operators and readers of this host may ask"})};
    }
    if (request.method == "POST" && request.path == "/v1/vault/unlock") {
      if (role == Role::kOperator) return {kPassphraseBytesMax, std::nullopt};
      return {0, errorResponse(403, Error{ErrorCode::kPermission, "only operators may unlock"})};
    }
    return {0, errorResponse(503, Error{ErrorCode::kVaultLocked,
                                        "the vault waits for its passphrase",
                                        {"belay secret unlock"}})};
  }

  void handle(http::ServerRequest&& request, http::Responder responder) override {
    // Two that come at once are told the same.
    const vault::SecretValue given = vault::SecretValue::take(std::move(request.body));
    const Status fits = open ? Status{} : unseal_(given);
    if (!fits) {
      responder.send(errorResponse(base::errorRow(fits.error().code).httpStatus, fits.error()));
      return;
    }
    open = true;
    Envelope envelope;
    envelope.data.set("unlocked", true);
    responder.send(envelopeResponse(200, envelope));
  }

  http::ServerResponse renderError(int status, const Error& error) override {
    return errorResponse(status, error);
  }

  bool open = false;

 private:
  Access access_;
  const std::function<Status(const vault::SecretValue&)>& unseal_;
};

}  // namespace

Status awaitPassphrase(const ApiOptions& options, const base::Clock& clock, log::Log& log,
                       const std::function<Status(const vault::SecretValue&)>& unseal,
                       const std::function<bool()>& ended) {
  BELAY_ASSIGN(Access access,
               Access::create(options.operators, options.readers, ::geteuid(), AccountFiles()));
  LockedHandler handler(std::move(access), unseal);
  http::ServerSettings settings;
  settings.connectionsMax = options.connectionsMax;
  BELAY_ASSIGN(const auto server, http::Server::create(settings, handler, clock, log));
  BELAY_TRY(server->listenUnix(options.socket, options.letsOthersIn() ? 0666 : 0600));
  log.warning("vault.locked", {{"unlock", "belay secret unlock"}});
  while (!handler.open) {
    if (ended()) return Error{ErrorCode::kCancelled, "ended while the vault was locked"};
    BELAY_TRY(server->step(kLook));
  }
  log.info("vault.unlocked");
  server->beginDrain();
  const auto until = clock.sinceBoot() + kGoodbye;
  while (!server->drained() && clock.sinceBoot() < until) BELAY_TRY(server->step(kLook));
  return {};
}

}  // namespace belay::api
