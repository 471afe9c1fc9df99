#include "common/http/ClientConnection.h"

#include <algorithm>
#include <array>
#include <exception>
#include <ostream>

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/StreamSocket.h>

#include "common/base/Text.h"

namespace belay::http {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr std::size_t kStatusLineBytesMax = 8u << 10;
constexpr std::size_t kResponseHeadersMax = 1000;
constexpr int kInterimResponsesMax = 10;

bool isRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool isBodiless(std::string_view method, int status) {
  return method == "HEAD" || status == 204 || status == 304 ||
         (method == "CONNECT" && status / 100 == 2);
}

}  // namespace

StreamSocketAdapter::StreamSocketAdapter(std::unique_ptr<tls::Stream> stream)
    : Poco::Net::StreamSocketImpl(stream->fd()), stream_(std::move(stream)) {}

StreamSocketAdapter::~StreamSocketAdapter() {
  // The descriptor is the stream's; Poco's destructor would close it a second time.
  reset();
}

void StreamSocketAdapter::close() {
  stream_->close();
  reset();
}

void StreamSocketAdapter::setDeadline(const tls::Deadline& deadline,
                                      std::chrono::milliseconds silenceMax) {
  deadline_ = &deadline;
  silenceMax_ = silenceMax;
}

void StreamSocketAdapter::fail(Error error) {
  failure_ = std::move(error);
  throw Poco::Net::NetException(failure_->message);
}

int StreamSocketAdapter::sendBytes(const void* buffer, int length, int) {
  sentAny_ = true;
  const std::string_view bytes(static_cast<const char*>(buffer), static_cast<std::size_t>(length));
  Status written = stream_->write(bytes, *deadline_);
  if (!written.ok()) fail(std::move(written).error());
  return length;
}

int StreamSocketAdapter::receiveBytes(void* buffer, int length, int) {
  auto got = stream_->read({static_cast<char*>(buffer), static_cast<std::size_t>(length)},
                           *deadline_, silenceMax_);
  if (!got.ok()) fail(std::move(got).error());
  return static_cast<int>(*got);
}

void ClientConnection::Session::connect(const Poco::Net::SocketAddress&) {
  throw Poco::Net::NetException("the connection is closed");
}

// The socket object counts references to its implementation, and is the one that frees it.
ClientConnection::ClientConnection(std::unique_ptr<tls::Stream> stream)
    : adapter_(new StreamSocketAdapter(std::move(stream))),
      session_(std::make_unique<Session>(Poco::Net::StreamSocket(adapter_))) {
  session_->setKeepAlive(true);
}

ClientConnection::~ClientConnection() = default;

Error ClientConnection::takeFailure(const std::string& fallback) {
  if (!adapter_->failure()) return Error{ErrorCode::kConnect, fallback};
  Error error = std::move(*adapter_->failure());
  adapter_->failure().reset();
  return error;
}

Result<ClientResponse> ClientConnection::exchange(const Message& message,
                                                  const Expectation& expectation,
                                                  const tls::Deadline& deadline,
                                                  std::chrono::milliseconds silenceMax) {
  adapter_->setDeadline(deadline, silenceMax);
  adapter_->forgetSent();
  adapter_->failure().reset();
  receivedAny_ = keepable_ = false;
  interimResponses_ = 0;
  try {
    Status sent = send(message);
    if (sent.ok()) return receive(message, expectation);
    if (sent.error().code != ErrorCode::kConnect) return std::move(sent).error();
    // A server may answer and close before it has read all: then its answer says more than our
    // error.
    auto early = receive(message, expectation);
    keepable_ = false;
    if (early.ok()) return early;
    return std::move(sent).error();
  } catch (const Poco::Exception& e) {
    return takeFailure(e.displayText());
  } catch (const std::exception& e) {
    return Error{ErrorCode::kInternal, e.what()};
  }
}

