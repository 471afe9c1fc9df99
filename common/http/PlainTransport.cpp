#include <sys/socket.h>

#include <cerrno>

#include <Poco/Exception.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>

#include "common/http/Transport.h"

namespace belay::http {

namespace {

class PlainTransport final : public Transport {
 public:
  // The socket object counts references to its implementation, and is the one that frees it.
  explicit PlainTransport(base::UniqueFd socket)
      : socket_(new Poco::Net::StreamSocketImpl(socket.release())) {
    socket_.setBlocking(false);
  }

  int fd() const override { return socket_.impl()->sockfd(); }
  Io handshake() override { return Io::kDone; }

  Moved read(std::span<char> into) override {
    try {
      // -1 is "not now": a socket that does not block throws for everything else.
      const int got = socket_.receiveBytes(into.data(), static_cast<int>(into.size()));
      if (got > 0) return {Io::kDone, static_cast<std::size_t>(got)};
      return {got == 0 ? Io::kClosed : Io::kWantRead, 0};
    } catch (const Poco::Exception&) {
      return {Io::kBroken, 0};
    }
  }

  Moved write(std::string_view bytes) override {
    // Poco 1.11 throws when the buffer of a socket that does not block is full, which is no error.
    const ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) return {Io::kDone, static_cast<std::size_t>(sent)};
    const bool later = sent == 0 || errno == EAGAIN || errno == EINTR;
    return {later ? Io::kWantWrite : Io::kBroken, 0};
  }

  void endWriting() override {
    try {
      socket_.shutdownSend();
    } catch (const Poco::Exception&) {
      // The peer is gone already; the next read says so.
      return;
    }
  }

  bool secure() const override { return false; }

 private:
  Poco::Net::StreamSocket socket_;
};

}  // namespace

std::unique_ptr<Transport> makePlainTransport(base::UniqueFd socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

}  // namespace belay::http
