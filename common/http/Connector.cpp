#include "common/http/Connector.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "common/base/Files.h"

namespace belay::http {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using base::UniqueFd;

Error connectError(const std::string& what, int reason) {
  return Error{ErrorCode::kConnect, "connect to " + what + ": " + std::strerror(reason)};
}

Status connectSocket(int socket, const sockaddr* address, socklen_t length, const std::string& what,
                     const tls::Deadline& deadline) {
  if (::connect(socket, address, length) == 0) return {};
  if (errno != EINPROGRESS && errno != EINTR) return connectError(what, errno);
  Status writable = deadline.wait(socket, POLLOUT);
  if (!writable.ok()) return std::move(writable).error().in("connect to " + what);
  int reason = 0;
  socklen_t size = sizeof reason;
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &reason, &size) != 0) reason = errno;
  return reason == 0 ? Status{} : Status{connectError(what, reason)};
}

Result<std::unique_ptr<tls::Stream>> connectAddress(const std::string& peer, const Address& address,
                                                    const tls::Deadline& deadline) {
  UniqueFd socket(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return connectError(address.str(), errno);
  const std::string what = peer + " (" + address.str() + ")";
  BELAY_TRY(connectSocket(socket.get(), address.raw(), address.length, what, deadline));
  // Requests are written whole: waiting for more would only delay them.
  const int on = 1;
  static_cast<void>(::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  return std::make_unique<tls::Stream>(std::move(socket), peer);
}

}  // namespace

Result<std::unique_ptr<tls::Stream>> connectTcp(
    const std::string& peer, const std::vector<Address>& addresses,
    const std::function<Status(const Address&)>& allowed, const tls::Deadline& deadline) {
  Error last{ErrorCode::kConnect, "connect to " + peer + ": it has no address"};
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (Status may = allowed ? allowed(addresses[i]) : Status{}; !may.ok()) {
      last = std::move(may).error();
      continue;
    }
    const auto share = deadline.left() / static_cast<int>(addresses.size() - i);
    auto stream = connectAddress(peer, addresses[i], deadline.within(share));
    if (stream.ok() || stream.error().code == ErrorCode::kCancelled) return stream;
    last = std::move(stream).error();
  }
  return last;
}

Result<std::unique_ptr<tls::Stream>> connectUnix(const std::string& path,
                                                 const tls::Deadline& deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return Error{ErrorCode::kInvalidArgument, "the path of a Unix socket has 1 to " +
                                                  std::to_string(sizeof address.sun_path - 1) +
                                                  " bytes: " + path};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return connectError(path, errno);
  // A full backlog would make a non-blocking connect fail at once, so this one blocks for as long
  // as is left.
  const auto left = deadline.left();
  const timeval timeout{left.count() / 1000, (left.count() % 1000) * 1000};
  static_cast<void>(::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout));
  if (left.count() == 0)
    return Error{ErrorCode::kTimeout, "connect to " + path + ": no time is left"};
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EAGAIN)
      return Error{ErrorCode::kTimeout, "connect to " + path + ": no answer in time"};
    return connectError(path, errno);
  }
  return std::make_unique<tls::Stream>(std::move(socket), path);
}

}  // namespace belay::http
