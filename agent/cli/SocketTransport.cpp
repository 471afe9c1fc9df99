#include "agent/cli/SocketTransport.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/Files.h"
#include "common/http/Client.h"
#include "common/http/Resolver.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kAnswerBytesMax = 256u << 20;
constexpr int kOk = 200;

class SocketTransport final : public Transport {
 public:
  SocketTransport(std::string socket, const base::Clock& clock)
      : socket_(std::move(socket)), client_(http::ClientSettings{}, clock, resolver_) {}

  Result<ApiResponse> send(const ApiRequest& request) override {
    http::ClientRequest wire = translate(request);
    http::ClientOutcome outcome = client_.send(wire);
    if (!outcome.ok()) return explain(outcome.failure());
    return ApiResponse{outcome.response().status, std::move(outcome.response().body)};
  }

  Result<ApiResponse> stream(const ApiRequest& request, const Sink& sink) override {
    http::ClientRequest wire = translate(request);
    ApiResponse response;
    wire.onHead = [&response](const http::ClientResponse& head) -> Status {
      response.status = head.status;
      return {};
    };
    wire.onBody = [&](std::string_view piece) -> Status {
      if (response.status == kOk) return sink(piece);
      response.body.append(piece);
      return {};
    };
    const http::ClientOutcome outcome = client_.send(wire);
    if (!outcome.ok()) return explain(outcome.failure());
    return response;
  }

 private:
  http::ClientRequest translate(const ApiRequest& request) const {
    http::ClientRequest wire;
    wire.method = request.method;
    wire.url = "http://belay" + request.target;
    wire.unixSocket = socket_;
    wire.timeout = request.timeout;
    wire.body = request.body;
    wire.responseBytesMax = kAnswerBytesMax;
    for (const auto& [name, value] : request.headers) wire.headers.add(name, value);
    if (!request.body.empty()) wire.headers.add("Content-Type", request.contentType);
    return wire;
  }

  Error explain(const http::ClientFailure& failure) const {
    if (failure.error.code != ErrorCode::kConnect || failure.sent) return failure.error;
    const bool there = base::fileExists(socket_);
    if (::faccessat(AT_FDCWD, socket_.c_str(), W_OK, AT_EACCESS) != 0 && errno == EACCES)
      return closed(there);
    return Error{ErrorCode::kDaemonUnreachable,
                 there ? "no daemon answers at " + socket_ + ": " + failure.error.message
                       : "no daemon runs: there is no socket " + socket_,
                 {"systemctl start belay", "belay daemon", "belay doctor"}};
  }

  /// It may run or not: this user is not let near.
  Error closed(bool there) const {
    const std::string who = "uid " + std::to_string(::geteuid()) + " may not ";
    return Error{ErrorCode::kPermission,
                 there ? who + "use the socket " + socket_ +
                             ": api.operators and api.readers of the daemon's settings say who may"
                       : who + "enter the folder of the socket " + socket_ +
                             "; its owner lets others in by chmod 711",
                 {"namei -l " + socket_}};
  }

  const std::string socket_;
  http::SystemResolver resolver_;
  http::Client client_;
};

}  // namespace

std::unique_ptr<Transport> makeSocketTransport(std::string socket, const base::Clock& clock) {
  return std::make_unique<SocketTransport>(std::move(socket), clock);
}

}  // namespace belay::cli
