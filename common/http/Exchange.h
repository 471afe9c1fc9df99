#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/EventFd.h"
#include "common/base/Mutex.h"
#include "common/http/Handler.h"

namespace belay::http {

// How answers travel from any thread to the server's; used by the sources of common/http only.

/// Names one request of one connection. A connection that is gone leaves its number to another
/// generation.
struct ExchangeId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  std::uint64_t sequence = 0;
};

/// One message from a Responder or ResponseStream to the server.
struct ExchangePost {
  enum class Kind { kAnswer, kStreamHead, kChunk, kEnd, kAbort, kWatch };
  Kind kind = Kind::kAnswer;
  ExchangeId id;
  ServerResponse response;         ///< kAnswer, kStreamHead.
  std::string bytes;               ///< kChunk.
  Responder::StreamEvents events;  ///< kStreamHead; kWatch uses `closed`.
};

/// Holds posts until the server takes them. The first post after the server has gone to sleep wakes
/// it; all others cost no system call.
///
/// Threads: any; take(), trySleep() and wake() are the server's.
class ExchangeMailbox {
 public:
  void post(ExchangePost&& message);
  std::vector<ExchangePost> take();
  /// False when something waits: then do not sleep.
  bool trySleep();
  void wake();
  /// Also for Server::stop().
  void interrupt() { wake_.signal(); }
  int fd() const { return wake_.fd(); }
  /// The server is gone: posts are dropped from now on.
  void close();

 private:
  // Self-synchronised.
  base::EventFd wake_;

  base::Mutex mutex_;
  std::vector<ExchangePost> posts_ BELAY_GUARDED_BY(mutex_);
  bool sleeping_ BELAY_GUARDED_BY(mutex_) = false;
  bool closed_ BELAY_GUARDED_BY(mutex_) = false;
};

/// The end of an exchange that Responder and ResponseStream hold.
///
/// Threads:   any; the producer's methods one at a time.
/// Ownership: shared by the responder (or stream) and the server's connection.
class ExchangePort {
 public:
  ExchangePort(std::shared_ptr<ExchangeMailbox> mailbox, ExchangeId id, std::size_t streamBytesMax)
      : mailbox_(std::move(mailbox)), id_(id), streamBytesMax_(streamBytesMax) {}

  void post(ExchangePost::Kind kind, ServerResponse response = {},
            Responder::StreamEvents events = {});
  ResponseStream::Write write(std::string_view bytes);
  bool open() const { return !closed_.load(std::memory_order_relaxed); }

  // The server's side.
  void close() { closed_.store(true, std::memory_order_relaxed); }
  /// True when the producer waits for room and half of the bound is free again.
  bool release(std::size_t sentBytes);

 private:
  // Constant after construction.
  const std::shared_ptr<ExchangeMailbox> mailbox_;  // Shared with the server.
  const ExchangeId id_;
  const std::size_t streamBytesMax_;

  // Self-synchronised.
  std::atomic<bool> closed_{false};
  std::atomic<std::size_t> unsent_{0};
  std::atomic<bool> waitsForRoom_{false};
};

}  // namespace belay::http
