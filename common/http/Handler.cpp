#include "common/http/Handler.h"

#include <algorithm>

#include "common/base/Text.h"
#include "common/http/Exchange.h"

namespace belay::http {

const std::string& ServerRequest::param(std::string_view name) const {
  const auto found = std::find_if(params.begin(), params.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  BELAY_CHECK(found != params.end());
  return found->second;
}

std::optional<std::string> ServerRequest::queryValue(std::string_view name) const {
  for (const std::string_view part : base::split(query, '&')) {
    const std::size_t equals = std::min(part.find('='), part.size());
    std::string key;
    if (!percentDecode(part.substr(0, equals), key) || key != name) continue;
    std::string raw(part.substr(std::min(equals + 1, part.size())));
    std::replace(raw.begin(), raw.end(), '+', ' ');
    std::string value;
    if (!percentDecode(raw, value)) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

ServerResponse ServerResponse::of(int status, std::string contentType, std::string body) {
  ServerResponse response;
  response.status = status;
  response.headers.add("Content-Type", std::move(contentType));
  response.body = std::move(body);
  return response;
}

ResponseStream& ResponseStream::operator=(ResponseStream&& other) noexcept {
  if (this == &other) return *this;
  if (port_) port_->post(ExchangePost::Kind::kAbort);
  port_ = std::move(other.port_);
  return *this;
}

ResponseStream::~ResponseStream() {
  if (port_) port_->post(ExchangePost::Kind::kAbort);
}

ResponseStream::Write ResponseStream::write(std::string_view bytes) {
  return port_ ? port_->write(bytes) : Write::kClosed;
}

void ResponseStream::end() {
  if (port_) port_->post(ExchangePost::Kind::kEnd);
  port_.reset();
}

bool ResponseStream::open() const { return port_ && port_->open(); }

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this == &other) return *this;
  // What is replaced had no answer: an abort makes it 500.
  if (port_) port_->post(ExchangePost::Kind::kAbort);
  port_ = std::move(other.port_);
  return *this;
}

Responder::~Responder() {
  if (port_) port_->post(ExchangePost::Kind::kAbort);
}

void Responder::send(ServerResponse response) {
  if (port_) port_->post(ExchangePost::Kind::kAnswer, std::move(response));
  port_.reset();
}

ResponseStream Responder::stream(ServerResponse head, StreamEvents events) {
  if (!port_) return {};
  port_->post(ExchangePost::Kind::kStreamHead, std::move(head), std::move(events));
  return ResponseStream(std::exchange(port_, nullptr));
}

bool Responder::open() const { return port_ && port_->open(); }

void Responder::onClosed(std::function<void()> closed) {
  if (port_) port_->post(ExchangePost::Kind::kWatch, {}, {{}, std::move(closed)});
}

}  // namespace belay::http
