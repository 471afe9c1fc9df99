#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/http/Exchange.h"
#include "common/http/ResponseWriter.h"

namespace belay::http {

/// The answers of one connection: taken in the order in which they are made, sent in the order of
/// the requests.
///
/// Threads: the server's.
class ResponseQueue {
 public:
  /// What the request says about its answer.
  struct Terms {
    bool keepAlive = true;
    bool bodiless = false;     ///< HEAD
    bool mayBeChunked = true;  ///< HTTP/1.1
  };
  /// Renders the answer to a request that nobody answered, or that was answered with what cannot be
  /// sent.
  using Renderer = std::function<ServerResponse(int status, const base::Error& error)>;

  ResponseQueue(std::shared_ptr<ExchangeMailbox> mailbox, std::uint32_t slot,
                std::uint32_t generation, std::size_t streamBytesMax)
      : mailbox_(std::move(mailbox)),
        slot_(slot),
        generation_(generation),
        streamBytesMax_(streamBytesMax) {}

  /// A place for the answer to the next request.
  std::shared_ptr<ExchangePort> open(const Terms& terms);
  /// The same, with its answer.
  void push(const Terms& terms, const ServerResponse& response, std::string_view date);
  /// "100 Continue", in its turn.
  void pushContinue();
  /// What a responder sent. `lastIfIdle`: the answer says that the connection ends, when no other
  /// request waits.
  void apply(ExchangePost&& post, std::string_view date, bool lastIfIdle, const Renderer& render);

  /// Bytes to be sent now, at the front what the last call gave and consume() did not take.
  std::string_view output();
  void consume(std::size_t bytes);
  std::size_t waiting() const { return exchanges_.size(); }
  std::size_t unsent() const { return out_.size() - outAt_; }
  bool empty() const { return exchanges_.empty() && unsent() == 0; }
  /// The answer that ends the connection was given to output(); what follows it is dropped.
  bool ended() const { return ended_; }
  /// The stream at the front was cut: the connection must be, too.
  bool cut() const { return cut_; }

  /// The peer is gone: ports are closed and their watchers told, once.
  void abandon();

 private:
  struct Exchange {
    Terms terms;
    std::shared_ptr<ExchangePort>
        port;  // Shared with the responder; null for answers of the server's own.
    std::string bytes;
    std::size_t payloadBytes = 0;  // Of a stream, in `bytes`.
    bool headSent = false;
    bool chunked = false;
    bool finished = false;
    bool cut = false;
    Responder::StreamEvents events;
  };
  Exchange* find(std::uint64_t sequence);
  void answer(Exchange& exchange, const ServerResponse& response, bool stream,
              std::string_view date, const Renderer& render);
  void appendData(Exchange& exchange, std::string_view bytes);
  void releaseSent();

  // Constant after construction.
  const std::shared_ptr<ExchangeMailbox> mailbox_;  // Shared with the server and all ports.
  const std::uint32_t slot_;
  const std::uint32_t generation_;
  const std::size_t streamBytesMax_;

  std::deque<Exchange> exchanges_;
  std::uint64_t frontSequence_ = 0;
  std::string out_;
  std::size_t outAt_ = 0;
  std::size_t outPayloadBytes_ = 0;  // Of the stream at the front.
  bool ended_ = false;
  bool cut_ = false;
};

}  // namespace belay::http
