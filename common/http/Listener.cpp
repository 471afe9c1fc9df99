#include "common/http/Listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

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

constexpr int kBacklog = 4096;

const sockaddr* raw(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

/// True when a program answers at the socket.
bool somebodyListens(const sockaddr_un& address) {
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // EAGAIN: its backlog is full, so there is one.
  return probe.valid() && (::connect(probe.get(), raw(address), sizeof address) == 0 ||
                           errno == EAGAIN || errno == EINPROGRESS);
}

Status removeStaleSocket(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) {
    return Error{ErrorCode::kConflict,
                 path + " is there and is no socket",
                 {"remove it, or set another path"}};
  }
  if (somebodyListens(address))
    return Error{ErrorCode::kAlreadyRunning, "another program answers at " + path};
  return base::removeFile(path);
}

}  // namespace

Result<UniqueFd> listenOnUnixSocket(const std::string& path, unsigned mode) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return Error{ErrorCode::kInvalidArgument, "the path of a Unix socket has 1 to " +
                                                  std::to_string(sizeof address.sun_path - 1) +
                                                  " bytes: " + path};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  BELAY_TRY(removeStaleSocket(path, address));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return base::errnoError(errno, "make a socket");
  // Nobody can connect before listen(), so that the mode holds from the first connection on; and
  // fchmod() on the socket itself would set nothing that anybody checks.
  if (::bind(socket.get(), raw(address), sizeof address) != 0)
    return base::errnoError(errno, "bind " + path);
  if (::chmod(path.c_str(), mode) != 0) return base::errnoError(errno, "set the mode of " + path);
  if (::listen(socket.get(), kBacklog) != 0) return base::errnoError(errno, "listen at " + path);
  return socket;
}

Result<UniqueFd> listenOnTcp(const Address& address) {
  UniqueFd socket(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return base::errnoError(errno, "make a socket");
  // A restart must not wait for the connections of the process before.
  const int on = 1;
  static_cast<void>(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
  const bool bound = ::bind(socket.get(), address.raw(), address.length) == 0;
  if (bound && ::listen(socket.get(), kBacklog) == 0) return socket;
  const int reason = errno;
  if (reason == EADDRINUSE) {
    return Error{ErrorCode::kAlreadyRunning, "another program listens at " + address.str()};
  }
  if (reason == EACCES) {
    return Error{ErrorCode::kPermission,
                 "this user may not listen at " + address.str(),
                 {"take a port above 1023, or give the service CAP_NET_BIND_SERVICE"}};
  }
  return base::errnoError(reason, "listen at " + address.str());
}

Result<UniqueFd> acceptConnection(int listening) {
  while (true) {
    UniqueFd connection(::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection.valid()) return connection;
    switch (errno) {
      case EINTR:
      case ECONNABORTED:
        continue;
      case EAGAIN:
        return connection;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        return Error{ErrorCode::kBusy, std::string("accept a connection: ") + std::strerror(errno)};
      default:
        return base::errnoError(errno, "accept a connection");
    }
  }
}

bool isUnixSocket(int socket) {
  int domain = 0;
  socklen_t length = sizeof domain;
  return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX;
}

Peer peerOf(int connection) {
  Peer peer;
  if (isUnixSocket(connection)) {
    ucred credentials{};
    socklen_t length = sizeof credentials;
    if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0) {
      peer.credentials = PeerCredentials{credentials.uid, credentials.gid, credentials.pid};
    }
    return peer;
  }
  Address address;
  address.length = sizeof address.storage;
  auto* out = reinterpret_cast<sockaddr*>(&address.storage);
  if (::getpeername(connection, out, &address.length) == 0) peer.address = address.str();
  // Answers are written whole: waiting for more would only delay them.
  const int on = 1;
  static_cast<void>(::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  return peer;
}

}  // namespace belay::http
