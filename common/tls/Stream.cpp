#include "common/tls/Stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace belay::tls {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using Progress = TlsSession::Progress;

short eventsFor(Progress progress) { return progress == Progress::kWantWrite ? POLLOUT : POLLIN; }

bool wouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Stream::~Stream() { close(); }

void Stream::close() noexcept {
  if (!socket_.valid()) return;
  if (session_) session_->closeNotify();
  session_.reset();
  socket_.reset();
}

Status Stream::startTls(std::shared_ptr<TlsClientConfig> config, const std::string& host,
                        std::uint16_t port, const Deadline& deadline) {
  BELAY_ASSIGN(session_, TlsSession::client(std::move(config), host, port, socket_.get()));
  while (true) {
    BELAY_ASSIGN(const Progress progress, session_->handshake());
    if (progress == Progress::kDone) return {};
    Status ready = deadline.wait(socket_.get(), eventsFor(progress));
    if (!ready.ok()) return std::move(ready).error().in("TLS handshake with " + host);
  }
}

Result<Stream::Moved> Stream::readSome(std::span<char> into) {
  if (session_) return session_->read(into);
  const ssize_t got = ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
  if (got > 0) return Moved{Progress::kDone, static_cast<std::size_t>(got)};
  if (got == 0) return Moved{Progress::kClosed, 0};
  if (wouldBlock(errno)) return Moved{Progress::kWantRead, 0};
  return Error{ErrorCode::kConnect, peer_ + " broke the connection: " + std::strerror(errno)};
}

Result<Stream::Moved> Stream::writeSome(std::string_view bytes) {
  if (session_) return session_->write(bytes);
  const ssize_t sent =
      ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return Moved{Progress::kDone, static_cast<std::size_t>(sent)};
  if (wouldBlock(errno)) return Moved{Progress::kWantWrite, 0};
  return Error{ErrorCode::kConnect, peer_ + " broke the connection: " + std::strerror(errno)};
}

Result<std::size_t> Stream::read(std::span<char> into, const Deadline& deadline,
                                 std::chrono::milliseconds silenceMax) {
  // A peer that always has one more byte must not outlast the deadline either.
  BELAY_TRY(deadline.check());
  while (true) {
    BELAY_ASSIGN(const Moved moved, readSome(into));
    if (moved.progress == Progress::kDone) return moved.bytes;
    if (moved.progress == Progress::kClosed) return std::size_t{0};
    Status ready = deadline.wait(socket_.get(), eventsFor(moved.progress), silenceMax);
    if (!ready.ok()) return std::move(ready).error().in("read from " + peer_);
  }
}

Status Stream::write(std::string_view bytes, const Deadline& deadline) {
  while (!bytes.empty()) {
    BELAY_ASSIGN(const Moved moved, writeSome(bytes));
    bytes.remove_prefix(moved.bytes);
    if (moved.progress == Progress::kDone) continue;
    Status ready = deadline.wait(socket_.get(), eventsFor(moved.progress));
    if (!ready.ok()) return std::move(ready).error().in("write to " + peer_);
  }
  return {};
}

bool Stream::quiet() {
  char byte = 0;
  auto moved = readSome({&byte, 1});
  return moved.ok() && moved->progress == Progress::kWantRead;
}

}  // namespace belay::tls
