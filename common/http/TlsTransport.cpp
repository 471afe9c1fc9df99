#include "common/http/TlsTransport.h"

#include <sys/socket.h>

#include "common/tls/TlsSession.h"

namespace belay::http {

namespace {

using Progress = tls::TlsSession::Progress;

Transport::Io ioOf(Progress progress) {
  switch (progress) {
    case Progress::kDone:
      return Transport::Io::kDone;
    case Progress::kWantRead:
      return Transport::Io::kWantRead;
    case Progress::kWantWrite:
      return Transport::Io::kWantWrite;
    case Progress::kClosed:
      break;
  }
  return Transport::Io::kClosed;
}

class TlsTransport final : public Transport {
 public:
  TlsTransport(base::UniqueFd socket, std::shared_ptr<tls::TlsServerConfig> config)
      : socket_(std::move(socket)), config_(std::move(config)) {}

  int fd() const override { return socket_.get(); }

  /// Who waits for a turn has no buffers yet.
  Io handshake() override {
    if (!session_) {
      auto made = tls::TlsSession::server(std::move(config_), socket_.get());
      if (!made.ok()) return Io::kBroken;
      session_ = std::move(made).value();
    }
    const auto progress = session_->handshake();
    return progress.ok() ? ioOf(*progress) : Io::kBroken;
  }

  Moved read(std::span<char> into) override { return movedOf(session_->read(into)); }
  Moved write(std::string_view bytes) override { return movedOf(session_->write(bytes)); }

  void endWriting() override {
    if (session_) session_->closeNotify();
    // What fails here is a connection that is gone already.
    static_cast<void>(::shutdown(socket_.get(), SHUT_WR));
  }

  bool secure() const override { return true; }

 private:
  static Moved movedOf(const base::Result<tls::TlsSession::Moved>& moved) {
    if (!moved.ok()) return {Io::kBroken, 0};
    return {ioOf(moved->progress), moved->bytes};
  }

  base::UniqueFd socket_;                         // Before the session, which uses it.
  std::shared_ptr<tls::TlsServerConfig> config_;  // Until the handshake begins.
  std::unique_ptr<tls::TlsSession> session_;
};

}  // namespace

std::unique_ptr<Transport> TlsTransports::make(base::UniqueFd socket) {
  return std::make_unique<TlsTransport>(std::move(socket), config_);
}

}  // namespace belay::http