Status ClientConnection::send(const Message& message) {
  Poco::Net::HTTPRequest request(std::string(message.method), std::string(message.target),
                                 Poco::Net::HTTPMessage::HTTP_1_1);
  for (const HeaderField& field : message.headers.fields()) request.add(field.name, field.value);
  const bool typical =
      message.method == "POST" || message.method == "PUT" || message.method == "PATCH";
  const std::uint64_t size = message.streamed ? message.streamed->size : message.body.size();
  if (size > 0 || typical) request.setContentLength64(static_cast<Poco::Int64>(size));
  try {
    std::ostream& out = session_->sendRequest(request);
    BELAY_TRY(sendBody(out, message));
    // Streams swallow exceptions; this throws what was swallowed.
    session_->flushRequest();
  } catch (const Poco::Exception& e) {
    return takeFailure(e.displayText());
  }
  return {};
}

Status ClientConnection::sendBody(std::ostream& out, const Message& message) {
  if (!message.streamed) {
    out.write(message.body.data(), static_cast<std::streamsize>(message.body.size()));
    return {};
  }
  BELAY_ASSIGN(const StreamedBody::Next next, message.streamed->open());
  std::uint64_t left = message.streamed->size;
  while (left > 0 && out) {
    BELAY_ASSIGN(const std::string_view piece, next());
    // Another length than was announced would make one message of two.
    if (piece.empty() || piece.size() > left)
      return Error{ErrorCode::kIo, "the body has another size than it had"};
    out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    left -= piece.size();
  }
  return {};
}

Status ClientConnection::onHead(Parser& parser, const Message& message,
                                const Expectation& expectation, ClientResponse& response) {
  MessageHead& head = parser.head();
  if (head.status < 200) {
    if (head.status == 101 || ++interimResponses_ > kInterimResponsesMax) {
      return Error{ErrorCode::kHttpProtocol, "the server answers " + std::to_string(head.status) +
                                                 ", which nobody asked for"};
    }
    parser.beginBody(0, true);
    parser.reset();
    return {};
  }
  response.status = head.status;
  response.reason = head.reason;
  response.headers = std::move(head.headers);
  const bool nobodys = expectation.followsRedirects && isRedirect(response.status);
  const ClientRequest* sinks = nobodys ? nullptr : expectation.sinks;
  if (sinks != nullptr && sinks->onHead) BELAY_TRY(sinks->onHead(response));
  parser.beginBody(expectation.bodyBytesMax, isBodiless(message.method, response.status),
                   sinks != nullptr ? sinks->onBody : nullptr);
  return {};
}

Result<ClientResponse> ClientConnection::receive(const Message& message,
                                                 const Expectation& expectation) {
  Parser parser(Parser::Kind::kResponse,
                {kStatusLineBytesMax, expectation.headerBytesMax, kResponseHeadersMax});
  ClientResponse response;
  std::array<char, 16384> buffer;
  std::string_view bytes;
  while (parser.state() != Parser::State::kComplete) {
    if (bytes.empty()) {
      const int got =
          session_->readSome(buffer.data(), static_cast<std::streamsize>(buffer.size()));
      if (got <= 0) parser.end();
      if (got <= 0 && parser.fresh()) {
        return Error{ErrorCode::kConnect,
                     stream().peer() + " closed the connection without an answer"};
      }
      receivedAny_ = receivedAny_ || got > 0;
      bytes = {buffer.data(), static_cast<std::size_t>(std::max(got, 0))};
    }
    bytes.remove_prefix(parser.feed(bytes));
    if (parser.state() == Parser::State::kHeadComplete) {
      BELAY_TRY(onHead(parser, message, expectation, response));
    }
    if (parser.state() == Parser::State::kFailed) return parser.failure().error;
  }
  response.body = std::move(parser.body());
  // Bytes behind the message are an answer to a question that was never asked.
  keepable_ = parser.head().keepAlive && bytes.empty();
  return response;
}

}  // namespace belay::http
