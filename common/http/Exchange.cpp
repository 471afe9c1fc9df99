#include "common/http/Exchange.h"

#include <utility>

namespace belay::http {

void ExchangeMailbox::post(ExchangePost&& message) {
  base::MutexLock lock(mutex_);
  if (closed_) return;
  posts_.push_back(std::move(message));
  if (std::exchange(sleeping_, false)) wake_.signal();
}

std::vector<ExchangePost> ExchangeMailbox::take() {
  base::MutexLock lock(mutex_);
  return std::exchange(posts_, {});
}

bool ExchangeMailbox::trySleep() {
  base::MutexLock lock(mutex_);
  sleeping_ = posts_.empty();
  return sleeping_;
}

void ExchangeMailbox::wake() {
  {
    base::MutexLock lock(mutex_);
    sleeping_ = false;
  }
  wake_.clear();
}

void ExchangeMailbox::close() {
  std::vector<ExchangePost> dropped;
  base::MutexLock lock(mutex_);
  closed_ = true;
  dropped.swap(posts_);
}

void ExchangePort::post(ExchangePost::Kind kind, ServerResponse response,
                        Responder::StreamEvents events) {
  mailbox_->post({kind, id_, std::move(response), {}, std::move(events)});
}

ResponseStream::Write ExchangePort::write(std::string_view bytes) {
  if (!open()) return ResponseStream::Write::kClosed;
  if (bytes.empty()) return ResponseStream::Write::kTaken;
  const auto full = [&] {
    const std::size_t unsent = unsent_.load();
    return unsent != 0 && unsent + bytes.size() > streamBytesMax_;
  };
  if (full()) {
    waitsForRoom_.store(true);
    // Room that came before the flag was up would be told to nobody.
    if (full() && unsent_.load() > streamBytesMax_ / 2) return ResponseStream::Write::kFull;
    waitsForRoom_.store(false);
  }
  unsent_.fetch_add(bytes.size());
  mailbox_->post({ExchangePost::Kind::kChunk, id_, {}, std::string(bytes), {}});
  return ResponseStream::Write::kTaken;
}

bool ExchangePort::release(std::size_t sentBytes) {
  const std::size_t left = unsent_.fetch_sub(sentBytes) - sentBytes;
  return left <= streamBytesMax_ / 2 && waitsForRoom_.exchange(false);
}

}  // namespace belay::http
