#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/StreamSocketImpl.h>

#include "common/http/Client.h"
#include "common/http/Parser.h"
#include "common/tls/Deadline.h"
#include "common/tls/Stream.h"

namespace belay::http {

// The client's own side; included by the sources of common/http only.

/// A tls::Stream as Poco's session sees it. Poco's calls have no deadline and end in exceptions, so
/// the deadline of the exchange at hand is set from outside, and the error is kept here for whoever
/// catches.
///
/// Threads:   owner.
/// Ownership: counted by Poco's socket objects.
class StreamSocketAdapter final : public Poco::Net::StreamSocketImpl {
 public:
  explicit StreamSocketAdapter(std::unique_ptr<tls::Stream> stream);

  /// For all calls until the next one; must outlive them.
  void setDeadline(const tls::Deadline& deadline, std::chrono::milliseconds silenceMax);
  tls::Stream& stream() { return *stream_; }
  /// True when a byte may have left.
  bool sentAny() const { return sentAny_; }
  void forgetSent() { sentAny_ = false; }
  std::optional<base::Error>& failure() { return failure_; }

  int sendBytes(const void* buffer, int length, int flags) override;
  int receiveBytes(void* buffer, int length, int flags) override;
  void shutdownSend() override {}
  void close() override;

 private:
  ~StreamSocketAdapter() override;
  [[noreturn]] void fail(base::Error error);

  std::unique_ptr<tls::Stream> stream_;
  const tls::Deadline* deadline_ = nullptr;
  std::chrono::milliseconds silenceMax_{0};
  bool sentAny_ = false;
  std::optional<base::Error> failure_;
};

/// One connection to a server or proxy, for one exchange after the other.
///
/// Threads: owner.
class ClientConnection {
 public:
  /// What is sent: the request line and headers as they are.
  struct Message {
    std::string_view method;
    std::string_view target;
    const Headers& headers;
    std::string_view body;
    const StreamedBody* streamed = nullptr;  ///< Instead of `body`.
  };
  /// What may come back.
  struct Expectation {
    std::size_t bodyBytesMax = 0;
    std::size_t headerBytesMax = 0;
    bool followsRedirects = false;  ///< The body of a redirect is then nobody's: no sink gets it.
    const ClientRequest* sinks = nullptr;
  };

  explicit ClientConnection(std::unique_ptr<tls::Stream> stream);
  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  tls::Stream& stream() { return adapter_->stream(); }

  /// Sends and receives. After an error the connection is of no more use.
  base::Result<ClientResponse> exchange(const Message& message, const Expectation& expectation,
                                        const tls::Deadline& deadline,
                                        std::chrono::milliseconds silenceMax);
  /// Of the last exchange.
  bool sentAny() const { return adapter_->sentAny(); }
  bool receivedAny() const { return receivedAny_; }
  bool keepable() const { return keepable_; }

 private:
  /// Opens what Poco keeps for itself: the raw bytes of the connection.
  class Session final : public Poco::Net::HTTPClientSession {
   public:
    explicit Session(const Poco::Net::StreamSocket& socket) : HTTPClientSession(socket) {}
    int readSome(char* into, std::streamsize length) { return read(into, length); }

   protected:
    /// Poco would connect anew by itself and send again; only the client knows whether that is
    /// right.
    void connect(const Poco::Net::SocketAddress& address) override;
  };

  base::Status send(const Message& message);
  base::Status sendBody(std::ostream& out, const Message& message);
  base::Result<ClientResponse> receive(const Message& message, const Expectation& expectation);
  base::Status onHead(Parser& parser, const Message& message, const Expectation& expectation,
                      ClientResponse& response);
  base::Error takeFailure(const std::string& fallback);

  StreamSocketAdapter* adapter_;  // Counted by the socket inside session_.
  std::unique_ptr<Session> session_;
  bool receivedAny_ = false;
  bool keepable_ = false;
  int interimResponses_ = 0;
};

}  // namespace belay::http
