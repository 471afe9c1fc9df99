#include "common/http/ResponseQueue.h"

#include <utility>

namespace belay::http {

namespace {

using base::Error;
using base::ErrorCode;

/// As much is put together for one write; more would only wait.
constexpr std::size_t kOutputTarget = 64u << 10;
/// A buffer that grew beyond this is given back once it is empty: most connections are idle.
constexpr std::size_t kOutputKept = 4u << 10;

}  // namespace

std::shared_ptr<ExchangePort> ResponseQueue::open(const Terms& terms) {
  const ExchangeId id{slot_, generation_, frontSequence_ + exchanges_.size()};
  Exchange& exchange = exchanges_.emplace_back();
  exchange.terms = terms;
  exchange.port = std::make_shared<ExchangePort>(mailbox_, id, streamBytesMax_);
  return exchange.port;
}

void ResponseQueue::push(const Terms& terms, const ServerResponse& response,
                         std::string_view date) {
  Exchange& exchange = exchanges_.emplace_back();
  exchange.terms = terms;
  answer(exchange, response, false, date, [](int status, const Error&) {
    return ServerResponse{status, {}, {}};
  });
}

void ResponseQueue::pushContinue() {
  Exchange& exchange = exchanges_.emplace_back();
  exchange.bytes = kContinue;
  exchange.finished = true;
}

ResponseQueue::Exchange* ResponseQueue::find(std::uint64_t sequence) {
  const std::uint64_t index = sequence - frontSequence_;
  return index < exchanges_.size() ? &exchanges_[static_cast<std::size_t>(index)] : nullptr;
}

void ResponseQueue::apply(ExchangePost&& post, std::string_view date, bool lastIfIdle,
                          const Renderer& render) {
  Exchange* exchange = find(post.id.sequence);
  if (exchange == nullptr) return;
  const bool last = exchange == &exchanges_.back();
  if (!exchange->headSent && last && lastIfIdle) exchange->terms.keepAlive = false;
  switch (post.kind) {
    case ExchangePost::Kind::kAnswer:
      answer(*exchange, post.response, false, date, render);
      break;
    case ExchangePost::Kind::kStreamHead:
      exchange->events = std::move(post.events);
      answer(*exchange, post.response, true, date, render);
      break;
    case ExchangePost::Kind::kChunk:
      exchange->payloadBytes += post.bytes.size();
      appendData(*exchange, post.bytes);
      break;
    case ExchangePost::Kind::kEnd:
      if (exchange->chunked && !exchange->finished) exchange->bytes += kLastChunk;
      exchange->finished = true;
      break;
    case ExchangePost::Kind::kAbort:
      if (!exchange->headSent) {
        const Error error{ErrorCode::kInternal, "the request was dropped without an answer"};
        answer(*exchange, render(500, error), false, date, render);
      } else if (!exchange->finished) {
        exchange->finished = exchange->cut = true;
      }
      break;
    case ExchangePost::Kind::kWatch:
      exchange->events.closed = std::move(post.events.closed);
      break;
  }
}

void ResponseQueue::answer(Exchange& exchange, const ServerResponse& response, bool stream,
                           std::string_view date, const Renderer& render) {
  exchange.headSent = true;
  const bool streamed = stream && !exchange.terms.bodiless;
  exchange.chunked = streamed && exchange.terms.mayBeChunked;
  if (streamed && !exchange.chunked) exchange.terms.keepAlive = false;
  ResponseShape shape;
  shape.bodiless = exchange.terms.bodiless;
  shape.keepAlive = exchange.terms.keepAlive;
  // The head that HEAD gets is the one of GET, which says no length.
  shape.chunked = stream && exchange.terms.mayBeChunked;
  shape.untilClose = stream && !exchange.terms.mayBeChunked;
  if (!appendResponse(exchange.bytes, response, shape, date)) {
    const Error error{ErrorCode::kInternal, "a header of the answer holds what a header cannot"};
    shape.chunked = shape.untilClose = false;
    const bool sent = appendResponse(exchange.bytes, render(500, error), shape, date);
    BELAY_CHECK(sent);
    exchange.finished = true;
  } else if (!streamed) {
    exchange.finished = true;
  } else {
    appendData(exchange, response.body);
  }
  // A stream to nobody, or of an answer that was replaced: its producer hears that nobody listens.
  if (stream && exchange.finished && exchange.port) exchange.port->close();
}

void ResponseQueue::appendData(Exchange& exchange, std::string_view bytes) {
  if (bytes.empty() || exchange.finished) return;
  if (exchange.chunked)
    appendChunk(exchange.bytes, bytes);
  else
    exchange.bytes.append(bytes);
}

std::string_view ResponseQueue::output() {
  while (!exchanges_.empty() && !ended_ && !cut_ && unsent() < kOutputTarget) {
    Exchange& front = exchanges_.front();
    if (unsent() == 0) {
      out_.swap(front.bytes);
      front.bytes.clear();
      outAt_ = 0;
    } else {
      out_.append(front.bytes);
      front.bytes.clear();
    }
    outPayloadBytes_ += std::exchange(front.payloadBytes, 0);
    if (!front.finished) break;
    cut_ = front.cut;
    ended_ = !front.terms.keepAlive;
    outPayloadBytes_ = 0;
    exchanges_.pop_front();
    ++frontSequence_;
  }
  return std::string_view(out_).substr(outAt_);
}

void ResponseQueue::consume(std::size_t bytes) {
  outAt_ += bytes;
  if (unsent() == 0) {
    if (out_.capacity() > kOutputKept) out_ = std::string();
    out_.clear();
    outAt_ = 0;
    releaseSent();
  } else if (outAt_ > kOutputTarget) {
    out_.erase(0, outAt_);
    outAt_ = 0;
  }
}

void ResponseQueue::releaseSent() {
  const std::size_t sent = std::exchange(outPayloadBytes_, 0);
  if (sent == 0 || exchanges_.empty() || !exchanges_.front().port) return;
  Exchange& front = exchanges_.front();
  if (front.port->release(sent) && front.events.drained) front.events.drained();
}

void ResponseQueue::abandon() {
  for (Exchange& exchange : exchanges_) {
    if (exchange.port) exchange.port->close();
    const auto closed = std::exchange(exchange.events.closed, nullptr);
    if (closed) closed();
  }
}

}  // namespace belay::http
